# SPDX-License-Identifier: MIT
"""./bench --quick: has aperto become slower against the floor? Fails beyond a tolerance that noise does not reach.

What is compared is CPU a request, from the kernel's accounting, as a ratio to a floor in the same round: neighbours on
the machine slow both alike. The lowest of the rounds' ratios counts: a regression raises the ratio of every round,
a disturbance of ours that of some; one of the floor lowers it, so a small regression may be missed.
"""

import loads as load_table
import measure
from summary import Results

ROUNDS = 3
SECONDS = 0.4
# (load, ours, floor): what the lowest ratio may be. Set above the most that twenty runs showed on a machine with four to
# five times as many ready programs as cores, and below what the regressions cost that were planted (docs/performance.md).
LIMITS = {
    ("1", "aperto", "uring_c"): 1.20,
    ("1", "aperto_epoll", "epoll_c"): 1.25,
    ("3", "aperto", "uring_c"): 1.20,
    ("4", "aperto", "epoll_c"): 1.80,
    ("5", "aperto", "epoll_c"): 1.30,
    ("6a", "aperto", "epoll_c"): 1.45,
}


def run(peers, say, progress):
    """0 where nothing has become slower, 1 where something has."""
    by_key = {p.key: p for p in peers}
    loads = {load.key: load for load in load_table.LOADS}
    slower = 0
    for (load_key, ours, floor), limit in LIMITS.items():
        if ours not in by_key or floor not in by_key:
            say(f"  – ({load_key}) {ours} against {floor}: one of them cannot run here")
            slower += 1
            continue
        samples = {load_key: {ours: [], floor: []}}
        for number in range(ROUNDS):
            for key in (floor, ours):
                progress(f"load {load_key}, round {number + 1} of {ROUNDS}: {by_key[key].title}")
                samples[load_key][key].append(sample(by_key[key], loads[load_key], say))
        progress("")
        ratio = Results(peers, samples).ratio(load_key, ours, floor)
        met = ratio is not None and ratio.least <= limit
        slower += not met
        say(f"  {'✓' if met else '✗'} ({load_key}) {by_key[ours].title} / {by_key[floor].title}: lowest of {ROUNDS} "
            f"{f'{ratio.least:.2f}, median {ratio.middle:.2f}' if ratio else 'unknown'}; may be {limit:.2f}")
    say("nothing has become slower" if not slower else f"{slower} of {len(LIMITS)} have become slower, or cannot run")
    return 1 if slower else 0


def sample(peer, load, say):
    try:
        return measure.take_sample(peer, load, SECONDS)
    except measure.Failed as failed:
        say(f"    {peer.title}: {failed}")
        return None
