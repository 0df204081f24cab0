# SPDX-License-Identifier: MIT
"""aperto-remote under Linux's own TCP on a bad network, by seeds, with both engines. 500 seeds each with APERTO_LAB_FULL=1."""
import hashlib
import pathlib
import re
import tempfile
import unittest

from virtual_support import FULL, PROGRAM, lab, needs_the_kernel

REMOTE = pathlib.Path(PROGRAM).parent / "aperto-remote"
SEEDS = 500 if FULL else 2
LAST = 20000
# The certificates are made inside, where it is another day.
SCENARIO = """\
timeout = "300s"
server = '''sh -c "{program} cert --dir {folder} server && cd {folder} && exec {serve}"'''
client = "sh {folder}/call"
expect = ['client prints "{whole}"', 'client prints "ended with 7"', "client exits 0"]
[link]
delay = "50ms"
loss = "5%"
reorder = "1%"
"""


def setUpModule():
    needs_the_kernel()


class Remote(unittest.TestCase):
    def sweep(self, engine, last=LAST):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        keys = pathlib.Path(folder.name) / "keys"
        keys.mkdir()
        call = f"{REMOTE} --cert {keys}/cert.pem --key {keys}/key.pem --ca {keys}/ca.pem --engine {engine} server"
        path = pathlib.Path(folder.name) / "remote.toml"
        whole = hashlib.sha256(b"".join(b"%d\n" % each for each in range(1, last + 1))).hexdigest()
        (keys / "call").write_text(f"seq 1 {LAST} | {call} cat | sha256sum\n{call} exit 7\necho ended with $?\n")
        serve = f"{REMOTE} serve --cert cert.pem --key key.pem --client-ca ca.pem --engine {engine}"
        path.write_text(SCENARIO.format(program=PROGRAM, serve=serve, folder=keys, whole=whole))
        return lab("sweep", path, "--seeds", f"1..{SEEDS}", timeout=3600)

    def test_a_command_has_the_same_bytes(self):
        for engine in ("epoll", "uring"):
            with self.subTest(engine):
                done = self.sweep(engine)
                print(f"{engine}: {done.stdout.splitlines()[-1] if done.stdout else ''}", flush=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertTrue(re.search(rf"{SEEDS} seeds in [\d.]+ s, 0 failed", done.stdout), done.stdout)

    def test_other_bytes_would_be_seen(self):
        self.assertEqual(self.sweep("epoll", last=LAST - 1).returncode, 1)


if __name__ == "__main__":
    unittest.main()
