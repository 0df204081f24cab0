# SPDX-License-Identifier: MIT
"""examples/proxy between a client and a server of Python's."""

import socket
import struct
import threading
import unittest

from example_programs import free_port, serve_on_port


class Proxy(unittest.TestCase):
    def setUp(self):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.door.close)
        self.upstream = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.port = serve_on_port(self, "proxy", self.upstream)
        self.door.accept()[0].close()  # that of the knock

    def meet(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        server, _ = self.door.accept()
        server.settimeout(20)
        self.addCleanup(client.close)
        self.addCleanup(server.close)
        return client, server

    def read_to_end(self, of):
        read = b""
        while part := of.recv(65536):
            read += part
        return read

    def test_both_ways_to_the_end_of_each(self):
        client, server = self.meet()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.read_to_end(server), b"question")
        server.sendall(b"answer")
        server.close()
        self.assertEqual(self.read_to_end(client), b"answer")

    def test_much_at_a_time_both_ways(self):
        client, server = self.meet()
        much = bytes(range(256)) * 80_000
        seen = {}

        def talk(name, of):
            sending = threading.Thread(target=lambda: (of.sendall(much), of.shutdown(socket.SHUT_WR)))
            sending.start()
            seen[name] = self.read_to_end(of)
            sending.join()

        sides = [threading.Thread(target=talk, args=each) for each in (("client", client), ("server", server))]
        for each in sides:
            each.start()
        for each in sides:
            each.join()
        self.assertEqual(seen, {"client": much, "server": much})

    def test_a_reset_is_passed_on(self):
        for of in (0, 1):
            sides = self.meet()
            sides[of].sendall(b"x")
            self.assertEqual(sides[1 - of].recv(1), b"x")
            sides[of].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sides[of].close()
            with self.assertRaises(ConnectionResetError):
                self.read_to_end(sides[1 - of])

    def test_where_nobody_is_behind_it_each_client_is_told_by_a_reset(self):
        port = serve_on_port(self, "proxy", f"127.0.0.1:{free_port()}")
        for _ in range(2):
            with self.assertRaises(ConnectionResetError):
                with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                    client.recv(1)


if __name__ == "__main__":
    unittest.main()
