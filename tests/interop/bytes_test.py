# SPDX-License-Identifier: MIT
"""TCP keeps no borders: whatever the segments, the bytes that come back are the same, on both engines, in every framing."""

import socket
import unittest

from programs import ENGINES, Server, framed, on_each_engine_and_framing, receive_all, receive_exactly


def without_delay(connection):
    """Each send is a segment of its own (tcp(7), TCP_NODELAY)."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Bytes(unittest.TestCase):
    def test_a_byte_at_a_time(self):
        text = "olá €uro 😀 ŉ straße"

        def talk(server, framing):
            with without_delay(server.connect()) as client:
                for byte in framed(framing, text.encode()):
                    client.sendall(bytes([byte]))
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), framed(framing, text.upper().encode()))
        on_each_engine_and_framing(self, talk)

    def test_every_split_of_every_character(self):
        """The reply to what came before tells that the server has read the first part when the second is sent."""
        def talk(server, framing):
            with without_delay(server.connect()) as client:
                for character in "áßŉ€ﬁ😀𐐨":
                    encoded = character.encode()
                    for split in range(1, len(encoded)):
                        if framing == "stream":
                            client.sendall(b"a" + encoded[:split])
                            self.assertEqual(receive_exactly(client, 1), b"A")
                            client.sendall(encoded[split:])
                            expected = character.upper().encode()
                        else:
                            message = framed(framing, b"a" + encoded)
                            cut = message.index(encoded) + split
                            client.sendall(framed(framing, b"before") + message[:cut])
                            before = framed(framing, b"BEFORE")
                            self.assertEqual(receive_exactly(client, len(before)), before)
                            client.sendall(message[cut:])
                            expected = framed(framing, b"A" + character.upper().encode())
                        self.assertEqual(receive_exactly(client, len(expected)), expected, (character, split))
        on_each_engine_and_framing(self, talk)

    def test_every_byte_there_is(self):
        everything = bytes(range(256)) * 3
        for engine in ENGINES:
            for framing, message in (("stream", everything), ("length", everything), ("line", everything.replace(b"\n", b""))):
                with self.subTest(engine=engine, framing=framing), Server("echo", engine, framing) as server:
                    with server.connect() as client:
                        client.sendall(framed(framing, message))
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(receive_all(client), framed(framing, message))

    def test_nul_is_a_byte_like_any_other(self):
        def talk(server, framing):
            with server.connect() as client:
                client.sendall(framed(framing, b"a\0b\0"))
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), framed(framing, b"A\0B\0"))
            self.assertEqual(server.wait_for("message")["text"], "a\0b\0")
        on_each_engine_and_framing(self, talk)

    def test_an_empty_message_and_a_connection_without_a_byte(self):
        def talk(server, framing):
            empty = framed(framing, b"")
            with server.connect() as client:
                client.sendall(empty * 3)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), empty * 3)
            with server.connect() as client:
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), b"")
            server.connect().close()
            server.wait_for("closed", 3)
            self.assertEqual(sorted(event["bytes_in"] for event in server.seen("closed")), [0, 0, 3 * len(empty)])
        on_each_engine_and_framing(self, talk)

    def test_bytes_that_are_not_utf8_pass_unchanged(self):
        def talk(server, framing):
            with server.connect() as client:
                client.sendall(framed(framing, b"caf\xe9 \xff\xc3"))
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), framed(framing, b"CAF\xe9 \xff\xc3"))
        on_each_engine_and_framing(self, talk)

    def test_pipelined_messages_are_answered_in_order(self):
        def talk(server, framing):
            with server.connect() as client:
                questions = b"".join(framed(framing, b"message %d," % number) for number in range(2000))
                client.sendall(questions)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), questions.upper())
        on_each_engine_and_framing(self, talk)


if __name__ == "__main__":
    unittest.main()
