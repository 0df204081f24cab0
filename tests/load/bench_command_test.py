# SPDX-License-Identifier: MIT
"""`aperto bench` as people and scripts use it, against servers of another language."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

APERTO = os.environ.get("APERTO_BIN", "")


class Server:
    """Answers each piece that comes with `answer(piece)`, a thread a connection."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                while data := client.recv(65536):
                    client.sendall(self.answer(data))
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A thread that waits in accept(2) is woken by this, not by close(2).
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def bench(port, *arguments):
    words = [APERTO, "bench", "--port", str(port), "--connections", "4", "--requests", "200", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"})
    print(f"  aperto {' '.join(words[1:])} -> {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@unittest.skipUnless(APERTO, "APERTO_BIN names the program")
class BenchCommand(unittest.TestCase):
    def test_every_byte_of_a_right_server(self):
        with Server(bytes.upper) as server:
            done = bench(server.port)
        self.assertEqual(done.returncode, 0)
        self.assertIn("200 answered", done.stdout)
        self.assertIn("every byte was compared, and right", done.stdout)

    def test_json_tells_what_was_seen(self):
        with Server(bytes.upper) as server:
            done = bench(server.port, "--json", "--framing", "line", "--size", "32", "--pipeline", "8",
                         "--server-pid", str(os.getpid()))
        seen = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(seen["clean"])
        self.assertEqual(seen["answered"], 200)
        self.assertEqual(seen["bytes_received"], 200 * 33)
        self.assertEqual(seen["latency_us"]["count"], 200)
        self.assertLessEqual(seen["latency_us"]["p50"], seen["latency_us"]["p99"])
        self.assertGreater(seen["server"]["cpu_ns_per_request"], 0)

    def test_a_server_that_echoes_is_not_one_that_answers_in_capitals(self):
        with Server(bytes) as server:
            self.assertEqual(bench(server.port, "--expect", "echo").returncode, 0)
            done = bench(server.port, "--expect", "upper")
        self.assertEqual(done.returncode, 1)
        self.assertIn("WRONG", done.stdout)

    def test_an_open_loop_tells_both_latencies_and_keeps_its_rate(self):
        with Server(bytes.upper) as server:
            done = bench(server.port, "--json", "--rate", "1000")
        seen = json.loads(done.stdout)
        self.assertEqual(seen["corrected_latency_us"]["count"], 200)
        self.assertGreaterEqual(seen["seconds"], 0.199)  # 200 requests, the last one due after 199 ms

    def test_the_histogram_goes_to_a_file(self):
        with tempfile.TemporaryDirectory() as folder, Server(bytes.upper) as server:
            path = Path(folder) / "latency.hgrm"
            self.assertEqual(bench(server.port, "--histogram", str(path)).returncode, 0)
            self.assertIn("#[Total count =          200]", path.read_text())
            self.assertEqual(bench(server.port, "--histogram", folder).returncode, 1)

    def test_nobody_listens(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets the port
            done = bench(taken.getsockname()[1])
        self.assertEqual(done.returncode, 3)
        self.assertIn("connection refused", done.stderr)

    def test_arguments_that_make_no_sense(self):
        for arguments in (["--size", "many"], ["--duration", "never"], ["--framing", "morse"], ["--port", "0"],
                          ["--pipeline", "2", "--per-message-connection"], ["--nonsense"],
                          ["--pipeline", "65536", "--connections", "1000"]):
            self.assertEqual(bench(9999, *arguments).returncode, 2, arguments)

    def test_a_number_out_of_its_range_is_told_with_the_range(self):
        for option, value in (("--idle", "-1"), ("--connections", "-1"), ("--requests", "-1"), ("--requests", "0"),
                              ("--pipeline", "1000000000"), ("--rate", "1e10"), ("--rate", "1e-300"), ("--rate", "nan"),
                              ("--rate", "0"), ("--size", "0x10"), ("--server-pid", "-1"), ("--warm-up", "-1s")):
            done = bench(9999, f"{option}={value}")
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, f'^error: {option} takes .* from .* to .*, not "{value}"\n')

    def test_an_interrupt_ends_the_run_and_still_tells(self):
        with Server(bytes.upper) as server:
            words = [APERTO, "bench", "--json", "--port", str(server.port), "--connections", "1", "--duration", "1h",
                     "--warm-up", "0s"]
            with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
                while not server_was_asked(server):
                    pass
                running.terminate()
                told, _ = running.communicate(timeout=30)
        self.assertTrue(json.loads(told)["interrupted"])


def server_was_asked(server):
    """Whether somebody has connected, as the kernel tells of the listener's port."""
    port = f":{server.port:04X} "
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(port in line.split(" 00000000", 1)[0] and line.split()[3] == "01" for line in lines)


if __name__ == "__main__":
    unittest.main()
