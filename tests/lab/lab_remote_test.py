# SPDX-License-Identifier: MIT
"""aperto-remote on a bad network: the same bytes both ways, with both engines."""
import hashlib
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from lab_support import FULL, PROGRAM, lab, needs

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "remote"))
REMOTE = pathlib.Path(PROGRAM).parent / "aperto-remote"
BAD_WIRE = ["--loss", "5%", "--delay", "50ms", "--reorder", "1%"]
LAST = 100000 if FULL else 20000


def setUpModule():
    needs(shutil.which("openssl") and REMOTE.exists(), "openssl and aperto-remote")


class Remote(unittest.TestCase):
    def test_a_command_has_the_same_bytes(self):
        from remote_support import make_certificates
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        make_certificates(pathlib.Path(folder.name))
        for file in [folder.name, *pathlib.Path(folder.name).iterdir()]:
            os.chmod(file, 0o755)
        numbers = b"".join(b"%d\n" % each for each in range(1, LAST + 1))
        keys = "--cert {0}/{1}.pem --key {0}/{1}.key"
        # Each waits for the wire, not for the processor.
        with ThreadPoolExecutor() as both:
            def run(engine):
                call = f"{REMOTE} {keys.format(folder.name, 'ana')} --ca {folder.name}/ca.pem --engine {engine} server"
                return lab("--server", f"{REMOTE} serve {keys.format(folder.name, 'server')} --client-ca {folder.name}/ca.pem --engine {engine}",
                           "--client", f"sh -c 'seq 1 {LAST} | {call} cat | sha256sum; {call} exit 7; echo ended with $?'", *BAD_WIRE,
                           "--timeout", "100s")
            for done in both.map(run, ("uring", "epoll")):
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn(hashlib.sha256(numbers).hexdigest(), done.stdout)
                self.assertIn("ended with 7", done.stdout)
                self.assertIn("SENT AGAIN", done.stdout.upper())


if __name__ == "__main__":
    unittest.main()
