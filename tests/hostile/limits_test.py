# SPDX-License-Identifier: MIT
"""Too many clients, too few descriptors, messages too large: what is refused, and that nobody else notices."""

import resource
import socket
import struct
import time
import unittest

from attack import Server, on_each_engine, raise_descriptor_limit, receive, receive_all, report, size, wait_until

MIB = 1024 * 1024


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    @on_each_engine
    def test_without_descriptors_it_rests_and_recovers(self, engine):
        """64 descriptors and 200 clients: accepting pauses, which costs nearly nothing, and goes on."""
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        with Server(engine, "--max-connections", "1000", "--workers", "1", "--framing", "line", prepare=few) as server:
            clients = [server.connect() for _ in range(200)]
            for client in clients:
                client.sendall(b"here\n")
            server.wait_for("limit")
            self.assertEqual(server.wait_for("limit")["name"], "descriptors")
            self.assertEqual(receive(clients[0], 5), b"HERE\n")
            observed = size(5, 2)
            began, before = time.monotonic(), server.cpu_seconds()
            time.sleep(observed)  # over so long the processor's time is counted
            cpu = (server.cpu_seconds() - before) / (time.monotonic() - began)
            for client in clients[:150]:
                client.close()
            freed = time.monotonic()
            for client in clients[150:]:
                self.assertEqual(receive(client, 5), b"HERE\n")
            recovery = time.monotonic() - freed
            for client in clients:
                client.close()
        report(engine, f"CPU {cpu:.1%} while starved, the rest served after {recovery:.2f} s", "10 %, 1 s")
        self.assertLess(cpu, 0.10)
        self.assertLess(recovery, 1.0)

    @on_each_engine
    def test_more_clients_than_descriptors_leave_those_that_are_reserved(self, engine):
        """256 descriptors and 600 clients: nobody is accepted whom nobody asked for, so the program can open files."""
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        with Server(engine, "--workers", "1", "--framing", "line", prepare=few) as server:
            clients = [server.connect() for _ in range(600)]
            for client in clients[:192]:
                client.sendall(b"here\n")
                self.assertEqual(receive(client, 5), b"HERE\n")
            self.assertEqual(server.wait_for("limit")["name"], "max-connections")
            open_now = server.descriptors()
            for client in clients:
                client.close()
        report(engine, f"{open_now} of 256 descriptors open", "192 clients and at most 32")
        self.assertLessEqual(open_now, 192 + 32)

    @on_each_engine
    def test_one_address_that_opens_thousands_is_alone_in_being_refused(self, engine):
        count = size(2000, 500)
        with Server(engine, "--max-connections-per-address", "100", "--framing", "line") as server:
            greedy = [server.connect(source="127.0.0.2") for _ in range(count)]
            slowest = 0
            for number in range(50):
                began = time.monotonic()
                self.assertEqual(server.ask(b"modest\n", source=f"127.0.1.{number + 1}"), b"MODEST\n")
                slowest = max(slowest, time.monotonic() - began)
            served = refused = 0
            for client in greedy:
                client.settimeout(0.001 if served == 100 else 1)
                try:
                    client.sendall(b"more\n")
                    got = receive(client, 5)
                except (ConnectionResetError, BrokenPipeError):
                    got = b""
                served += got == b"MORE\n"
                refused += got == b""
            for client in greedy:
                client.close()
            self.assertEqual(server.ask(b"again\n", source="127.0.0.3"), b"AGAIN\n")
        report(engine, f"of {count} {served} served and {refused} refused; others waited {slowest * 1000:.0f} ms at most",
               "100 served, all others refused, 1000 ms")
        self.assertEqual(served, 100)
        self.assertEqual(refused, count - 100)
        self.assertLess(slowest, 1)

    @on_each_engine
    def test_a_length_is_refused_before_memory_is_taken_for_it(self, engine):
        largest = 8 * MIB
        with Server(engine, "--framing", "length", "--max-message", "8MiB") as server:
            for length in (0, largest):
                with server.connect() as peer:
                    peer.sendall(struct.pack(">I", length) + b"a" * length)
                    self.assertEqual(receive(peer, 4 + length), struct.pack(">I", length) + b"A" * length)
            before = server.peak_resident()
            for length in (largest + 1, 2**31, 2**32 - 1):
                for _ in range(50):
                    with server.connect() as peer:
                        peer.sendall(struct.pack(">I", 2) + b"ok" + struct.pack(">I", length) + b"and more")
                        self.assertEqual(receive_all(peer), struct.pack(">I", 2) + b"OK")
            grown = server.peak_resident() - before
            wait_until(lambda: server.closed("too_large") == 150, 10, "all 150 to be refused")
        report(engine, f"150 refused lengths: the peak of memory grew by {grown / MIB:.1f} MiB", "4 MiB")
        self.assertLess(grown, 4 * MIB)

    @on_each_engine
    def test_a_reply_arrives_though_the_client_goes_on_sending(self, engine):
        """The server ends the conversation with input unread: its reply must not be lost to a reset."""
        rounds = size(200, 40)
        with Server(engine, "--framing", "line", "--max-message", "1000") as server:
            for _ in range(rounds):
                with server.connect() as peer:
                    peer.sendall(b"first\n" + b"x" * 600_000)
                    peer.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(peer), b"FIRST\n")
        report(engine, f"{rounds} of {rounds} replies arrived", "all")

    @on_each_engine
    def test_the_denied_are_refused_in_order(self, engine):
        with Server(engine, "--deny", "127.0.0.64/26", "--framing", "line") as server:
            for number in range(100):
                with server.connect(source="127.0.0.77") as peer:
                    peer.sendall(b"let me in\n")
                    self.assertEqual(receive_all(peer), b"")
            self.assertEqual(server.wait_for("limit")["name"], "deny")
            self.assertEqual(server.ask(b"welcome\n"), b"WELCOME\n")
        report(engine, "100 denied clients saw the end of the stream, none a reset", "all")


if __name__ == "__main__":
    unittest.main()
