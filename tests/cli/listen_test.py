# SPDX-License-Identifier: MIT
"""--listen with what is different at one address, and the files of Unix sockets."""

import grp
import os
import socket
import ssl
import stat
import subprocess
import tempfile
import unittest

from surroundings import LIMIT_S, PROGRAM, Server, free_port, run


class Listen(unittest.TestCase):
    def test_one_address_is_plain_where_the_others_speak_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost"], check=True, capture_output=True)
            inside = free_port()
            with Server("upper", "epoll", "line", "--tls", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem",
                        "--listen", f"127.0.0.1:{inside},tls=off,idle-timeout=1h") as server:
                trusting = ssl.create_default_context(cafile=f"{folder}/ca.pem")
                with socket.create_connection(("127.0.0.1", server.port), LIMIT_S) as plain, \
                        trusting.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(b"a\n")
                    self.assertEqual(client.recv(10), b"A\n")
                with socket.create_connection(("127.0.0.1", inside), LIMIT_S) as client:
                    client.sendall(b"b\n")
                    self.assertEqual(client.recv(10), b"B\n")

    def test_a_unix_socket_is_for_its_group_and_tells_who_came(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/chat,1.sock"
            group = grp.getgrgid(os.getgid()).gr_name
            with Server("upper", "epoll", "stream", "--listen", f"unix:{path},max-connections=5", "--socket-mode", "660",
                        "--socket-group", group) as server:
                status = os.stat(path)
                self.assertEqual((stat.S_IMODE(status.st_mode), status.st_gid), (0o660, os.getgid()))
                done = run("send", "--host", f"unix:{path}", "oi")
                self.assertEqual(done.stdout, "OI")
                came = server.wait_for("accepted")
                self.assertEqual((came["uid"], came["gid"]), (os.getuid(), os.getgid()))
                self.assertGreater(came["pid"], 0)

    def test_what_makes_no_sense_is_refused_with_words(self):
        for given, told in (("127.0.0.1:1,max-connections=0", "--max-connections takes"),
                            ("127.0.0.1:1,idle-timeout=soon", "--idle-timeout takes"),
                            ("127.0.0.1:1,tls=maybe", "--tls takes"),
                            ("127.0.0.1:1,tls=on", "--listen 127.0.0.1:1,tls=on is of no use without --tls"),
                            ("127.0.0.1:1,colour=red", "There is no colour=red for one address"),
                            ("127.0.0.1:port", "--listen takes an address")):
            done = run("serve", "--listen", given)
            self.assertEqual(done.returncode, 2, given)
            self.assertIn(told, done.stderr)
        for given in ("999", "0", "rw"):
            done = run("serve", "--socket-mode", given)
            self.assertEqual(done.returncode, 2, given)
            self.assertIn("--socket-mode takes a mode from 600 to 777", done.stderr)


if __name__ == "__main__":
    unittest.main()
