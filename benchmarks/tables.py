#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/performance.md, from a results.json: `benchmarks/tables.py build/bench/results/results.json`."""

import json
import sys

from summary import Ratio, count, microseconds

OURS = ("aperto", "aperto_epoll")


def columns(load):
    if "start_ms" in next(iter(load["peers"].values()))["median"]:
        return [("first reply", "start_ms", lambda v: f"{v:.2f} ms")]
    found = [("requests a second", "requests_per_second", count), ("p99", "p99_us", microseconds),
             ("CPU a request", "cpu_us", microseconds), ("an idle connection", "bytes_per_idle", lambda v: f"{v:,.0f} B"),
             ("memory", "memory_most_mb", lambda v: f"{v:.1f} MB")]
    known = next(iter(load["peers"].values()))["median"]
    return [column for column in found if column[1] in known]


def table(key, load):
    wanted = columns(load)
    figure = "start_ms" if wanted[0][1] == "start_ms" else "cpu_us"
    peers = sorted(load["peers"].items(), key=lambda one: one[1]["median"][figure])
    yield f"**({key}) {load['title']}**\n"
    yield "| | " + " | ".join(name for name, _, _ in wanted) + " | × floor |"
    yield "|---" * (len(wanted) + 2) + "|"
    for name, peer in peers:
        title = f"**{peer['title']}**" if name in OURS else peer["title"]
        cells = [show(peer["median"][of]) if peer["median"].get(of) is not None else "–" for _, of, show in wanted]
        times = "1" if name == load["floor"] else str(Ratio(*peer["to_floor"].values())) if peer.get("to_floor") else "–"
        yield f"| {title} | " + " | ".join(cells) + f" | {times} |"
    yield ""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    for key, load in results["loads"].items():
        print("\n".join(table(key, load)))
    for goal in results["goals"]:
        print(f"| {goal['load']} | {goal['text']} | {goal['seen']}: {'met' if goal['met'] else '**not met**'} |")


if __name__ == "__main__":
    main()
