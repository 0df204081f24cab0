# SPDX-License-Identifier: MIT
"""How a server ends, or is stopped in its tracks: what was promised is kept, what could not be is said."""

import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from attack import APERTO, Server, free_port, on_each_engine, raise_descriptor_limit, receive, report, size, wait_until


class Talker(threading.Thread):
    """A client that asks and waits for each answer, until the server ends the conversation."""

    def __init__(self, server):
        super().__init__()
        self.peer = server.connect(timeout=60)
        self.answered = 0
        self.wrong = 0
        self.was_reset = False
        self.longest = 0.0

    def run(self):
        number = 0
        try:
            while True:
                line = b"message %d\n" % number
                began = time.monotonic()
                self.peer.sendall(line)
                answer = receive(self.peer, len(line))
                self.longest = max(self.longest, time.monotonic() - began)
                if not answer:
                    break
                self.wrong += answer != line.upper()
                self.answered += 1
                number += 1
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
        self.peer.close()


class Ending(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    @on_each_engine
    def test_a_server_told_to_stop_under_load_loses_nothing_it_answered(self, engine):
        with Server(engine, "--framing", "line", "--messages", "none") as server:
            talkers = [Talker(server) for _ in range(size(100, 40))]
            for talker in talkers:
                talker.start()
            wait_until(lambda: min(talker.answered for talker in talkers) > 50, 20, "every client to be in the middle of it")
            code, took = server.stop()
            for talker in talkers:
                talker.join(10)
        answered = sum(talker.answered for talker in talkers)
        resets = sum(talker.was_reset for talker in talkers)
        report(engine, f"{answered} answers to {len(talkers)} clients, {resets} resets, "
                       f"exit {code} after {took:.2f} s", "every answer whole, no reset, exit 0")
        self.assertEqual(sum(talker.wrong for talker in talkers), 0)
        self.assertEqual((resets, code), (0, 0))
        self.assertGreater(answered, 0)

    @on_each_engine
    def test_a_stuck_client_holds_the_end_until_the_hard_deadline_only(self, engine):
        with Server(engine, "--framing", "line", "--drain-deadline", "1s", "--write-deadline", "60s",
                    service="echo") as server:
            half = server.connect()
            half.sendall(b"first\nhalf a li")
            deaf = server.connect()
            deaf.setblocking(False)
            line = b"x" * 65_535 + b"\n"
            try:
                while True:
                    deaf.send(line)
            except BlockingIOError:
                pass
            # What stands behind an answered line in the same segment has been read too.
            self.assertEqual(receive(half, 6), b"first\n")
            code, took = server.stop()
            half.close()
            deaf.close()
        report(engine, f"exit {code} after {took:.2f} s", "0, 1 s + 1 s")
        self.assertEqual(code, 0)
        self.assertLess(took, 2)

    @on_each_engine
    def test_killed_in_mid_reply_the_client_says_so_and_a_restart_binds_at_once(self, engine):
        port = free_port()
        code, said = kill_in_mid_reply(engine, port)
        with Server(engine, "--framing", "line", port=port) as again:
            self.assertEqual(again.ask(b"back\n"), b"BACK\n")
        report(engine, f"the client's exit code is {code}; the restarted server answers", "4, at once")
        self.assertEqual(code, 4, said)
        # It is both sending and receiving: which of the two meets the break first is the kernel's affair.
        self.assertRegex(said, "error: the (reply was cut short|server closed before it had taken everything)")

    @on_each_engine
    def test_a_stopped_process_goes_on_where_it_was(self, engine):
        pause = size(30, 3)
        with Server(engine, "--framing", "line", "--messages", "none", "--idle-timeout", "60s") as server:
            talkers = [Talker(server) for _ in range(20)]
            for talker in talkers:
                talker.start()
            wait_until(lambda: min(talker.answered for talker in talkers) > 0, 20, "every client to be answered")
            server.process.send_signal(signal.SIGSTOP)
            waiting = [server.connect() for _ in range(50)]  # the kernel still takes them
            for peer in waiting:
                peer.sendall(b"while you slept\n")
            time.sleep(pause)  # so long it stands still
            before = server.cpu_seconds()
            server.process.send_signal(signal.SIGCONT)
            resumed = time.monotonic()
            for peer in waiting:
                self.assertEqual(receive(peer, 16), b"WHILE YOU SLEPT\n")
                peer.close()
            recovery = time.monotonic() - resumed
            self.assertEqual(server.ask(b"new\n"), b"NEW\n")
            code, _ = server.stop()
            for talker in talkers:
                talker.join(10)
        resets = sum(talker.was_reset for talker in talkers)
        report(engine, f"stopped for {pause} s: 50 waiting clients answered in {recovery:.2f} s, {resets} conversations lost",
               "1 s, none")
        self.assertLess(recovery, 1)
        self.assertEqual((resets, code), (0, 0))


def kill_in_mid_reply(engine, port):
    """The client's exit code and what it said."""
    with Server(engine, service="echo", port=port) as server:
        with tempfile.TemporaryFile() as message:
            message.truncate(1 << 30)  # seconds of talk
            client = subprocess.Popen([APERTO, "send", "--port", str(port), "--framing", "stream"], stdin=message,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      env={**os.environ, "LC_ALL": "C"})
            server.wait_for("message")
            server.process.kill()
            server.process.wait()
            _, said = client.communicate(timeout=20)
            return client.returncode, said.decode()


if __name__ == "__main__":
    unittest.main()
