# SPDX-License-Identifier: MIT
"""examples/pool between many clients and a server of Python's that counts its connections."""

import socket
import socketserver
import threading
import unittest

from example_programs import serve_on_port


class Upstream(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 100

    def __init__(self):
        self.connections = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Answers)


class Answers(socketserver.StreamRequestHandler):
    def handle(self):
        with self.server.lock:
            self.server.connections += 1
        for line in self.rfile:
            if line == b"go\n":
                return
            self.wfile.write(b"re: " + line)


class Pool(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        serving = threading.Thread(target=self.upstream.serve_forever)
        serving.start()
        self.addCleanup(self.upstream.server_close)
        self.addCleanup(serving.join)
        self.addCleanup(self.upstream.shutdown)
        host, port = self.upstream.server_address
        self.port = serve_on_port(self, "pool", f"{host}:{port}")

    def ask(self, lines):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client, client.makefile() as answers:
            for line in lines:
                client.sendall(f"{line}\n".encode())
                yield answers.readline()

    def test_many_clients_share_few_connections(self):
        wrong = []

        def talk(name):
            for number, answer in enumerate(self.ask(f"{name} {i}" for i in range(20))):
                if answer != f"re: {name} {number}\n":
                    wrong.append(answer)

        talkers = [threading.Thread(target=talk, args=(f"client{i}",)) for i in range(30)]
        for each in talkers:
            each.start()
        for each in talkers:
            each.join()
        self.assertEqual(wrong, [])
        workers_max = 64
        self.assertLessEqual(self.upstream.connections, 4 * workers_max)
        self.assertLess(self.upstream.connections, 600, "one for each question")

    def test_a_connection_that_went_stale_is_replaced(self):
        self.assertEqual(list(self.ask(["one", "two"])), ["re: one\n", "re: two\n"])
        answer, = self.ask(["go"])
        self.assertTrue(answer.startswith("unavailable: "), answer)
        self.assertEqual(list(self.ask(["three"])), ["re: three\n"])

    def test_without_the_other_server_it_says_so(self):
        self.upstream.shutdown()
        self.upstream.server_close()
        answer, = self.ask(["anybody?"])
        self.assertTrue(answer.startswith("unavailable: could not connect to"), answer)


if __name__ == "__main__":
    unittest.main()
