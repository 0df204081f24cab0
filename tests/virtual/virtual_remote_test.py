# SPDX-License-Identifier: MIT
"""aperto-remote under Linux's own TCP on a bad network, by seeds, with both engines. 500 seeds each with APERTO_LAB_FULL=1."""
import hashlib
import pathlib
import tempfile
import unittest

from virtual_support import FULL, PROGRAM, expect_on_each_engine, needs_the_kernel, sweep

REMOTE = pathlib.Path(PROGRAM).parent / "aperto-remote"
SEEDS = 500 if FULL else 2
LAST = 20000
# The certificates are made inside, where it is another day.
SCENARIO = """\
timeout = "300s"
server = '''sh -c "{program} cert --dir {folder} server && cd {folder} && exec {serve}"'''
client = "sh {folder}/call"
expect = ['client prints "{whole}"', 'client prints "ended with 7"', "client exits 0"]
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
        whole = hashlib.sha256(b"".join(b"%d\n" % each for each in range(1, last + 1))).hexdigest()
        (keys / "call").write_text(f"seq 1 {LAST} | {call} cat | sha256sum\n{call} exit 7\necho ended with $?\n")
        serve = f"{REMOTE} serve --cert cert.pem --key key.pem --client-ca ca.pem --engine {engine}"
        scenario = SCENARIO.format(program=PROGRAM, serve=serve, folder=keys, whole=whole)
        return sweep(folder.name, scenario, SEEDS)

    def test_a_command_has_the_same_bytes(self):
        expect_on_each_engine(self, self.sweep, SEEDS)

    def test_other_bytes_would_be_seen(self):
        self.assertEqual(self.sweep("epoll", last=LAST - 1).returncode, 1)


if __name__ == "__main__":
    unittest.main()
