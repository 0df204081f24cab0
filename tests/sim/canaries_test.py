# SPDX-License-Identifier: MIT
"""The simulation finds every planted bug, and says in how many seeds; without one it finds nothing."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = Path(os.environ["APERTO_BUILD_DIR"]) / "tests" / "sim_canaries"
# The rare ones need more seeds.
SEEDS = (300, 3000, 40000)


def bugs():
    listed = subprocess.run([sys.executable, "-B", HERE / "canaries" / "plant.py", "--list"], check=True,
                            capture_output=True, text=True).stdout
    return [line.split(" ", 1) for line in listed.splitlines()]


def tally(number, seeds):
    done = subprocess.run([PROGRAM, "--seeds", str(seeds), "--canary", number, "--tally"], capture_output=True, text=True)
    found = re.search(r"found in (\d+) of (\d+) seeds", done.stdout)
    if not found:
        raise AssertionError(f"canary {number}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return int(found[1])


class Canaries(unittest.TestCase):
    def test_without_a_bug_nothing_is_found(self):
        self.assertEqual(tally("0", SEEDS[0]), 0)

    def test_every_planted_bug_is_found(self):
        self.assertGreaterEqual(len(bugs()), 10)
        for number, name in bugs():
            with self.subTest(name):
                for seeds in SEEDS:
                    found = tally(number, seeds)
                    if found:
                        break
                print(f"{found:6} of {seeds} seeds find: {name}", file=sys.stderr)
                self.assertGreater(found, 0, name)


if __name__ == "__main__":
    unittest.main()
