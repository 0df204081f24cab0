# SPDX-License-Identifier: MIT
"""TLS on a bad network: our server and openssl, our client and openssl's server, ours and ours, with sessions that break off
and come back. What the client wrote is what it gets, in capitals or as it is, or an error; never less without a word."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from lab_support import FULL, PROGRAM, lab, needs

BAD_WIRE = ["--loss", "5%", "--delay", "50ms", "--reorder", "1%"]
LINES = "".join(f"line {number} of a letter that many packets carry\n" for number in range(4000 if FULL else 1000))


def setUpModule():
    needs(shutil.which("openssl"), "openssl")


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([PROGRAM, "cert", "--dir", folder.name, "server"], check=True, capture_output=True)
        for each in cls.folder.iterdir():
            each.chmod(0o644)
        (cls.folder / "letter").write_text(LINES)
        (cls.folder / "LETTER").write_text(LINES.upper())

    def ours(self, engine):
        return (f"{PROGRAM} serve upper --port 443 --framing line --engine {engine} --messages none --tls "
                f"--cert {self.folder}/cert.pem --key {self.folder}/key.pem --sandbox off --idle-timeout 10s")

    def run_each(self, cases):
        def once(case):
            server, client, *more = case
            return case, lab("--server", server, "--client", client, *BAD_WIRE, "--timeout", "100s", "--seed", "7", *more)
        # Each waits for the wire, not for the processor.
        with ThreadPoolExecutor(4) as all_at_once:
            for case, done in all_at_once.map(once, cases):
                with self.subTest(case[:2]):
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assertIn("client │ the same", done.stdout)
                    self.assertIn("SENT AGAIN", done.stdout.upper())

    def test_every_byte_comes_through_on_each_engine_and_between_strangers(self):
        compare = f"cmp - {self.folder}/LETTER && echo the same"
        ours = (f"sh -c '{PROGRAM} send --host server --port 443 --framing line --tls --ca {self.folder}/ca.pem --timeout 60s "
                f"< {self.folder}/letter | {compare}'")
        # s_client stays until the server has had enough of its silence (-quiet).
        foreign = (f"sh -c 'openssl s_client -quiet -verify_quiet -connect server:443 -servername server "
                   f"-CAfile {self.folder}/ca.pem -verify_return_error < {self.folder}/letter 2>/dev/null | {compare}'")
        self.run_each([(self.ours("uring"), ours), (self.ours("epoll"), ours), (self.ours("epoll"), foreign)])

    def test_a_connection_that_breaks_off_is_told_of(self):
        """The server's machine goes away in the middle: no client takes what it has for all there is."""
        client = (f"sh -c '{PROGRAM} send --host server --port 443 --framing line --tls --ca {self.folder}/ca.pem --timeout 5s "
                  f"< {self.folder}/letter > /dev/null; echo exit $?'")
        done = lab("--server", self.ours("epoll"), "--client", client, "--delay", "20ms", "--loss", "server:100%@160ms..60s",
                   "--timeout", "60s")
        self.assertRegex(done.stdout, r"client │ exit [1-9]", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
