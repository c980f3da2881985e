"""What is compared: the original flow, the one call that cannot be avoided, and this tool."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from histories import REPOSITORY, History

TOOL = REPOSITORY / "target/release/run-migration"
TOOLS = REPOSITORY / "target/test-tools"
ARGUMENTS = ["generate", "next", "--dry-run", "--skip-freshness-check", "--format", "json", "--allow-destructive"]


@dataclass
class Programs:
    """The same programs for everybody."""

    node: str
    cli: str
    engine: str
    postgres: Path

    def prisma(self, url: str) -> dict[str, str]:
        """The environment in which Prisma's CLI needs no download."""
        return os.environ | {
            "DATABASE_URL": url,
            "PRISMA_SCHEMA_ENGINE_BINARY": self.engine,
            "PRISMA_QUERY_ENGINE_LIBRARY": "/dev/null",
            "PRISMA_HIDE_UPDATE_MESSAGE": "1",
            "CHECKPOINT_DISABLE": "1",
        }


def install(version: str) -> Path:
    """Prisma's CLI, from npm, as the project's own."""
    place = TOOLS / f"prisma-{version}"
    if not (place / "node_modules/prisma").exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", f"prisma@{version}"]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
    return place / "node_modules"


@dataclass
class Project:
    """A repository, with a cache of its own that shares the installed tools."""

    history: History
    version: str
    directory: Path = field(init=False)

    def __post_init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="rm-bench-"))
        self.directory.chmod(0o755)
        self.root.mkdir()
        self.history.write(self.root)
        (self.root / "node_modules").symlink_to(install(self.version))
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-C", str(self.root)]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "the beginning"], check=True)
        self.cache.mkdir()
        for tools in ["postgres", "prisma"]:
            (TOOLS / "cache" / tools).mkdir(parents=True, exist_ok=True)
            (self.cache / tools).symlink_to(TOOLS / "cache" / tools)

    @property
    def root(self) -> Path:
        return self.directory / "work"

    @property
    def cache(self) -> Path:
        return self.directory / "cache"

    def change(self) -> None:
        """Adds a model to the schema and its copies."""
        for schema in self.root.rglob("schema.prisma"):
            if "node_modules" not in schema.parts:
                schema.write_text(schema.read_text() + "\nmodel Added {\n  id   Int    @id\n  name String\n}\n")

    def forget(self, *kinds: str) -> None:
        """Removes what earlier runs found out; what is known of the installed tools stays."""
        for kind in kinds:
            shutil.rmtree(self.cache / kind, ignore_errors=True)

    def run(self, watch: bool = False) -> "Run":
        """This tool, once. To watch its memory takes time of the processors, and counts as nobody's."""
        environment = os.environ | {"RUN_MIGRATION_CACHE_DIR": str(self.cache)}
        started = time.monotonic()
        child = subprocess.Popen([TOOL, *ARGUMENTS], cwd=self.root, env=environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        peak = watched(child) if watch else 0
        out, err = child.communicate()
        took = time.monotonic() - started
        if child.returncode != 0:
            raise SystemExit(f"{TOOL} ended with {child.returncode}:\n{out.decode()}\n{err.decode()}")
        return Run(took, peak, json.loads(out))

    def programs(self) -> Programs:
        """What this tool uses, so that everybody uses it."""
        tools = {tool["role"]: tool["path"] for tool in self.run().report["toolchain"]}
        return Programs(tools["node"], tools["prisma"], tools["engine"], Path(tools["postgres"]))

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass
class Run:
    """One run of this tool: seconds, the most memory of its own process in KB where that was watched, its report."""

    took: float
    peak: int
    report: dict

    def source(self) -> str | None:
        return self.report.get("from_cache")


def watched(child: subprocess.Popen) -> int:
    """The most memory of a process, in KB, once it has ended."""
    peak = 0
    while child.poll() is None:
        peak = max(peak, resident(child.pid))
        time.sleep(0.005)
    return peak


def resident(pid: int) -> int:
    """The most memory that a process ever had, in KB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


class Server:
    """A PostgreSQL as the original flow has it: initdb and pg_ctl with their defaults, on a free port."""

    def __init__(self, programs: Programs) -> None:
        self.bin = programs.postgres
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="rm-bench-pg-"))
        if self.account:
            os.chown(self.directory, self.account.pw_uid, self.account.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = str(self.directory / "data")
        self._call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        options = f"-p {self.port} -h 127.0.0.1 -k {self.directory}"
        self._call("pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{self.directory}/log", "start")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _call(self, program: str, *arguments: str) -> None:
        user = {"user": self.account.pw_uid, "group": self.account.pw_gid} if self.account else {}
        subprocess.run([self.bin / program, *arguments], cwd=self.directory, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, **user)

    def stop(self) -> None:
        self._call("pg_ctl", "-D", str(self.directory / "data"), "-w", "-m", "fast", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)


def deploy(programs: Programs, project: Project, url: str) -> None:
    """`prisma migrate deploy`."""
    schema = project.history.directory(project.root).parent / "schema.prisma"
    command = [programs.node, programs.cli, "migrate", "deploy", "--schema", schema]
    subprocess.run(command, env=programs.prisma(url), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def diff(programs: Programs, project: Project, url: str) -> str:
    """`prisma migrate diff` against a database that is there: the one call that cannot be avoided."""
    command = [programs.node, programs.cli, "migrate", "diff", "--script", "--from-url", url,
               "--to-schema-datamodel", project.root / "schema.prisma"]
    done = subprocess.run(command, env=programs.prisma(url), check=True, capture_output=True)
    return done.stdout.decode()


def original(programs: Programs, project: Project) -> None:
    """The original flow: a server, every migration deployed by Prisma, the difference, and the server's end."""
    server = Server(programs)
    try:
        deploy(programs, project, server.url)
        diff(programs, project, server.url)
    finally:
        server.stop()
