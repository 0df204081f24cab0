# SPDX-License-Identifier: MIT
"""The attacks of this folder's other tests, on a server that speaks TLS: what they cost is bounded there too."""

import random
import ssl
import subprocess
import tempfile
import threading
import unittest

from attack import APERTO, Server, on_each_engine, raise_descriptor_limit, report, reset, size, wait_until

MIB = 1024 * 1024


class Sealed(Server):
    def __init__(self, engine, folder, *arguments, **more):
        self.trusting = ssl.create_default_context(cafile=f"{folder}/ca.pem")
        super().__init__(engine, "--tls", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem", *arguments, **more)

    def connect_sealed(self, **how):
        return self.trusting.wrap_socket(self.connect(**how), server_hostname="localhost")

    def ask_sealed(self, line=b"question\n"):
        with self.connect_sealed() as peer:
            peer.sendall(line)
            got = b""
            while len(got) < len(line):
                got += peer.recv(100)
            return got


def first_hello(context):
    """The bytes with which a client begins."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return to_server.read()


class TlsUnderAttack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        subprocess.run([APERTO, "cert", "--dir", cls.folder, "localhost"], check=True, capture_output=True)

    @on_each_engine
    def test_handshakes_that_never_end_are_cut_and_others_are_served(self, engine):
        count, deadline = size(5000, 500), 3
        with Sealed(engine, self.folder, "--framing", "line", "--handshake-deadline", f"{deadline}s", "--messages", "none",
                    "--max-connections-per-address", "20000") as server:
            hello = first_hello(server.trusting)
            began_with = server.resident()
            # A third says nothing, a third half a hello, a third all of it and then nothing.
            stuck = []
            for number in range(count):
                peer = server.connect()
                peer.sendall((b"", hello[:len(hello) // 2], hello)[number % 3])
                stuck.append(peer)
            self.assertEqual(server.ask_sealed(), b"QUESTION\n")
            each = (server.peak_resident() - began_with) / count
            wait_until(lambda: server.closed("deadline") == count, deadline + 20, "all to be cut", interval=0.2)
            self.assertEqual(server.ask_sealed(), b"QUESTION\n")
            for peer in stuck:
                peer.close()
        report(engine, f"{count} handshakes that do not end, {each / 1024:.0f} KiB each", "all cut, 64 KiB each")
        self.assertLess(each, 64 * 1024)

    @on_each_engine
    def test_resets_in_every_state_leave_nothing(self, engine):
        rounds = size(2000, 200)
        with Sealed(engine, self.folder, "--framing", "line", "--messages", "none",
                    "--max-connections-per-address", "20000") as server:
            idle = server.descriptors()
            self.assertEqual(server.ask_sealed(), b"QUESTION\n")
            wait_until(lambda: server.descriptors() == idle, 10, f"{idle} descriptors, as before the first")
            hello = first_hello(server.trusting)
            chance = random.Random(engine)
            for _ in range(rounds):
                where = chance.randrange(4)
                if where == 0:
                    peer = server.connect()
                    peer.sendall(hello[:chance.randrange(len(hello))])
                elif where == 1:
                    peer = server.connect()
                    peer.sendall(hello)
                elif where == 2:
                    peer = server.connect_sealed()
                else:
                    peer = server.connect_sealed()
                    peer.sendall(b"half a line")
                reset(peer)
            wait_until(lambda: sum(event["event"] == "closed" for event in server.events()) >= rounds + 1, 20,
                       "all to be told of", interval=0.2)
            self.assertEqual(server.ask_sealed(), b"QUESTION\n")
            wait_until(lambda: server.descriptors() == idle, 10, f"{idle} descriptors again")

    @on_each_engine
    def test_clients_that_never_read_cost_bounded_memory(self, engine):
        asked, clients, cap = size(256 * MIB, 32 * MIB), 4, 64 * MIB
        with Sealed(engine, self.folder, "--write-deadline", "60s", "--messages", "none", service="echo") as server:
            began_with = server.resident()
            block, taken = b"x" * (64 * 1024), []

            def push(peer):
                sent = 0
                try:
                    while sent < asked:
                        sent += peer.send(block)
                except (TimeoutError, ssl.SSLError):
                    pass
                taken.append(sent)

            peers = [server.connect_sealed(timeout=1, receive_buffer=4096) for _ in range(clients)]
            pushing = [threading.Thread(target=push, args=(peer,)) for peer in peers]
            for each in pushing:
                each.start()
            for each in pushing:
                each.join()
            grown = server.peak_resident() - began_with
            for peer in peers:
                reset(peer)
        report(engine, f"{clients} clients that do not read: {grown / MIB:.1f} MiB", f"{cap / MIB:.0f} MiB")
        self.assertLess(max(taken), asked)
        self.assertLess(grown, cap)

    @on_each_engine
    def test_a_server_told_to_stop_ends_each_conversation_in_order(self, engine):
        with Sealed(engine, self.folder, "--framing", "line", "--messages", "none", "--drain-deadline", "5s") as server:
            peers = [server.connect_sealed() for _ in range(20)]
            for peer in peers:
                peer.sendall(b"question\n")
                self.assertEqual(peer.recv(100), b"QUESTION\n")
            code, _ = server.stop()
            self.assertEqual(code, 0)
            for peer in peers:  # close_notify comes: else this is an SSLEOFError
                self.assertEqual(peer.recv(100), b"")
                peer.close()


if __name__ == "__main__":
    unittest.main()
