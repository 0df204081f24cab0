# SPDX-License-Identifier: MIT
"""However a connection ends, the server serves on and keeps nothing of it: descriptors and memory return to where they were."""

import socket
import unittest

from programs import (ENGINES, FRAMINGS, LIMIT_S, Server, allow_descriptors, ask, framed, is_sanitized,
                      on_each_engine_and_framing, python_server, receive_all, receive_exactly, reset)

CROWD = 1000


def before_a_byte(client, framing):
    del framing
    reset(client)


def inside_a_message(client, framing):
    client.sendall(framed(framing, b"half a message")[:-3] if framing != "stream" else "half €".encode()[:-1])
    reset(client)


def before_the_reply_is_read(client, framing):
    client.sendall(framed(framing, b"question"))
    reset(client)


def after_a_reply(client, framing):
    question = framed(framing, b"question")
    client.sendall(question)
    receive_exactly(client, len(question))
    reset(client)


def after_the_half_close(client, framing):
    client.sendall(framed(framing, b"question"))
    client.shutdown(socket.SHUT_WR)
    reset(client)


def with_replies_that_nobody_reads(client, framing):
    client.setblocking(False)
    try:
        while True:
            client.send(framed(framing, b"x" * 60_000))
    except (BlockingIOError, ConnectionResetError):
        pass
    reset(client)


RESETS = (before_a_byte, inside_a_message, before_the_reply_is_read, after_a_reply, after_the_half_close,
          with_replies_that_nobody_reads)


def quiet_server(engine, framing, *options):
    return Server("upper", engine, framing, "--messages", "none", *options)


def have_a_crowd(server, framing):
    """A thousand clients at once: every one is connected before the first sends, and all have their answer."""
    crowd = [server.connect() for _ in range(CROWD)]
    try:
        for number, client in enumerate(crowd):
            client.sendall(framed(framing, b"client %d" % number))
        for number, client in enumerate(crowd):
            expected = framed(framing, b"CLIENT %d" % number)
            answer = receive_exactly(client, len(expected))
            assert answer == expected, (answer, expected)
    finally:
        for client in crowd:
            client.close()


class Endings(unittest.TestCase):
    def test_a_reset_in_every_state(self):
        def talk(server, framing):
            empty = server.descriptors()
            for rounds in range(2):
                for breaking in RESETS:
                    breaking(server.connect(), framing)
                for _ in range(3):  # the workers share the port: each is to be seen serving on
                    with server.connect() as client:
                        client.sendall(framed(framing, b"still there?"))
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(receive_all(client), framed(framing, b"STILL THERE?"))
                server.wait_for("closed", (rounds + 1) * (len(RESETS) + 3))
                server.wait_for_descriptors(empty)
            reasons = {event["reason"] for event in server.seen("closed")}
            self.assertIn("reset", reasons)
            self.assertIn("client", reasons)
        on_each_engine_and_framing(self, talk)

    def test_a_thousand_clients_at_once_leave_nothing(self):
        allow_descriptors(4 * CROWD)
        for engine in ENGINES:
            for framing in FRAMINGS:
                with self.subTest(engine=engine, framing=framing), quiet_server(engine, framing) as server:
                    empty = server.descriptors()
                    have_a_crowd(server, framing)
                    server.wait_for("closed", CROWD)
                    server.wait_for_descriptors(empty)
                    first = server.private_kib()
                    have_a_crowd(server, framing)
                    server.wait_for("closed", 2 * CROWD)
                    server.wait_for_descriptors(empty)
                    second = server.private_kib()
                    print(f"\n    {engine} {framing}: {empty} descriptors before and after; {first:,} KiB after a thousand "
                          f"clients, {second:,} KiB after a thousand more")
                    if not is_sanitized():
                        self.assertLess(second, first + 512)

    def test_an_idle_connection_costs_less_than_a_kibibyte(self):
        if is_sanitized():
            self.skipTest("a sanitizer keeps memory of its own")
        allow_descriptors(4 * CROWD)
        for engine in ENGINES:
            with self.subTest(engine=engine), quiet_server(engine, "line", "--workers", "1") as server:
                crowd = []

                def grow(size):
                    while len(crowd) < size:
                        crowd.append(server.connect())
                    server.wait_for("accepted", size)
                    return server.private_kib()

                # From some to many: what the first ones cost includes buffers that every server has.
                few = grow(CROWD // 2)
                many = grow(3 * CROWD)
                for client in crowd:
                    client.close()
                each = (many - few) * 1024 / (len(crowd) - CROWD // 2)
                print(f"\n    {engine}: {each:.0f} B for each idle connection, {len(crowd)} of them")
                self.assertLess(each, 1024)

    def test_the_last_reply_survives_input_that_nobody_reads(self):
        """A server that closes with unread input sends RST, which can destroy the reply in flight: ours drains first."""
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine, "line", "--once") as server:
                for _ in range(20):
                    with server.connect() as client:
                        client.sendall(b"question\n" + b"x" * 200_000)
                        self.assertEqual(receive_exactly(client, 9), b"QUESTION\n")
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(receive_all(client), b"")

    def test_a_server_that_resets_our_client_in_every_state(self):
        def at_once(client):
            reset(client)

        def after_the_question(client):
            client.recv(1 << 16)
            reset(client)

        def inside_the_reply(client):
            client.recv(1 << 16)
            client.sendall(b"HALF")
            reset(client)

        for engine in ENGINES:
            for breaking in (at_once, after_the_question, inside_the_reply):
                with self.subTest(engine=engine, reset=breaking.__name__), python_server(breaking) as port:
                    code, _, words = ask(port, "--engine", engine, "question", timeout=LIMIT_S)
                    if code == 1 and "io_uring" in words:
                        self.skipTest(words)
                    # A reset that comes before the client has looked may count as never having been connected.
                    self.assertIn(code, (3, 4), words)
                    self.assertTrue(words)


if __name__ == "__main__":
    unittest.main()
