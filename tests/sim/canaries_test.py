# SPDX-License-Identifier: MIT
"""The simulation finds every planted bug, and says by which seed; without one it finds nothing."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = Path(os.environ["APERTO_BUILD_DIR"]) / "tests" / "sim_canaries"
# The rarest takes some 6,000.
SEEDS = 60000


def bugs():
    listed = subprocess.run([sys.executable, "-B", HERE / "canaries" / "plant.py", "--list"], check=True,
                            capture_output=True, text=True).stdout
    return [line.split(" ", 1) for line in listed.splitlines()]


def first_seed_that_finds(number, seeds):
    """None where no seed does; 0 where it ends the program, at whichever seed that was."""
    done = subprocess.run([PROGRAM, "--seeds", str(seeds), "--canary", number, "--quiet"], capture_output=True, text=True)
    if done.returncode < 0:
        return 0
    found = re.search(r"^seed (\d+) failed", done.stdout, re.MULTILINE)
    if not found and done.returncode != 0:
        raise AssertionError(f"canary {number}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return int(found[1]) if found else None


class Canaries(unittest.TestCase):
    def test_without_a_bug_nothing_is_found(self):
        self.assertIsNone(first_seed_that_finds("0", 1000))

    def test_every_planted_bug_is_found(self):
        self.assertGreaterEqual(len(bugs()), 30)
        for number, name in bugs():
            with self.subTest(name):
                seed = first_seed_that_finds(number, SEEDS)
                print(f"seed {seed:>6}: {name}" if seed is not None else f"NOT FOUND: {name}", file=sys.stderr)
                self.assertIsNotNone(seed, name)


if __name__ == "__main__":
    unittest.main()
