# SPDX-License-Identifier: MIT
"""examples/store, judged by redis-cli and redis-benchmark."""

import shutil
import socket
import subprocess
import unittest

from example_programs import serve_on_port


@unittest.skipUnless(shutil.which("redis-cli"), "NOT RUN HERE: redis-tools is not installed")
class Store(unittest.TestCase):
    def setUp(self):
        self.port = serve_on_port(self, "store")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "--no-raw", "-p", str(self.port), *words], capture_output=True, text=True,
                              timeout=20, check=True)
        return done.stdout.strip()

    def test_redis_cli_has_its_answers(self):
        for words, answer in ((["PING"], "PONG"), (["ping", "olá"], '"ol\\xc3\\xa1"'), (["SET", "a", "x y"], "OK"),
                              (["GET", "a"], '"x y"'), (["GET", "none"], "(nil)"), (["SET", "a", ""], "OK"),
                              (["GET", "a"], '""'), (["DEL", "a"], "(integer) 1"), (["DEL", "a"], "(integer) 0"),
                              (["INCR", "n"], "(integer) 1"), (["INCR", "n"], "(integer) 2"), (["GET", "n"], '"2"'),
                              (["LPUSH", "l", "a", "b", "c"], "(integer) 3"),
                              (["LRANGE", "l", "0", "-1"], '1) "c"\n2) "b"\n3) "a"'),
                              (["LRANGE", "l", "-2", "9"], '1) "b"\n2) "a"'), (["LRANGE", "l", "2", "1"], "(empty array)"),
                              (["LRANGE", "none", "0", "-1"], "(empty array)"), (["EXPIRE", "none", "1"], "(integer) 0"),
                              (["EXPIRE", "n", "100"], "(integer) 1"), (["GET", "n"], '"2"'),
                              (["EXPIRE", "n", "0"], "(integer) 1"), (["GET", "n"], "(nil)")):
            self.assertEqual(self.ask(*words), answer, words)
        for words in (["GET", "l"], ["INCR", "l"], ["SET", "a"], ["NONE"], ["LRANGE", "l", "x", "1"], ["LPUSH", "a", "b"][:2]):
            self.assertTrue(self.ask(*words).startswith("(error) ERR "), words)

    def test_what_is_no_command_ends_that_client_alone(self):
        for wrong in (b"*x\r\n", b"*1\r\n$-5\r\n", b"*99999999\r\n", b"*1\r\n+4\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                client.sendall(wrong)
                try:
                    self.assertEqual(client.recv(100), b"", wrong)
                except ConnectionResetError:
                    pass
        self.assertEqual(self.ask("PING"), "PONG")

    def test_redis_benchmark_runs_through(self):
        done = subprocess.run(["redis-benchmark", "-p", str(self.port), "-n", "20000", "-c", "20", "-P", "8", "-q", "-t",
                               "ping_mbulk,set,get,incr,lpush,lrange_100"], capture_output=True, text=True, timeout=120, check=True)
        self.assertNotIn("Error", done.stdout)
        for name in ("SET:", "GET:", "INCR:", "LPUSH:", "LRANGE_100"):
            self.assertIn(name, done.stdout)


if __name__ == "__main__":
    unittest.main()
