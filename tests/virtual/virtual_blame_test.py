# SPDX-License-Identifier: MIT
"""Whose fault a slow answer is, of causes that the wire has: in virtual time, so that no busy machine has a part in it."""

import json
import pathlib
import sys
import tempfile
import unittest

from virtual_support import PROGRAM, lab, needs_the_kernel

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

from blame import COUNT, NAGLE, check, preloaded  # noqa: E402

# Asks so often, each question of so many bytes, and writes down what it has waited.
CLIENT = r"""
import json, socket, sys, time
count, size, room, pieces = map(int, sys.argv[1:5])
client = socket.socket()
if room:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client.connect(("server", 9999))
waited = []
def read():
    got = b""
    while not got.endswith(b"\n"):
        got += client.recv(1 << 16)
    return got
for _ in range(count):
    begun = []
    for piece in range(pieces):
        if piece:
            time.sleep(0.005)
        begun.append(time.monotonic())
        client.sendall(b"x" * (size - 1) + b"\n")
    got = b""
    while got.count(b"\n") < pieces:
        more = client.recv(1 << 16)
        for _ in range(more.count(b"\n")):
            waited.append(time.monotonic() - begun[got.count(b"\n") + _])
        got += more
json.dump(waited, open(sys.argv[5], "w"))
"""


def setUpModule():
    needs_the_kernel()


class Wire(unittest.TestCase):
    def run_on(self, *wire, size=4, room=0, pieces=1, environment=None):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "client.py")
            script.write_text(CLIENT)
            log, heard = pathlib.Path(folder, "log"), pathlib.Path(folder, "heard")
            begin = f"env LD_PRELOAD={preloaded(folder, environment)} " if environment else ""
            server = (f"{begin}{PROGRAM} serve upper --framing line --engine {self.ENGINE} --trace-messages 100% --log json "
                      f"--workers 1 --max-message 1MiB --log-file {log}")
            client = f"{sys.executable} {script} {COUNT} {size} {room} {pieces} {heard}"
            done = lab("--virtual", "--server", server, "--client", client, "--timeout", "1h", "--show", "none", "--keep", log,
                       "--keep", heard, *wire)
            self.assertTrue(heard.exists(), done.stdout + done.stderr)
            told = [json.loads(line) for line in log.read_text().splitlines()]
            return [one for one in told if one["event"] == "timed"], json.loads(heard.read_text())

    def test_distance(self):
        check(self, *self.run_on("--delay", "20ms"), "network")

    def test_loss(self):
        told, waited = self.run_on("--delay", "10ms", "--loss", "server:30%", "--seed", "7")
        self.assertGreater(max(waited), 0.03, "nothing was lost")
        check(self, told, waited, lambda truth: "retransmission" if truth > 0.03 else "network")

    def test_segments_out_of_order(self):
        size, segments = 6000, 5
        held = [option for i in range(COUNT) for option in ("--hold", f"client data#{i * segments + 4}", "46ms")]
        told, waited = self.run_on("--delay", "20ms", *held, size=size)
        check(self, told, waited, "reordering")

    def test_a_small_window(self):
        check(self, *self.run_on("--delay", "5ms", size=60_000, room=4096), "window")

    def test_nagle_with_a_delayed_acknowledgement(self):
        told, waited = self.run_on("--delay", "10ms", pieces=2, environment=NAGLE)
        later = [(one, truth) for one, truth in zip(told, waited) if one["message"] % 2 == 0]
        check(self, [one for one, _ in later], [truth for _, truth in later],
              lambda truth: "nagle" if truth > 0.045 else "network")


class OnUring(Wire):
    ENGINE = "uring"


class OnEpoll(Wire):
    ENGINE = "epoll"


del Wire

if __name__ == "__main__":
    unittest.main()
