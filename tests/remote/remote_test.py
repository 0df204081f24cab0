# SPDX-License-Identifier: MIT
"""aperto-remote as scripts use it, what Python's ssl says to it, breaks of the network, and who is not let in."""

import itertools
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from remote_support import ENGINES, PROGRAM, Cutter, Server, make_certificates

NUMBERS = b"".join(b"%d\n" % each for each in range(1, 100001))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        make_certificates(cls.folder)

    def server(self, *more, engine="epoll"):
        return Server(self, *more, engine=engine, folder=self.folder)


class Scripts(Case):
    def test_outputs_and_status_are_apart(self):
        for engine in ENGINES:
            with self.subTest(engine):
                done = self.server(engine=engine).run("echo out; echo err >&2; exit 7")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (7, b"out\n", b"err\n"))

    def test_ten_megabytes_go_both_ways_to_the_end(self):
        every = os.urandom(10 << 20)
        for engine in ENGINES:
            with self.subTest(engine):
                done = self.server(engine=engine).run("cat", given=every)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout == every)

    def test_a_signal_that_ended_it_is_told(self):
        self.assertEqual(self.server().run("kill -TERM $$").returncode, 128 + signal.SIGTERM)

    def test_signals_are_passed_past_what_is_not_read(self):
        client = subprocess.Popen(self.server().words("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done"),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), b"ready\n")
        os.set_blocking(client.stdin.fileno(), False)
        try:
            while os.write(client.stdin.fileno(), bytes(65536)):
                time.sleep(0.05)
        except BlockingIOError:
            pass
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.stdout.read(), b"caught\n")
        self.assertEqual(client.wait(20), 3)
        client.stdout.close()
        try:
            client.stdin.close()
        except BrokenPipeError:
            pass

    def test_nothing_of_the_server_reaches_a_command(self):
        done = self.server().run("env; echo; for each in /proc/$$/fd/*; do readlink $each; done; grep NoNewPrivs /proc/self/status")
        self.assertNotIn(b"SECRET", done.stdout)
        self.assertNotIn(b"socket:", done.stdout)
        self.assertNotIn(b"anon_inode", done.stdout)
        self.assertIn(b"NoNewPrivs:\t1", done.stdout)

    def test_without_an_authority_of_clients_it_does_not_start(self):
        done = subprocess.run([PROGRAM, "serve", "--cert", self.folder / "server.pem", "--key", self.folder / "server.key", "--port", "0"],
                              capture_output=True, check=False, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--client-ca", done.stderr)


class Certificates(Case):
    def test_who_is_not_let_in(self):
        here = self.server()
        for who in ("late", "foreign"):
            with self.subTest(who):
                here.log.clear()
                try:
                    peer = here.connect(who)
                    self.assertEqual(peer.begin("echo no"), (None, None))
                    peer.close()
                except OSError:
                    pass
                here.wait_for_log("expired" if who == "late" else "authority")
                self.assertEqual(here.run("echo no", who=who).stdout, b"")
        refused = here.run("echo no", ca="other-ca")
        self.assertEqual((refused.returncode, refused.stdout), (255, b""))
        here.wait_for_log("refused TLS")


class Breaks(Case):
    def test_each_byte_comes_once_and_in_order(self):
        for engine in ENGINES:
            with self.subTest(engine):
                here = self.server(engine=engine)
                dice = random.Random(engine)
                cutter = Cutter(self, here.port, [dice.randrange(20_000, 250_000) for _ in range(6)])
                done = here.run("seq 1 100000", port=cutter.port)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout == NUMBERS)
                self.assertGreaterEqual(cutter.cuts, 2)

    def test_connections_that_all_break_early_bring_it_over(self):
        # Each has 5 kB from the server, 2 of which are the handshake's: 24 kB take ten of them or so, and what is said for one
        # session never goes over whole.
        for engine in ENGINES:
            with self.subTest(engine):
                here = self.server(engine=engine)
                cutter = Cutter(self, here.port, itertools.repeat(5000))
                done = here.run("seq 1 5000", port=cutter.port)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, b"".join(b"%d\n" % number for number in range(1, 5001)))
                self.assertGreaterEqual(cutter.cuts, 5)

    def test_a_session_is_its_certificates_alone(self):
        here = self.server()
        first = here.connect("ana")
        token, _ = first.begin("echo one; cat")
        self.assertEqual(first.next_of_command(), b"oone\n")
        first.close()
        for who, secret in (("rui", token), ("ana", bytes(32))):
            peer = here.connect(who)
            answer, _ = peer.resume(secret, 0)
            self.assertTrue(answer.startswith(b"!"), answer)
            peer.close()
        again = here.connect("ana")
        self.assertEqual(again.resume(token, 0), (token, 0))
        self.assertEqual(again.next_of_command(), b"oone\n")
        later = here.connect("ana")  # the network changed, and nobody has told the server
        self.assertEqual(later.resume(token, 1), (token, 0))
        self.assertIsNone(again.next_of_command())
        later.send(b"itwo\n")
        self.assertEqual(later.next_of_command(), b"otwo\n")

    def test_sessions_without_a_client_are_bounded(self):
        here = self.server("--sessions", "2", "--keep", "1")
        tokens = []
        for _ in range(3):
            peer = here.connect()
            tokens.append(peer.begin("cat")[0])
            peer.close()
            time.sleep(0.05)
        peer = here.connect()
        self.assertTrue(peer.resume(tokens[0], 0)[0].startswith(b"!"))
        time.sleep(1.5)
        peer = here.connect()
        self.assertTrue(peer.resume(tokens[2], 0)[0].startswith(b"!"))


class Hostile(Case):
    def test_hostile_frames_end_the_connection_alone(self):
        here = self.server()
        for frame in (b"", b"X", b"N", b"N\1", b"N\1\0\0\0\0dumb", b"N\0\0\0\0\0" + b"t" * 65 + b"\0", b"N\0\0\0\0\0../x\0true", b"R" + bytes(43),
                      b"R" + bytes(44), b"R" + bytes(45)):
            peer = here.connect()
            peer.send(frame)
            answer = peer.receive()
            self.assertTrue(answer is None or answer.startswith(b"!"), (frame, answer))
            self.assertIsNone(peer.receive(), frame)
        for frame in (b"A", b"A" + bytes(9), b"A" + b"\xff" * 8, b"S", b"W\0", b"i" * 40000):
            peer = here.connect()
            self.assertIsNotNone(peer.begin("cat")[1])
            peer.send(frame)
            self.assertIsNone(peer.next_of_command(), frame)
        self.assertEqual(here.run("echo fine").stdout, b"fine\n")

    def test_more_than_was_asked_for_is_not_kept(self):
        here = self.server()
        peer = here.connect()
        peer.begin("sleep 100")
        try:
            for _ in range(40):
                peer.send(b"i" + bytes(30000))
            self.assertIsNone(peer.next_of_command())
        except OSError:
            pass
        here.wait_for_log("could not keep so much")
        peer = here.connect()
        peer.begin("cat")
        for _ in range(2):  # parts of one message that is never whole
            peer.send(b"P" + bytes(30000))
        self.assertIsNone(peer.next_of_command())

    def test_a_place_that_cannot_be_ends_the_connection(self):
        here = self.server()
        first = here.connect()
        token, _ = first.begin("echo one; cat")
        self.assertEqual(first.next_of_command(), b"oone\n")
        first.close()
        for messages, of_next, good in ((0, 6, False), (1, 1, False), (2, 0, False), (2**64 - 1, 0, False), (0, 2, True)):
            peer = here.connect()
            self.assertEqual(peer.resume(token, messages, of_next), (token, 0))
            self.assertEqual(peer.next_of_command(), b"pne\n" if good else None, (messages, of_next))
            peer.close()

    def test_who_never_reads_costs_little(self):
        here = self.server()
        peers = []
        before = here.memory()
        for _ in range(4):
            peers.append(here.connect())
            peers[-1].begin("cat /dev/zero")
        time.sleep(2)
        self.assertLess(here.memory() - before, 12 << 20)


if __name__ == "__main__":
    unittest.main()
