# SPDX-License-Identifier: MIT
"""The sixteen labs, and the scenarios of hours, pass in the virtual Linux, in seconds."""
import time
import unittest

from virtual_support import LABS, lab, needs_the_kernel

setUpModule = needs_the_kernel


class Labs(unittest.TestCase):
    def test_the_sixteen_labs_pass(self):
        names = sorted(path.stem for path in LABS.glob("*.toml"))
        began = time.monotonic()
        done = lab("run", *names, "--virtual", "--show", "none")
        print(f"sixteen labs: {time.monotonic() - began:.1f} s", flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("PASSED"), 16, done.stdout)

    def test_the_long_ones_pass(self):
        for path in sorted(LABS.glob("long/*.toml")):
            with self.subTest(path.stem):
                began = time.monotonic()
                done = lab("run", path, "--show", "none")
                print(f"{path.stem}: {time.monotonic() - began:.1f} s", flush=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
