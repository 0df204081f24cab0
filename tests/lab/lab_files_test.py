# SPDX-License-Identifier: MIT
"""aperto-files on a bad network: the same bytes both ways, with both engines."""
import hashlib
import os
import pathlib
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from lab_support import FULL, PROGRAM, lab, needs

FILES = pathlib.Path(PROGRAM).parent / "aperto-files"
BAD_WIRE = ["--loss", "5%", "--delay", "50ms", "--reorder", "1%"]
LARGE = bytes(i * i % 251 for i in range(1000)) * (2000 if FULL else 200)


def setUpModule():
    needs(FILES.exists(), "aperto-files")


class Files(unittest.TestCase):
    def test_the_same_bytes_both_ways(self):
        def go(engine):
            with tempfile.TemporaryDirectory() as name:
                os.chmod(name, 0o755)
                folder = pathlib.Path(name)
                for each in ("source", "served"):
                    (folder / each).mkdir()
                (folder / "source" / "large").write_bytes(LARGE)
                (folder / "source" / "small").write_bytes(LARGE[:10])
                words = f"--known {folder}/known --engine {engine}"
                client = (f"sh -c '{FILES} put {words} {folder}/source server:80 && {FILES} get {words} server:80/source {folder}/back && "
                          f"sha256sum {folder}/back/source/large'")
                done = lab("--server", f"{FILES} serve --port 80 --engine {engine} --keys {folder}/keys {folder}/served", "--client", client,
                           *BAD_WIRE, "--timeout", "100s")
                served = folder / "served" / "source" / "large"
                return done, served.read_bytes() if served.exists() else b""

        # Each waits for the wire, not for the processor.
        with ThreadPoolExecutor() as both:
            for done, served in both.map(go, ("uring", "epoll")):
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertTrue(served == LARGE)
                self.assertIn(hashlib.sha256(LARGE).hexdigest(), done.stdout)
                self.assertIn("SENT AGAIN", done.stdout.upper())


if __name__ == "__main__":
    unittest.main()
