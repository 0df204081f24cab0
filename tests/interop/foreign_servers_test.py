# SPDX-License-Identifier: MIT
"""Our client talks to servers that others wrote: Python's socket, OpenBSD nc, ncat, socat; both engines, every framing."""

import socket
import struct
import threading
import unittest

from programs import (ENGINES, FRAMINGS, LIMIT_S, ask, foreign_server, framed, free_port, python_server, receive_all,
                      receive_exactly, require, reset)

TEXT = "olá, mundo €😀"
CAPITALS = "OLÁ, MUNDO €😀".encode()


def take_message(client, framing):
    """Reads a message as a server of that framing would, whatever the segments; the stream's ends with the half-close."""
    if framing == "length":
        return receive_exactly(client, struct.unpack(">I", receive_exactly(client, 4))[0])
    message = b""
    while part := client.recv(1):
        if framing == "line" and part == b"\n":
            break
        message += part
    return message


class ForeignServers(unittest.TestCase):
    def on_each_engine(self, talk):
        for engine in ENGINES:
            with self.subTest(engine=engine):
                code, _, words = ask(1, "--engine", engine, "x")
                if engine == "uring" and code != 3:
                    self.skipTest(f"io_uring is not to be had here: {words}")
                talk("--engine", engine)

    def test_a_python_server_in_every_framing(self):
        for framing in FRAMINGS:
            def answer(client, framing=framing):
                client.sendall(framed(framing, take_message(client, framing).decode().upper().encode()))

            def talk(*options, framing=framing):
                with python_server(answer) as port:
                    code, reply, words = ask(port, "--framing", framing, *options, TEXT)
                    self.assertEqual((code, words), (0, ""))
                    self.assertEqual(reply.rstrip(b"\n"), CAPITALS)
            self.on_each_engine(talk)

    def test_a_server_that_reads_once_answers_once_and_never_closes(self):
        def answer(client):
            client.sendall(client.recv(1 << 16).decode().upper().encode())
            # It waits for more until the client has gone, and never ends its own stream before.
            while client.recv(1 << 16):
                pass
            gone.wait(LIMIT_S)

        def talk(*options):
            gone.clear()
            with python_server(answer) as port:
                code, reply, words = ask(port, *options, TEXT)
                gone.set()
                self.assertEqual((code, reply), (0, CAPITALS))
                self.assertIn("keeps the connection open", words)
        gone = threading.Event()
        self.on_each_engine(talk)

    def test_a_server_that_reads_once_answers_once_and_closes(self):
        def answer(client):
            client.sendall(client.recv(1 << 16).decode().upper().encode())

        def talk(*options):
            with python_server(answer) as port:
                self.assertEqual(ask(port, *options, TEXT), (0, CAPITALS, ""))
        self.on_each_engine(talk)

    def test_a_server_that_answers_a_byte_at_a_time(self):
        def answer(client):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in take_message(client, "stream").decode().upper().encode():
                client.sendall(bytes([byte]))

        def talk(*options):
            with python_server(answer) as port:
                self.assertEqual(ask(port, *options, TEXT), (0, CAPITALS, ""))
        self.on_each_engine(talk)

    def test_a_server_that_breaks_off_its_answer(self):
        def break_off(client):
            take_message(client, "stream")
            client.sendall(b"HALF AN ANS")
            reset(client)

        def end_inside_a_frame(client):
            take_message(client, "length")
            client.sendall(struct.pack(">I", 100) + b"HALF")

        def talk(*options):
            with python_server(break_off) as port:
                code, _, words = ask(port, *options, TEXT)
                self.assertEqual(code, 4, words)
                self.assertIn("cut short", words)
            with python_server(end_inside_a_frame) as port:
                code, _, words = ask(port, "--framing", "length", *options, TEXT)
                self.assertEqual(code, 4, words)
                self.assertIn("cut short", words)
        self.on_each_engine(talk)

    def test_a_server_that_says_nothing(self):
        def talk(*options):
            with python_server(receive_all) as port:
                code, reply, words = ask(port, *options, TEXT)
                self.assertEqual((code, reply), (4, b""))
                self.assertIn("closed without an answer", words)
        self.on_each_engine(talk)

    def test_nobody_there(self):
        def talk(*options):
            port = free_port()
            code, reply, words = ask(port, *options, TEXT)
            self.assertEqual((code, reply), (3, b""))
            self.assertIn("connection refused", words)
            self.assertIn("Is the server running there?", words)
            code, _, words = ask(port, *options, TEXT, host="sala-3.invalid")
            self.assertEqual(code, 3)
            self.assertIn("sala-3.invalid", words)
            self.assertNotIn("refused", words)
        self.on_each_engine(talk)

    def test_nc_ncat_and_socat_as_servers(self):
        require("nc", "ncat", "socat", "tr")

        def talk(*options):
            port = free_port()
            socat = ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", "EXEC:tr a-z A-Z"]
            with self.subTest(server="socat"), foreign_server(socat, port):
                self.assertEqual(ask(port, *options, "texto original"), (0, b"TEXTO ORIGINAL", ""))
            # These two send their own standard input, and print what they are told. (ncat's --exec ends the command at
            # the client's half-close, before it has answered anybody.)
            for name in ("nc", "ncat"):
                port = free_port()
                with self.subTest(server=name), foreign_server([name, "-l", "127.0.0.1", str(port)], port) as server:
                    server.stdin.write(b"ANSWER")
                    server.stdin.flush()
                    # Whether they end their own stream at ours differs between their versions; the reply is the same.
                    self.assertEqual(ask(port, *options, "texto original")[:2], (0, b"ANSWER"))
                    self.assertEqual(server.stdout.read(14), b"texto original")
        self.on_each_engine(talk)


if __name__ == "__main__":
    unittest.main()
