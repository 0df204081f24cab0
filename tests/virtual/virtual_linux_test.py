# SPDX-License-Identifier: MIT
"""tools/virtual-linux, where the kernel is built: it says where, and does nothing a second time."""
import hashlib
import os
import pathlib
import subprocess
import time
import unittest

from virtual_support import KERNEL, ROOT, needs_the_kernel

setUpModule = needs_the_kernel
SCRIPT = ROOT / "tools/virtual-linux"


class Script(unittest.TestCase):
    def test_it_tells_the_kernel_and_its_hash(self):
        told = subprocess.run([SCRIPT, "--where"], capture_output=True, text=True, timeout=60)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(told.stdout.split(), [str(KERNEL), hashlib.sha256(KERNEL.read_bytes()).hexdigest()])

    @unittest.skipUnless(pathlib.Path("/usr/src/linux-source-6.1.tar.xz").exists(), "the kernel was not built here")
    def test_a_second_call_does_nothing(self):
        before = os.stat(KERNEL).st_mtime_ns
        began = time.monotonic()
        told = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(os.stat(KERNEL).st_mtime_ns, before)
        self.assertLess(time.monotonic() - began, 5)

    def test_it_asks_before_it_builds(self):
        told = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, XDG_CACHE_HOME="/nowhere"))
        self.assertEqual(told.returncode, 1)
        self.assertIn("--yes", told.stderr)


if __name__ == "__main__":
    unittest.main()
