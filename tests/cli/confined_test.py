# SPDX-License-Identifier: MIT
"""What `aperto serve` has given up once it serves, as the kernel tells it of each thread."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from surroundings import PROGRAM, Server, run


def threads(pid):
    """For each thread of a process the fields of its status (proc(5))."""
    for folder in Path(f"/proc/{pid}/task").iterdir():
        lines = (folder / "status").read_text().splitlines()
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


class Confined(unittest.TestCase):
    def setUp(self):
        with Server() as server:
            if open_here := server.seen("listening")[0].get("unconfined"):
                self.skipTest(f"left open here: {open_here}")

    def check(self, server):
        seen = list(threads(server.pid))
        self.assertGreaterEqual(len(seen), 4)
        for each in seen:
            self.assertEqual((each["Seccomp"], each["NoNewPrivs"]), ("2", "1"), each)
            self.assertEqual(int(each["CapEff"], 16) | int(each["CapPrm"], 16), 0, each)

    def test_every_thread_is_confined_on_both_engines_and_serves(self):
        for engine in ("uring", "epoll"):
            with self.subTest(engine=engine), Server("upper", engine, "line", "--sandbox", "required") as server:
                with server.connect() as client:
                    client.sendall(b"still\n")
                    self.assertEqual(client.recv(100), b"STILL\n")
                self.check(server)
                server.wait_for("closed")

    def test_it_can_be_turned_off(self):
        with Server("upper", "epoll", "line", "--sandbox", "off") as server:
            self.assertEqual({each["Seccomp"] for each in threads(server.pid)}, {"0"})

    def test_a_unix_sockets_name_is_still_taken_away_at_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/door"
            with Server("upper", "epoll", "line", "--host", f"unix:{path}") as server, socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b"in\n")
                self.assertEqual(client.recv(100), b"IN\n")
                self.check(server)
            self.assertFalse(os.path.exists(path))

    def test_so_is_the_thread_that_hands_over(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server("upper", "epoll", "line") as server:
                without = len(list(threads(server.pid)))
            with Server("upper", "epoll", "line", "--handover", f"{folder}/next") as server:
                self.check(server)
                self.assertEqual(len(list(threads(server.pid))), without + 1)
            self.assertEqual(os.listdir(folder), [])

    def test_a_certificate_behind_a_link_is_read_again(self):
        """As certbot keeps them: a folder of links to another one."""
        with tempfile.TemporaryDirectory() as folder:
            live, archive = Path(folder, "live"), Path(folder, "archive")
            live.mkdir()
            self.assertEqual(run("cert", "--dir", str(archive)).returncode, 0)
            for name in ("cert.pem", "key.pem"):
                (live / name).symlink_to(archive / name)
            with Server("upper", "epoll", "line", "--tls", "--cert", str(live / "cert.pem"),
                        "--key", str(live / "key.pem")) as server:
                server.wait_for("certificate")
                os.kill(server.pid, signal.SIGHUP)
                server.wait_for("certificate", 2)
                self.assertEqual(server.seen("certificate_refused"), [])

    @unittest.skipUnless(os.geteuid() == 0, "takes root")
    def test_it_becomes_the_user_it_was_told_to_and_binds_a_low_port_before(self):
        with Server("upper", "epoll", "line", "--user", "nobody", "--port", "811") as server:
            self.check(server)
            for each in threads(server.pid):
                self.assertEqual(set(each["Uid"].split()), {"65534"}, each)
                self.assertNotIn("0", each["Groups"].split())
            with socket.create_connection(("127.0.0.1", 811)) as client:
                client.sendall(b"low\n")
                self.assertEqual(client.recv(100), b"LOW\n")

    def test_a_user_who_is_not_there_is_a_reason_to_end(self):
        done = run("serve", "--port", "0", "--user", "nobody-of-that-name")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no user or group nobody-of-that-name", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user by itself")
    def test_becoming_somebody_takes_root(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               PROGRAM, "serve", "--port", "0", "--user", "daemon"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("leave --user out", done.stderr)


if __name__ == "__main__":
    unittest.main()
