# SPDX-License-Identifier: MIT
"""A service that makes more submissions in a turn than the ring has places answers every line whole."""

import subprocess
import unittest

from attack import BUILD, FULL, on_each_engine, report

SECONDS = 120 if FULL else 4


class FanOut(unittest.TestCase):
    @on_each_engine
    def test_every_line_that_came_in_pieces_is_answered_whole(self, engine):
        done = subprocess.run([f"{BUILD}/tests/fan_out", engine, str(SECONDS)], capture_output=True, text=True,
                              timeout=SECONDS + 60)
        report(engine, f"600 subscribers, {SECONDS} s: {done.stdout.strip()}", "none wrong")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
