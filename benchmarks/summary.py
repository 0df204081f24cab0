# SPDX-License-Identifier: MIT
"""From samples to a table: medians, ratios taken within a round, their spread, and whether the goals are met."""

from dataclasses import dataclass
from statistics import median

from loads import LOADS


@dataclass(frozen=True)
class Ratio:
    """Of figures of the same round, because what disturbs a round disturbs both."""

    middle: float
    least: float
    most: float

    def __str__(self):
        return f"{self.middle:.2f} ({self.least:.2f}–{self.most:.2f})"

    def as_json(self):
        return {"median": self.middle, "least": self.least, "most": self.most}


class Results:
    """samples[load][peer]: a list with an entry for each round, None where there is no sample."""

    def __init__(self, peers, samples):
        self.peers = peers
        self.samples = samples

    def values(self, load, peer, figure):
        return [s[figure] if s and figure in s else None for s in self.samples.get(load, {}).get(peer, [])]

    def middle(self, load, peer, figure):
        known = [v for v in self.values(load, peer, figure) if v is not None]
        return median(known) if known else None

    def ratio(self, load, peer, other, figure="cpu_us"):
        pairs = zip(self.values(load, peer, figure), self.values(load, other, figure))
        ratios = [a / b for a, b in pairs if a is not None and b]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None

    def best(self, load, role, figure="cpu_us", among=lambda peer: True):
        """The peer of a role with the lowest median, or None."""
        # A server for one client at a time needs no way to wait for many: it is shown, and compared with nobody.
        known = [(self.middle(load, p.key, figure), p.key) for p in self.peers
                 if p.role == role and among(p) and not p.only]
        known = [pair for pair in known if pair[0] is not None]
        return min(known)[1] if known else None


def microseconds(value):
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.2f} µs" if value < 10 else f"{value:.0f} µs"
    return f"{value / 1000:.2f} ms" if value < 1e6 else f"{value / 1e6:.2f} s"


def count(value):
    if value is None:
        return "–"
    return f"{value / 1000:.1f} k" if value >= 10_000 else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def columns_for(load):
    if load.special == "start":
        return [("first reply", "start_ms", lambda v: "–" if v is None else f"{v:.2f} ms")]
    columns = [(f"{load.unit}/s", "requests_per_second", count)]
    if load.key.startswith("6"):
        columns.append(("MB/s", "received_mb_per_second", count))
    columns += [("p50", "p50_us", microseconds), ("p99", "p99_us", microseconds), ("p99.9", "p99_9_us", microseconds),
                (f"CPU/{load.unit}", "cpu_us", microseconds)]
    if load.idle:
        columns.append(("B/idle conn", "bytes_per_idle", lambda v: "–" if v is None else f"{v:,.0f}"))
    columns.append(("memory", "memory_most_mb", lambda v: "–" if v is None else f"{v:.1f} MB"))
    return columns


def table(results, load, failures):
    """The lines of one load."""
    figure = "start_ms" if load.special == "start" else "cpu_us"
    floor = results.best(load.key, "floor", figure)
    rival = results.best(load.key, "peer", figure)
    titles = {p.key: p.title for p in results.peers}
    columns = columns_for(load)
    header = [f"({load.key}) {load.title}", *(name for name, _, _ in columns), "× floor", "× best peer"]
    rows = []
    for peer in results.peers:
        if results.middle(load.key, peer.key, figure) is None:
            continue
        row = [peer.title, *(show(results.middle(load.key, peer.key, name)) for _, name, show in columns)]
        for other in (floor, rival):
            ratio = results.ratio(load.key, peer.key, other, figure) if other else None
            row.append("1" if peer.key == other else str(ratio) if ratio else "–")
        rows.append(row)
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
             for line in [header, *rows]]
    if rival:
        lines.append(f"    floor: {titles.get(floor, 'none')} · best peer: {titles[rival]}")
    lines += [f"    {titles[peer]}: {why}" for peer, why in failures.get(load.key, {}).items()]
    return lines


@dataclass(frozen=True)
class Goal:
    load: str
    text: str
    met: bool
    seen: str

    def line(self):
        return f"  {'✓' if self.met else '✗'} ({self.load}) {self.text}: {self.seen}"


def floor_goals(results, ours, most, floors):
    for load in ("1", "2", "3", "5"):
        floor = results.best(load, "floor", among=floors)
        ratio = results.ratio(load, ours, floor) if floor else None
        if ratio:
            yield Goal(load, f"{ours}: CPU a request at most {most:.2f} × the floor", ratio.middle <= most, str(ratio))


def peer_goals(results):
    for load in ("1", "2", "3", "5"):
        rival = results.best(load, "peer")
        ratio = results.ratio(load, "aperto", rival) if rival else None
        if ratio:
            yield Goal(load, f"CPU a request below every peer (best: {rival})", ratio.middle < 1, str(ratio))
    rival = results.best("1", "peer", "p99_us")
    ratio = results.ratio("1", "aperto", rival, "p99_us") if rival else None
    if ratio:
        yield Goal("1", f"p99 not above the best peer's ({rival})", ratio.middle <= 1, str(ratio))
    codecs = {p.key for p in results.peers if p.line_codec}
    for load, least, among in (("4", 3.0, lambda p: p.key in codecs), ("6a", 1.2, lambda p: True), ("6b", 1.2, lambda p: True)):
        rival = results.best(load, "peer", among=among)
        ratio = results.ratio(load, rival, "aperto") if rival else None
        if ratio:
            yield Goal(load, f"at least {least} × the best peer ({rival}), per core", ratio.middle >= least, str(ratio))


def other_goals(results):
    small, large = results.middle("1", "aperto", "cpu_us"), results.middle("2", "aperto", "cpu_us")
    if small and large:
        yield Goal("2", "CPU a request grows at most 1.5 × from 64 to 8,000 connections", large <= 1.5 * small,
                   f"{large / small:.2f}")
    idle = results.middle("7", "aperto", "bytes_per_idle")
    if idle is not None:
        yield Goal("7", "at most 512 bytes an idle connection", idle <= 512, f"{idle:.0f}")
    start = results.middle("8", "aperto", "start_ms")
    if start is not None:
        yield Goal("8", "first reply within 5 ms of exec", start < 5, f"{start:.2f} ms")


def goals(results):
    return [*floor_goals(results, "aperto", 1.05, lambda p: True), *peer_goals(results), *other_goals(results),
            *(Goal("9", f"load {g.load}, {g.text}", g.met, g.seen)
              for g in floor_goals(results, "aperto_epoll", 1.10, lambda p: p.key == "epoll_c"))]


def generator_note(results):
    """One line on whether the servers were measured, or what loaded them, or a busy machine."""
    shares = [s for load in LOADS for peer in results.peers for s in results.samples.get(load.key, {}).get(peer.key, []) if s]
    busy = [s["generator_share"] for s in shares if "generator_share" in s]
    waited = [s["generator_waited"] for s in shares if "generator_waited" in s]
    if not busy:
        return ""
    note = f"the generator was busy {median(busy):.0%} of its core (median), {max(busy):.0%} at most"
    if median(waited) > 0.05:
        note += (f"; {median(waited):.0%} of the time it waited for a core that other programs had: "
                 "trust CPU a request, not the times")
    return note


def as_json(results, facts, failures):
    out = {"facts": facts, "loads": {}, "goals": [vars(g) for g in goals(results)]}
    for load in LOADS:
        if load.key not in results.samples:
            continue
        figure = "start_ms" if load.special == "start" else "cpu_us"
        floor, rival = results.best(load.key, "floor", figure), results.best(load.key, "peer", figure)
        entry = {"title": load.title, "floor": floor, "best_peer": rival, "failures": failures.get(load.key, {}), "peers": {}}
        for peer in results.peers:
            if results.middle(load.key, peer.key, figure) is None:
                continue
            to_floor = results.ratio(load.key, peer.key, floor, figure) if floor else None
            to_rival = results.ratio(load.key, peer.key, rival, figure) if rival else None
            entry["peers"][peer.key] = {
                "title": peer.title,
                "median": {name: results.middle(load.key, peer.key, name) for _, name, _ in columns_for(load)},
                "to_floor": to_floor.as_json() if to_floor else None,
                "to_best_peer": to_rival.as_json() if to_rival else None,
                "rounds": results.samples[load.key][peer.key],
            }
        out["loads"][load.key] = entry
    return out
