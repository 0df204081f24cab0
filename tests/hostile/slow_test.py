# SPDX-License-Identifier: MIT
"""Clients that send a byte a second, and clients that never read: others are not to notice, memory is not to grow."""

import json
import socket
import subprocess
import time
import unittest

from attack import (ATTACKER, Server, attack, on_each_engine, raise_descriptor_limit, report, send_all_it_takes, size,
                    wait_until)

MIB = 1024 * 1024
# The whole run asks for the 99th percentile; in CI other tests run beside this one, and one turn of the scheduler in a
# hundred answers is theirs.
PERCENTILE = size("p99", "p90")


def answer_time(server):
    """Of a hundred honest clients, five questions a second each, for a second: the percentile, in milliseconds."""
    seen = attack("honest", server.port, 100, 1, 500)
    if seen["wrong"]:
        raise AssertionError(f"{seen['wrong']} wrong answers")
    return seen[PERCENTILE]


class Slow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    @on_each_engine
    def test_slow_clients_do_not_slow_the_honest_and_are_cut_by_their_total_deadline(self, engine):
        # One round of an idle server may be twice as slow as another (0.025 to 0.052 ms in 25 of them): it takes several to
        # find its best, and a deadline that leaves the slow clients there for as long.
        count, rounds, deadline = size(5000, 1000), size(6, 5), size(30, 12)
        arguments = ("--framing", "line", "--message-deadline", f"{deadline}s", "--messages", "none")
        # Beside the server that is attacked stands another, which is not: it has the same neighbours on the cores.
        with Server(engine, *arguments) as server, Server(engine, *arguments) as spared:
            quiet, beside, apart = [], [], []
            for _ in range(rounds):
                quiet.append(answer_time(server))
            with subprocess.Popen([ATTACKER, "drip", str(server.port), str(count)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as slow:
                self.assertEqual(slow.stdout.readline(), "ready\n")
                for _ in range(rounds):
                    beside.append(answer_time(server))
                    apart.append(answer_time(spared))
                wait_until(lambda: server.closed("deadline") == count, deadline + 10, "all to be cut", interval=0.5)
                slow.stdin.close()
            lives = [event["duration_ms"] / 1000 for event in server.events()
                     if event["event"] == "closed" and event["reason"] == "deadline"]
        # Other programs on the machine can only add to a round: the best of each kind is the server's own.
        baseline = max(min(quiet), min(apart))
        ratio = min(beside) / baseline
        report(engine, f"honest {PERCENTILE} {min(quiet):.3f} ms alone, {min(beside):.3f} ms beside {count} slow, "
                       f"{min(apart):.3f} ms at a server that is spared: × {ratio:.2f}; {len(lives)} cut, after "
                       f"{min(lives):.2f} to {max(lives):.2f} s",
               f"× 2, all, {deadline} s + 10 % and 2 s to close in order")
        self.assertLess(max(lives), deadline * 1.1 + 2)
        self.assertGreaterEqual(min(lives), deadline * 0.99)
        self.assertLess(ratio, 2)

    @on_each_engine
    def test_clients_that_never_read_cost_bounded_memory(self, engine):
        """Each asks for a gibibyte: what it sends comes back, and it reads nothing."""
        asked, clients, cap = size(1024 * MIB, 128 * MIB), 4, 64 * MIB
        with Server(engine, "--write-deadline", "60s", service="echo") as server:
            began_with = server.resident()
            peers = [server.connect() for _ in range(clients)]
            block = b"x" * MIB
            sent = [0] * clients
            quiet_since = time.monotonic()
            while time.monotonic() - quiet_since < 1 and min(sent) < asked:
                for number, peer in enumerate(peers):
                    more = send_all_it_takes(peer, block)
                    sent[number] += more
                    if more:
                        quiet_since = time.monotonic()
            grown = server.peak_resident() - began_with
            for peer in peers:
                peer.close()
        report(engine, f"{clients} clients that never read: memory grew by {grown / MIB:.1f} MiB; the server took "
                       f"{max(sent) / MIB:.1f} MiB of {asked // MIB} from each", f"{cap // MIB} MiB")
        self.assertLess(grown, cap)
        self.assertLess(max(sent), asked)

    @on_each_engine
    def test_a_window_that_stays_shut_is_closed_at_the_write_deadline(self, engine):
        deadline = size(10, 3)
        with Server(engine, "--write-deadline", f"{deadline}s", service="echo") as server:
            peer = server.connect()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            last = [time.monotonic()]

            def closed():
                """Pushes on: from the last byte that the server took on, it waits for this client alone."""
                try:
                    if send_all_it_takes(peer, b"x" * MIB):
                        last[0] = time.monotonic()
                except (BrokenPipeError, ConnectionResetError):
                    return True
                return server.closed("deadline") > 0

            wait_until(closed, deadline + 60, "the server to close")
            took = time.monotonic() - last[0]
            reason = server.wait_for("closed")["reason"]
            peer.close()
        report(engine, f"closed {took:.2f} s after the window shut, as {reason}", f"{deadline} s + 10 %")
        self.assertEqual(reason, "deadline")
        self.assertLess(took, deadline * 1.1 + 0.05)
        self.assertGreater(took, deadline * 0.8)


if __name__ == "__main__":
    unittest.main()
