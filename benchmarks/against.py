# SPDX-License-Identifier: MIT
"""./bench --against PROGRAM: another build of aperto, that of the commit before, beside this one.

Both take one load from one generator (this build's), in turns, and which of the two goes first alternates. What is compared is
CPU a request (the time to the first reply for load 8), as a ratio within the round.
"""

from dataclasses import replace

import measure
import peers as peer_table
import summary

# A load has become slower where even its best round is past this. One round alone may be anything.
TOLERANCE = 1.02


def run(program, loads, rounds, seconds, say, progress):
    """0 where nothing has become slower, 1 where something has."""
    ours = [peer for peer in peer_table.PEERS if peer.role == "ours"]
    slower = 0
    say(f"this build / {program}: CPU a request, the median of {rounds} rounds (the least–the most)")
    for load in loads:
        cells = []
        for now in ours:
            before = replace(now, key="before", command=(program, *now.command[1:]))
            ratio = pairs(before, now, load, rounds, seconds, say, progress)
            figure = "start_ms" if load.special == "start" else "cpu_us"
            found = ratio.ratio(load.key, now.key, before.key, figure)
            slower += found is None or found.least > TOLERANCE
            cells.append(f"{now.title} {found if found else 'cannot run'}")
        say(f"  ({load.key}) {load.title}: {' · '.join(cells)}")
    say("nothing has become slower" if not slower else f"{slower} have become slower, or cannot run")
    return 1 if slower else 0


def pairs(before, now, load, rounds, seconds, say, progress):
    samples = {load.key: {before.key: [], now.key: []}}
    for number in range(rounds):
        for peer in (before, now) if number % 2 else (now, before):
            progress(f"load {load.key}, round {number + 1} of {rounds}: {peer.title}, {peer.key}")
            try:
                sample = measure.take_sample(peer, load, seconds)
            except measure.Failed as failed:
                say(f"    {peer.title}, {peer.key}: {failed}")
                sample = None
            samples[load.key][peer.key].append(sample)
    progress("")
    return summary.Results([before, now], samples)
