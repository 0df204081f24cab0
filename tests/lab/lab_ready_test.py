# SPDX-License-Identifier: MIT
"""When the client is started."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from lab_support import PROGRAM, lab, works_here

UDP_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5300))
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data.upper(), who)
"""
UDP_CLIENT = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(('server', 5300))
s.send(b'texto original')
print(s.recv(2000).decode())
"""


class WithScripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.udp = ["--server", self.script("server", UDP_SERVER), "--client", self.script("client", UDP_CLIENT)]

    def script(self, name, text):
        path = self.folder / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return f"python3 {path}"


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Ready(WithScripts):
    def passes(self, *arguments):
        done = lab(*arguments, "--timeout", "20s")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_a_server_of_udp_is_ready_by_its_port(self):
        for sign in ("udp:5300", "udp"):
            self.assertIn("client │ TEXTO ORIGINAL", self.passes(*self.udp, "--ready", sign).stdout)

    def test_a_scenario_has_the_key_and_a_datagram_is_enough_to_pass(self):
        path = self.folder / "udp.toml"
        path.write_text(f'server = "{self.udp[1]}"\nclient = "{self.udp[3]}"\nready = "udp:5300"\n'
                        'expect = ["client others = 1", "client prints \\"TEXTO ORIGINAL\\""]\n', encoding="utf-8")
        done = lab("run", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_server_of_udp_without_a_sign_is_told_of_and_what_to_write(self):
        done = lab(*self.udp, "--timeout", "3s")
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertIn("the client waits for the server to listen on a TCP port; it has bound UDP port 5300: "
                      "write --ready udp:5300", done.stderr)

    def test_what_is_waited_for_is_said_while_it_is(self):
        program = subprocess.Popen([PROGRAM, "lab", "--server", "sleep 1000", "--client", "true", "--ready", "tcp:80"],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.assertIn("listen on TCP port 80", program.stderr.readline())
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)
        self.assertEqual(program.returncode, 143)

    def test_a_printed_line_is_a_sign(self):
        server = self.script("late", """
import socket, time
s = socket.create_server(('', 9999))
time.sleep(0.5)
print('now I serve', flush=True)
c, who = s.accept()
c.sendall(b'after ' + c.recv(100))
c.close()
""")
        done = self.passes("--server", server, "--client", "aperto send --host server abc", "--ready", "line:now I serve")
        said = [line for line in done.stdout.splitlines() if "│" in line and ("now I serve" in line or "after" in line)]
        self.assertIn("now I serve", said[0])
        self.assertIn("after abc", said[1])

    def test_a_time_is_a_sign(self):
        begin = time.monotonic()
        self.passes("--server", "peer serve", "--client", "peer call --text abc", "--ready", "700ms")
        self.assertGreater(time.monotonic() - begin, 0.7)

    def test_a_server_may_go_into_the_background_first(self):
        self.assertIn("client │ TEXTO ORIGINAL", self.passes("--server", "sh -c '(sleep 0.7; exec peer serve --upper) &'", "--client",
                                                             "aperto send --host server 'texto original'").stdout)
        self.assertIn("client │ TEXTO ORIGINAL", self.passes("--server", "setsid -f sh -c 'sleep 0.7; exec peer serve --upper'",
                                                             "--client", "aperto send --host server 'texto original'").stdout)

    def test_what_went_into_the_background_is_told_to_end(self):
        server = self.script("daemon", """
import os, signal, socket, sys
if os.fork() > 0:
    sys.exit(0)
os.setsid()
def end(*which):
    print('told to end', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
s = socket.create_server(('', 9999))
while True:
    c, who = s.accept()
    c.sendall(c.recv(100))
    c.close()
""")
        self.assertIn("server │ told to end", self.passes("--server", server, "--client", "aperto send --host server abc").stdout)

    def test_the_port_named_is_the_one_waited_for(self):
        server = self.script("two", """
import socket, time
first = socket.create_server(('', 1111))
time.sleep(0.5)
s = socket.create_server(('', 2222))
c, who = s.accept()
c.sendall(c.recv(100))
c.close()
""")
        self.assertIn("client │ abc", self.passes("--server", server, "--client", "aperto send --host server --port 2222 abc",
                                                  "--ready", "tcp:2222").stdout)

    def test_a_server_on_a_loopback_address_is_told_of(self):
        told = "the server listens on a loopback address alone"
        for address, family, spoken_of in (("127.0.0.1", "AF_INET", True), ("::1", "AF_INET6", True),
                                           ("::ffff:127.0.0.1", "AF_INET6", True), ("0.0.0.0", "AF_INET", False),
                                           ("10.0.0.1", "AF_INET", False), ("::", "AF_INET6", False)):
            server = self.script("loop", f"""
import socket, time
s = socket.socket(socket.{family})
if s.family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('{address}', 9999))
s.listen()
time.sleep(60)
""")
            done = lab("--server", server, "--client", "true")
            self.assertEqual(told in done.stderr, spoken_of, f"{address}: {done.stderr}")

    def test_what_is_no_sign_is_refused(self):
        for sign in ("soon", "tcp:0", "udp:x", "line:", "tcp:70000", "7 parsecs"):
            self.assertEqual(lab("--ready", sign).returncode, 2, sign)


if __name__ == "__main__":
    unittest.main()
