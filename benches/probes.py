"""`run-migration ready --listen` under more probes than any cluster sends.

    python3 benches/probes.py SERVER_URL [SECONDS]

SERVER_URL names a disposable server, as a role that may create databases there. Needs wrk, psql and a release build. Prints
requests per second, the latencies, the questions that the database was asked, and the memory of the process.
"""

import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TOOL = Path(os.environ.get("RUN_MIGRATION_BIN", REPOSITORY / "target/release/run-migration"))
MIGRATIONS = REPOSITORY / "migrations_fixture/litellm-proxy-extras/litellm_proxy_extras/migrations"

# wrk prints 50, 75, 90 and 99 % by itself.
REPORT = """
done = function(summary, latency)
  for _, percent in ipairs({50, 90, 95, 99, 99.9}) do
    print(string.format("p%s %.2f ms", percent, latency:percentile(percent) / 1000))
  end
  print(string.format("longest %.2f ms", latency.max / 1000))
  print(string.format("answers other than 200 %d", summary.errors.status))
end
"""


def metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"run_migration_{name} ")), 0.0)


def resident(pid: int) -> int:
    """Memory in KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def probe(url: str, seconds: int) -> None:
    """Starts the probe server, loads it and prints what came of it."""
    command = [TOOL, "ready", "--listen", "0", "--migrations", MIGRATIONS]
    child = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": url}, stderr=subprocess.PIPE, text=True)
    try:
        line = child.stderr.readline()
        address = "http://" + line.split("http://")[1].split("/")[0]
        while not metric(address, "ready"):
            pass
        questions, memory = metric(address, "checks_total"), resident(child.pid)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(REPORT)
            script.flush()
            load = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script.name, f"{address}/health/ready"]
            subprocess.run(load, check=True)
        print(f"questions to the database in {seconds} s: {metric(address, 'checks_total') - questions:.0f}")
        print(f"memory before {memory} KB, after {resident(child.pid)} KB")
    finally:
        child.terminate()
        child.wait()


def main() -> None:
    server = sys.argv[1].rstrip("/")
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    name = f"probes_bench_{os.getpid()}"
    url = f"{server}/{name}"
    sql = lambda text: subprocess.run(["psql", "-q", f"{server}/postgres", "-c", text], check=True)
    sql(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        deploy = [TOOL, "deploy", "--skip-preflight", "--allow-destructive", "--migrations", MIGRATIONS, "--quiet"]
        subprocess.run(deploy, check=True, env=os.environ | {"DATABASE_URL": url}, stdout=subprocess.DEVNULL)
        probe(url, seconds)
    finally:
        sql(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
