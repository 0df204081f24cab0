# SPDX-License-Identifier: MIT
"""A hundred million bytes through a pipe, the network and back: the same on both engines, in bounded memory."""

import hashlib
import os
import socket
import subprocess
import threading
import unittest

from programs import ENGINES, LIMIT_S, PROGRAM, Server, is_sanitized

PIECE = "As armas e os barões assinalados, que da ocidental praia lusitana — ßŉ€😀 —\n" * 1000
SIZE = 100_000_000
# The piece's size is no power of two: the borders of buffers fall everywhere in it.
TIMES = SIZE // len(PIECE.encode()) + 1
RESIDENT_MAX_KIB = 48 * 1024


class Large(unittest.TestCase):
    def send_through(self, server, engine):
        """Feeds `aperto send` from one thread while another takes its output; gives the digest, size and peak memory."""
        client = subprocess.Popen([PROGRAM, "send", "--port", str(server.port), "--engine", engine, "--timeout",
                                   f"{LIMIT_S}s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        piece = PIECE.encode()

        def feed():
            with client.stdin as pipe:
                for _ in range(TIMES):
                    pipe.write(piece)

        feeding = threading.Thread(target=feed, daemon=True)
        feeding.start()
        seen = hashlib.sha256()
        size = 0
        while part := client.stdout.read(1 << 20):
            seen.update(part)
            size += len(part)
        feeding.join(LIMIT_S)
        client.stdout.close()
        _, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(client.returncode, 0)
        return seen.hexdigest(), size, usage.ru_maxrss

    def test_a_pipe_of_a_hundred_megabytes(self):
        expected = hashlib.sha256()
        capitals = PIECE.upper().encode()
        for _ in range(TIMES):
            expected.update(capitals)
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine, "stream", "--messages", "none") as server:
                seen, size, resident_kib = self.send_through(server, engine)
                print(f"\n    {engine}: {size:,} B back, client at most {resident_kib:,} KiB, "
                      f"server {server.private_kib():,} KiB")
                self.assertEqual(size, len(capitals) * TIMES)
                self.assertEqual(seen, expected.hexdigest())
                if not is_sanitized():
                    self.assertLess(resident_kib, RESIDENT_MAX_KIB)
                    self.assertLess(server.private_kib(), RESIDENT_MAX_KIB)

    def test_a_client_that_never_reads_holds_up_itself_alone(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("echo", engine, "stream", "--messages", "none") as server:
                with server.connect() as greedy:
                    greedy.setblocking(False)
                    poured = 0
                    try:
                        while poured < SIZE:
                            poured += greedy.send(b"x" * (1 << 16))
                    except BlockingIOError:
                        pass
                    with server.connect() as other:
                        other.sendall(b"still there?")
                        other.shutdown(socket.SHUT_WR)
                        self.assertEqual(other.recv(100), b"still there?")
                    self.assertLess(poured, SIZE, "the kernel's buffers and the server's high water stop it")


if __name__ == "__main__":
    unittest.main()
