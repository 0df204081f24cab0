# SPDX-License-Identifier: MIT
"""Clients that send a byte a second, and clients that never read: others are not to notice, memory is not to grow."""

import multiprocessing
import socket
import statistics
import time
import unittest

from attack import Server, on_each_engine, raise_descriptor_limit, report, send_all_it_takes, size, wait_until

MIB = 1024 * 1024
# The whole run asks for the 99th percentile; in CI other tests run beside this one, and one turn of the scheduler in a
# hundred answers is theirs.
PERCENTILE = size(99, 90)
# What the slow clients' own program takes of the cores that it shares with the server, in seconds an answer: where the
# quiet figure is a tenth of a millisecond, twice of that is less than one turn of the scheduler.
NEIGHBOURS = size(0.0005, 0.002)


def drip(port, count, ready, stop):
    """`count` clients that send a byte a second, each until the server ends it; spread evenly over the second."""
    raise_descriptor_limit()
    clients = []
    for number in range(count):
        peer = socket.socket()
        peer.bind((f"127.0.{2 + number // 1000}.1", 0))
        peer.connect(("127.0.0.1", port))
        peer.setblocking(False)
        peer.send(b"x")
        clients.append(peer)
    ready.set()
    parts = 200
    while not stop.is_set():
        for part in range(parts):
            due = time.monotonic() + 1 / parts
            for peer in clients[part::parts]:
                try:
                    peer.send(b"x")
                except OSError:
                    pass
            stop.wait(max(0.0, due - time.monotonic()))
    for peer in clients:
        peer.close()


def converse(port, clients, seconds, latencies):
    """Honest clients, each with a question five times a second, spread evenly; how long each answer took."""
    peers = []
    for _ in range(clients):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peers.append(peer)
    interval = 0.2 / clients
    due = time.monotonic()
    until = due + seconds
    turn = 0
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        peer = peers[turn % clients]
        began = time.monotonic()
        peer.sendall(b"honest\n")
        answer = peer.recv(64)
        latencies.append(time.monotonic() - began if answer == b"HONEST\n" else 3600)
        turn += 1
        due += interval
    for peer in peers:
        peer.close()


def percentile_of_a_second(server):
    latencies = []
    converse(server.port, 100, 1, latencies)
    return statistics.quantiles(latencies, n=100)[PERCENTILE - 1]


class Slow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    @on_each_engine
    def test_slow_clients_do_not_slow_the_honest_and_are_cut_by_their_total_deadline(self, engine):
        count, rounds, deadline = size(5000, 1000), size(8, 4), size(30, 6)
        with Server(engine, "--framing", "line", "--message-deadline", f"{deadline}s", "--messages", "none") as server:
            quiet, beside = [], []
            for _ in range(rounds):
                quiet.append(percentile_of_a_second(server))
            ready, stop = multiprocessing.Event(), multiprocessing.Event()
            slow = multiprocessing.Process(target=drip, args=(server.port, count, ready, stop))
            slow.start()
            self.assertTrue(ready.wait(60))
            for _ in range(rounds):
                beside.append(percentile_of_a_second(server))
            try:
                wait_until(lambda: server.closed("deadline") == count, deadline + 10, "all to be cut", interval=0.5)
            finally:
                stop.set()
            lives = [event["duration_ms"] / 1000 for event in server.events()
                     if event["event"] == "closed" and event["reason"] == "deadline"]
            slow.join()
        # Other programs on the machine can only add to a round: the best of each kind is the server's own.
        ratio = min(beside) / min(quiet)
        report(engine, f"honest p{PERCENTILE} {min(quiet) * 1e3:.2f} ms alone, {min(beside) * 1e3:.2f} ms beside {count} slow: "
                       f"× {ratio:.2f}; {len(lives)} cut, after {min(lives):.2f} to {max(lives):.2f} s",
               f"× 2 or {NEIGHBOURS * 1e3:.1f} ms more, all, {deadline} s + 10 % and 2 s to close in order")
        self.assertLess(max(lives), deadline * 1.1 + 2)
        self.assertGreaterEqual(min(lives), deadline * 0.99)
        self.assertTrue(ratio < 2 or min(beside) - min(quiet) < NEIGHBOURS, ratio)

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
            last = time.monotonic()
            while time.monotonic() - last < 0.3:
                if send_all_it_takes(peer, b"x" * MIB):
                    last = time.monotonic()
            # Since `last` the server waits for this client alone.
            server.wait_for("closed", deadline + 5)
            took = time.monotonic() - last
            reason = server.wait_for("closed")["reason"]
            peer.close()
        report(engine, f"closed {took:.2f} s after the window shut, as {reason}", f"{deadline} s + 10 %")
        self.assertEqual(reason, "deadline")
        self.assertLess(took, deadline * 1.1 + 0.05)
        self.assertGreater(took, deadline * 0.8)


if __name__ == "__main__":
    unittest.main()
