# SPDX-License-Identifier: MIT
"""The unit for systemd, held to systemd's own judgement of it."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
UNIT = ROOT / "deploy" / "systemd" / "aperto.service"
# Of ten: what `systemd-analyze security` calls the exposure. A service that does nothing for itself has 9.6.
EXPOSURE_MOST = 1.5


def analyze(*words):
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("APERTO_PACKAGES") == "installed":
            raise AssertionError("tools/packages lacks systemd")
        raise unittest.SkipTest("systemd-analyze is not installed")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


class Unit(unittest.TestCase):
    def test_its_exposure_is_small(self):
        done = analyze("security", "--offline=true", str(UNIT))
        seen = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(seen, done.stdout + done.stderr)
        self.assertLessEqual(float(seen[1]), EXPOSURE_MOST, done.stdout)

    def test_systemd_knows_every_word_of_it(self):
        done = analyze("verify", "--man=no", str(UNIT))
        # The program is where the package puts it, which need not be here.
        complaints = [line for line in done.stderr.splitlines()
                      if "aperto.service" in line and "is not executable" not in line]
        self.assertEqual(complaints, [])

    def test_a_system_call_that_its_filter_names_is_one(self):
        known = analyze("syscall-filter").stdout
        self.assertIn("@system-service", known)
        for group in re.findall(r"@[a-z-]+", UNIT.read_text()):
            self.assertIn(group, known)


if __name__ == "__main__":
    unittest.main()
