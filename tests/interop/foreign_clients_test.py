# SPDX-License-Identifier: MIT
"""Clients that others wrote talk to our server: Python's socket, OpenBSD nc, ncat, socat; both engines, every framing."""

import re
import socket
import subprocess
import unittest

from programs import (ENGINES, LIMIT_S, Server, framed, on_each_engine_and_framing, receive_all, receive_exactly,
                      require)

TEXT = "olá, mundo €😀 straße".encode()
CAPITALS = "OLÁ, MUNDO €😀 STRASSE".encode()


def commands(port):
    """Each way to send standard input to the port, half-close, and print what comes back."""
    return {
        "nc": ["nc", "-N", "127.0.0.1", str(port)],
        "nc over IPv6": ["nc", "-N", "::1", str(port)],
        "ncat": ["ncat", "127.0.0.1", str(port)],
        "socat": ["socat", "-t", str(LIMIT_S), "-", f"TCP:127.0.0.1:{port}"],
    }


class ForeignClients(unittest.TestCase):
    def test_nc_ncat_and_socat_have_their_answer(self):
        require("nc", "ncat", "socat")

        def talk(server, framing):
            for name, command in commands(server.port).items():
                with self.subTest(client=name):
                    done = subprocess.run(command, input=framed(framing, TEXT), capture_output=True, timeout=LIMIT_S,
                                          check=True)
                    self.assertEqual(done.stdout, framed(framing, CAPITALS))
        on_each_engine_and_framing(self, talk)

    def test_python_has_its_answer_without_a_half_close(self):
        def talk(server, framing):
            with server.connect() as client:
                for _ in range(3):
                    client.sendall(framed(framing, TEXT))
                    expected = framed(framing, CAPITALS)
                    self.assertEqual(receive_exactly(client, len(expected)), expected)
        on_each_engine_and_framing(self, talk)

    def test_python_has_its_answer_after_a_half_close(self):
        def talk(server, framing):
            with server.connect("::1") as client:
                client.sendall(framed(framing, TEXT) * 2)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(client), framed(framing, CAPITALS) * 2)
        on_each_engine_and_framing(self, talk)

    def test_the_log_tells_the_conversation(self):
        def talk(server, framing):
            with server.connect() as client:
                here = "{}:{}".format(*client.getsockname())
                client.sendall(framed(framing, TEXT))
                client.shutdown(socket.SHUT_WR)
                sent = len(receive_all(client))
            closed = server.wait_for("closed")
            accepted = server.wait_for("accepted")
            message = server.wait_for("message")
            self.assertEqual([accepted["peer"], message["peer"], closed["peer"]], [here] * 3)
            self.assertEqual(message["text"], TEXT.decode())
            self.assertEqual((closed["reason"], closed["bytes_in"], closed["bytes_out"], closed["retransmissions"]),
                             ("client", len(framed(framing, TEXT)), sent, 0))
            self.assertGreater(accepted["client_mss"], 0)
        on_each_engine_and_framing(self, talk)

    def test_once_answers_once_closes_and_accepts_again(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine, "stream", "--once") as server:
                for _ in range(3):
                    with server.connect() as client:
                        client.sendall(TEXT)
                        self.assertEqual(receive_all(client), CAPITALS)

    def test_the_other_services(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("echo", engine) as echo, Server("discard", engine) as discard:
                for server, answer in ((echo, TEXT), (discard, b"")):
                    with server.connect() as client:
                        client.sendall(TEXT)
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(receive_all(client), answer)

    def test_it_names_the_engine_that_runs(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine) as server:
                self.assertEqual(server.wait_for("listening")["engine"], engine)
                self.assertRegex(server.wait_for("listening")["time"], re.compile(r"^\d{4}-\d\d-\d\dT.*Z$"))


if __name__ == "__main__":
    unittest.main()
