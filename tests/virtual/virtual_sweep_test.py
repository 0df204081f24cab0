# SPDX-License-Identifier: MIT
"""`aperto lab sweep`: a bug that shows with few seeds is found, and its seeds show it each time."""
import pathlib
import re
import tempfile
import unittest

from virtual_support import FULL, lab, needs_the_kernel

setUpModule = needs_the_kernel
SEEDS = 1000 if FULL else 16

# Both ask for 8,000 bytes after these have had the time to arrive. The first takes what its one read gives for all of
# them, which it is unless something was lost.
HASTY = "s.recv(8000)"
CORRECT = "b''.join(iter(lambda: s.recv(8000), b''))"
SCENARIO = """\

server = '''python3 -S -c "
import socket
client = socket.create_server(('', 9999)).accept()[0]
client.sendall(b''.join(iter(lambda: client.recv(9000), b'')))
"'''
client = '''python3 -S -c "
import socket, time
s = socket.create_connection(('server', 9999))
s.sendall(bytes(8000))
s.shutdown(socket.SHUT_WR)
time.sleep(0.015)
raise SystemExit(len(READ) != 8000)
"'''
expect = ["client exits 0"]
[link]
delay = "5ms"
server = { loss = "5%" }
"""


class Sweep(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def scenario(self, read):
        path = self.path / "scenario.toml"
        path.write_text(SCENARIO.replace("READ", read))
        return path

    def test_a_correct_client_passes_every_seed(self):
        done = lab("sweep", self.scenario(CORRECT), "--seeds", f"1..{SEEDS}", timeout=280)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"{SEEDS} seeds in [\d.]+ s, 0 failed")

    def test_a_bug_is_found_and_shows_again_with_its_seed(self):
        path = self.scenario(HASTY)
        done = lab("sweep", path, "--seeds", f"1..{SEEDS}", "--junit", self.path / "junit.xml", timeout=280)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        failing = re.findall(r"--virtual --seed (\d+)\n", done.stdout)
        self.assertTrue(failing, done.stdout)
        self.assertLess(len(failing), SEEDS, done.stdout)
        self.assertEqual((self.path / "junit.xml").read_text().count("<testsuite "), SEEDS)
        for _ in range(10):
            again = lab("run", path, "--virtual", "--seed", failing[0], "--pcap", self.path / "packets")
            self.assertEqual(again.returncode, 1, again.stdout + again.stderr)

    def test_it_stops_at_the_first_where_asked(self):
        done = lab("sweep", self.scenario(HASTY), "--seeds", "1..100000", "--jobs", "2", "--stop-at-first", timeout=280)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(" failed\n", done.stdout)

    def test_what_makes_no_sense_is_refused(self):
        path = self.scenario(CORRECT)
        for arguments in ([], [path], ["--seeds", "1..2"], [path, "--seeds", "2..1"], [path, "--seeds", "x"], [path, "--seeds", "1..2", "--what"],
                          [path, "--seeds"], [path, "--seeds", "1..2", "--jobs", "0"], ["/nowhere.toml", "--seeds", "1..2"]):
            with self.subTest(arguments):
                self.assertEqual(lab("sweep", *arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
