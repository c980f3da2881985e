"""Deploying a history to an empty database: `run-migration deploy` beside `prisma migrate deploy`.

    python3 benches/deploy.py MIGRATIONS SERVER_URL [RUNS]

MIGRATIONS is a directory of migrations with schema.prisma beside it; SERVER_URL names a disposable server, as a role that
may create databases there. Both get the same databases in turns. Prisma's CLI is the one that the tests have installed.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TOOLS = REPOSITORY / "target/test-tools"
TOOL = Path(os.environ.get("RUN_MIGRATION_BIN", REPOSITORY / "target/release/run-migration"))
VERSIONS = ("5.4.2", "6.19.0", "7.10.1")


def project(directory: Path, migrations: Path, version: str) -> None:
    """A project as Prisma's CLI of this version wants it."""
    schema = (migrations.parent / "schema.prisma").read_text()
    if version.startswith("7"):
        schema = re.sub(r"^\s*(url|directUrl|shadowDatabaseUrl)\s*=.*\n", "", schema, flags=re.MULTILINE)
        (directory / "prisma.config.mjs").write_text(
            "export default { schema: 'schema.prisma', migrations: { path: 'migrations' }, "
            "datasource: { url: process.env.DATABASE_URL } }"
        )
    (directory / "schema.prisma").write_text(schema)
    (directory / "migrations").symlink_to(migrations)


def engine(version: str) -> Path:
    """The engine that the tests have installed for this major."""
    found = sorted(TOOLS.glob(f"cache/prisma/schema-engine-*/schema-engine-{version[0]}"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"there is no engine for Prisma {version[0]} in {TOOLS}: run the tests first")
    return found[-1]


def prisma(version: str, directory: Path) -> tuple[list[str], dict[str, str]]:
    index = TOOLS / f"prisma-{version}/node_modules/prisma/build/index.js"
    environment = {
        "PRISMA_SCHEMA_ENGINE_BINARY": str(engine(version)),
        "PRISMA_QUERY_ENGINE_LIBRARY": "/dev/null",
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
        "CHECKPOINT_DISABLE": "1",
    }
    return ["node", str(index), "migrate", "deploy"], environment


def ours(more: list[str], migrations: Path) -> tuple[list[str], dict[str, str]]:
    return [str(TOOL), "deploy", "--migrations", str(migrations), "--quiet", *more], {}


def once(command: tuple[list[str], dict[str, str]], directory: Path, server: str) -> float:
    """Deploys to a new database; the seconds that it took."""
    words, environment = command
    name = f"deploy_bench_{os.getpid()}"
    admin = server.rstrip("/") + "/postgres"
    subprocess.run(["psql", "-q", admin, "-c", f"CREATE DATABASE {name} TEMPLATE template0"], check=True)
    try:
        environment = os.environ | environment | {"DATABASE_URL": f"{server.rstrip('/')}/{name}"}
        started = time.perf_counter()
        ended = subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True)
        took = time.perf_counter() - started
        if ended.returncode != 0:
            sys.exit(f"{words}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return took
    finally:
        subprocess.run(["psql", "-q", admin, "-c", f"DROP DATABASE {name} WITH (FORCE)"], check=True)


def main() -> None:
    migrations, server = Path(sys.argv[1]).resolve(), sys.argv[2]
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    with tempfile.TemporaryDirectory() as scratch:
        contestants = {}
        for version in VERSIONS:
            directory = Path(scratch) / version
            directory.mkdir()
            project(directory, migrations, version)
            contestants[f"prisma migrate deploy {version}"] = (prisma(version, directory), directory)
        empty = Path(scratch) / "ours"
        empty.mkdir()
        contestants["run-migration deploy --skip-preflight"] = (ours(["--skip-preflight"], migrations), empty)
        contestants["run-migration deploy"] = (ours([], migrations), empty)
        times = {name: [] for name in contestants}
        for _ in range(runs):
            for name, (command, directory) in contestants.items():
                times[name].append(once(command, directory, server))
    count = sum(1 for _ in migrations.glob("*/migration.sql"))
    print(f"{count} migrations to an empty database, {runs} runs in turns, seconds\n")
    print("| | median | fastest | slowest |\n|---|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |")


if __name__ == "__main__":
    main()
