# SPDX-License-Identifier: MIT
"""A process that is stopped for longer than its deadlines, by SIGSTOP, a debugger or a frozen container, loses nobody
who did in time what was asked of them: what the kernel has by then is read, or sent, first."""

import selectors
import signal
import time
import unittest

from attack import Server, on_each_engine, raise_descriptor_limit, receive, report, size

DEADLINE = 3.0


class Stopped(unittest.TestCase):
    @on_each_engine
    def test_messages_sent_in_time_are_answered_though_the_deadline_passed_in_the_stop(self, engine):
        raise_descriptor_limit()
        count = size(4000, 1000)
        with Server(engine, "--framing", "line", "--workers", "1", "--idle-timeout", f"{DEADLINE:.0f}s", "--messages", "none",
                    "--backlog", "4096", prepare=raise_descriptor_limit) as server:
            peers = [server.connect() for _ in range(count)]
            for peer in peers:
                peer.sendall(b"a\n")
            for peer in peers:
                self.assertEqual(receive(peer, 2), b"A\n")
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            for peer in peers:
                peer.sendall(b"b\n")
            time.sleep(DEADLINE + 1)
            server.process.send_signal(signal.SIGCONT)
            answered = sum(receive(peer, 2) == b"B\n" for peer in peers)
            for peer in peers:
                peer.close()
        report(engine, f"{answered} of {count} answered", "all")
        self.assertEqual(answered, count)

    @on_each_engine
    def test_who_stays_silent_is_still_ended_after_a_stop(self, engine):
        with Server(engine, "--framing", "line", "--idle-timeout", f"{DEADLINE:.0f}s") as server:
            silent = server.connect(timeout=30)
            silent.sendall(b"a\n")
            receive(silent, 2)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(DEADLINE + 1)
            server.process.send_signal(signal.SIGCONT)
            went_on = time.monotonic()
            self.assertEqual(receive(silent, 1), b"")
            ended = time.monotonic() - went_on
            silent.close()
        report(engine, f"ended {ended:.2f} s after the process went on", "1.5 s")
        self.assertLess(ended, 1.5)

    @on_each_engine
    def test_who_took_their_replies_in_the_stop_get_the_rest(self, engine):
        raise_descriptor_limit()
        count, length = 400, 400 * 1024
        with Server(engine, "--framing", "length", "--workers", "1", "--write-deadline", "1s", "--messages", "none",
                    "--backlog", "4096") as server:
            peers = [server.connect(receive_buffer=16 * 1024) for _ in range(count)]
            # All messages but their last bytes, so that the replies begin together.
            for peer in peers:
                peer.sendall(length.to_bytes(4, "big") + b"x" * (length - 1))
            for peer in peers:
                peer.sendall(b"x")
            got = {peer: len(receive(peer, 4)) for peer in peers}
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            take_until_quiet(got, 0.2)
            server.process.send_signal(signal.SIGCONT)
            take_until_quiet(got, 2)
            whole = sum(size == 4 + length for size in got.values())
            for peer in peers:
                peer.close()
        report(engine, f"{whole} of {count} replies whole", "all")
        self.assertEqual(whole, count)


def take_until_quiet(got, seconds):
    """Reads from all of them, and counts, until nothing has come for so long."""
    with selectors.DefaultSelector() as ready:
        for peer in got:
            ready.register(peer, selectors.EVENT_READ)
        while events := ready.select(seconds):
            for key, _ in events:
                try:
                    more = len(key.fileobj.recv(1 << 20))
                except ConnectionResetError:
                    more = 0
                got[key.fileobj] += more
                if not more:
                    ready.unregister(key.fileobj)


if __name__ == "__main__":
    unittest.main()
