# SPDX-License-Identifier: MIT
"""aperto-web and curl on a bad network: the same bytes, with both engines."""
import hashlib
import os
import pathlib
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from lab_support import FULL, PROGRAM, lab, needs

WEB = pathlib.Path(PROGRAM).parent / "aperto-web"
BAD_WIRE = ["--loss", "5%", "--delay", "50ms", "--reorder", "1%"]
LARGE = bytes(i * i % 251 for i in range(1000)) * (2000 if FULL else 200)


def setUpModule():
    needs(shutil.which("curl") and WEB.exists(), "curl and aperto-web")


class Web(unittest.TestCase):
    def test_curl_has_the_same_bytes(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        (pathlib.Path(folder.name) / "large").write_bytes(LARGE)
        client = ("sh -c 'curl -sS http://server/large | sha256sum; curl -sS http://server/hello; "
                  "head -c 30000 /dev/zero | curl -sS -T - -X POST http://server/hello'")
        # Each waits for the wire, not for the processor.
        with ThreadPoolExecutor() as both:
            for done in both.map(lambda engine: lab("--server", f"{WEB} --port 80 --engine {engine} {folder.name}", "--client", client,
                                                    *BAD_WIRE, "--timeout", "100s"), ("uring", "epoll")):
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn(hashlib.sha256(LARGE).hexdigest(), done.stdout)
                self.assertIn("client │ hello, world", done.stdout)
                self.assertIn("client │ hello, thank you for 30000 bytes", done.stdout)
                self.assertIn("SENT AGAIN", done.stdout.upper())


if __name__ == "__main__":
    unittest.main()
