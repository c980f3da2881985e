#!/usr/bin/env python3
"""Measures this tool beside the original flow and beside the one call that cannot be avoided.

    cargo build --release --locked && python3 benches/run.py            # all of it
    python3 benches/run.py compare --rounds 7                           # side by side, alternating
    python3 benches/run.py growth --rounds 3                            # cost against size

Tables and plots go to benches/results/. Needs python3, git, node, npm and a PostgreSQL of the system.
"""

import argparse
import os
import platform
import signal
import sys
from pathlib import Path
from statistics import median
from time import monotonic

import flows
import histories
import tables

RESULTS = Path(__file__).resolve().parent / "results"
PRISMAS = ["5.4.2", "6.19.0"]
SIZES = [(220, 100), (2_200, 100), (10_000, 100), (2_200, 1_000)]


def timed(work) -> float:
    started = monotonic()
    work()
    return monotonic() - started


def memory(project: flows.Project) -> int:
    """The most memory of this tool in KB: cold, warm and unchanged."""
    peaks = []
    for forgotten in (["databases", "answers"], ["answers"], []):
        project.forget(*forgotten)
        peaks.append(project.run(watch=True).peak)
    return max(peaks)


def compare(version: str, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Every contender once in each round; seconds by contender, and the most memory of this tool in KB."""
    project = flows.Project(histories.published(), version)
    changed = flows.Project(histories.published(), version)
    changed.run()
    changed.change()
    programs = project.programs()
    server = flows.Server(programs)
    flows.deploy(programs, project, server.url)

    def ours(source: str | None, *forgotten: str, project: flows.Project = project) -> float:
        project.forget(*forgotten)
        run = project.run()
        assert run.source() == source, f"from_cache is {run.source()}, not {source}"
        return run.took

    contenders = {
        "original flow": lambda: timed(lambda: flows.original(programs, project)),
        "bare diff": lambda: timed(lambda: flows.diff(programs, project, server.url)),
        "ours, cold": lambda: ours(None, "databases", "answers"),
        "ours, warm": lambda: ours("database", "answers"),
        "ours, warm, a model new": lambda: ours("database", "answers", project=changed),
        "ours, unchanged": lambda: ours("answers"),
    }
    took: dict[str, list[float]] = {name: [] for name in contenders}
    try:
        for turn in range(rounds):
            for name, run in contenders.items():
                took[name].append(run())
            shown = ", ".join(f"{name} {tables.seconds(times[-1])}" for name, times in took.items())
            print(f"Prisma {version}, round {turn + 1} of {rounds}: {shown}", flush=True)
        peak = memory(project)
    finally:
        server.stop()
        project.remove()
        changed.remove()
    return took, peak


def compare_all(rounds: int) -> None:
    rows, groups = [], {}
    for version in PRISMAS:
        took, peak = compare(version, rounds)
        medians = {name: median(times) for name, times in took.items()}
        groups[f"Prisma {version}"] = medians
        for name, times in took.items():
            rows.append([version, name, tables.seconds(medians[name]),
                         f"{tables.seconds(min(times))} to {tables.seconds(max(times))}",
                         f"{medians[name] / medians['bare diff']:.2f}",
                         f"{medians['original flow'] / medians[name]:.1f}"])
        rows.append([version, "memory of our process", f"{peak / 1024:.0f} MB at most", "", "", ""])
    head = ["Prisma", "contender", "median", "range", "times the bare diff", "original is so many times it"]
    table = tables.markdown(head, rows)
    publish("compare", f"# Side by side, {rounds} rounds, alternating\n\n{machine()}\n\n{table}")
    (RESULTS / "compare.svg").write_text(tables.bars(f"Medians of {rounds} rounds", groups))


def grow(count: int, models: int, rounds: int) -> dict[str, float]:
    """Cold, warm with one migration more than last time, and unchanged; seconds."""
    history = histories.made_up(count, models)
    project = flows.Project(history, PRISMAS[0])
    took: dict[str, list[float]] = {"cold": [], "warm, one new": [], "unchanged": []}
    try:
        project.run()
        for turn in range(rounds):
            project.forget("databases", "answers")
            cold = project.run()
            history.add(project.root, f"2099010100{turn:04}_new", f"CREATE INDEX \"i_{turn}\" ON \"model_0\" (\"name\");\n")
            warm = project.run()
            assert warm.source() == "database", warm.report
            unchanged = project.run()
            assert unchanged.source() == "answers", unchanged.report
            took["cold"].append(cold.took)
            took["warm, one new"].append(warm.took)
            took["unchanged"].append(unchanged.took)
        took["memory"] = [memory(project)]
    finally:
        project.remove()
    medians = {name: median(values) for name, values in took.items()}
    print(f"{count} migrations, {models} models: {medians}", flush=True)
    return medians


def grow_all(rounds: int) -> None:
    measured = {size: grow(*size, rounds) for size in SIZES}
    names = ["cold", "warm, one new", "unchanged"]
    rows = [[f"{count:,}", f"{models:,}", *(tables.seconds(found[name]) for name in names),
             f"{found['memory'] / 1024:.0f} MB"] for (count, models), found in measured.items()]
    table = tables.markdown(["migrations", "models", *names, "memory of our process"], rows)
    publish("growth", f"# Cost against size, medians of {rounds}, Prisma {PRISMAS[0]}\n\n{machine()}\n\n{table}")
    series = {name: [(count, found[name]) for (count, models), found in measured.items() if models == 100]
              for name in names}
    (RESULTS / "growth.svg").write_text(tables.lines("Seconds against migrations, 100 models", series))


def machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load} at the end."


def publish(name: str, text: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    print(f"\n{text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["all", "compare", "growth"], default="all")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    # Whoever ends it early still has its servers ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not flows.TOOL.is_file():
        raise SystemExit(f"{flows.TOOL} is not there: cargo build --release --locked")
    if options.what in ("all", "compare"):
        compare_all(options.rounds)
    if options.what in ("all", "growth"):
        grow_all(min(options.rounds, 3))


if __name__ == "__main__":
    main()
