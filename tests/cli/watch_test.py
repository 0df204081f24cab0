# SPDX-License-Identifier: MIT
"""`aperto watch`: against `ss -ti` and the kernel, in a terminal of tmux at four widths, under loss, and as it ends."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from surroundings import LIMIT_S, PROGRAM, Server, free_port, is_sanitized, require


SENDER = """import socket
s = socket.create_server(("", 7000))
c = s.accept()[0]
try:
    while 1: c.sendall(b"x" * 65536)
except OSError: pass"""


def watch(*arguments, **more):
    return subprocess.run([PROGRAM, "--lang", "en", "watch", *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT_S,
                          check=False, **more)


def looks(*arguments):
    done = watch(*arguments, "--json", "--once", "--refresh", "300ms")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


class Terminal:
    """`aperto watch` in a terminal of its own tmux."""

    def __init__(self, arguments, columns, rows=24, before="", **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, "tmux")
        self.environment = dict(os.environ, LANGUAGE="en", LC_ALL="C.UTF-8", TERM="xterm", **environment)
        for name in ("TMUX", "COLUMNS"):
            self.environment.pop(name, None)
        line = before + " ".join(f"'{one}'" for one in (PROGRAM, "watch", *arguments)) + "; echo ENDED:$?; stty -a | grep -owE -e '-?icanon'; sleep 100"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), line)

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.environment, check=True, timeout=20,
                              capture_output=True, text=True).stdout

    def screen(self, *more):
        return self.tmux("capture-pane", "-p", *more)

    def wait(self, sign, *more):
        until = time.monotonic() + LIMIT_S
        while not re.search(sign, text := self.screen(*more)):
            assert time.monotonic() < until, f"no {sign!r} on:\n{text}"
            time.sleep(0.1)
        return text

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def child(self):
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell, "-n"], capture_output=True, text=True, check=True).stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environment, capture_output=True, timeout=20)
        self.folder.cleanup()


class Talking:
    """Clients that say something now and then."""

    def __init__(self, port, count=12):
        self.clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()

    def talk(self):
        while not self.stop.wait(0.05):
            for number, client in enumerate(self.clients):
                client.sendall(b"x" * 10 * (number + 1) + b"\n")
                client.recv(65536)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        for each in self.clients:
            each.close()


@contextlib.contextmanager
def served():
    with Server("echo", "epoll", "line", "--admin", "127.0.0.1:0") as server:
        server.admin = server.wait_for("admin")["port"]
        yield server


class Beside(unittest.TestCase):
    def test_ss_says_the_same_of_the_same_sockets(self):
        require("ss")
        with served() as server:
            with Talking(server.port):
                time.sleep(0.5)
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
            with contextlib.ExitStack() as stack:
                for client in clients:
                    stack.enter_context(client)
                    client.sendall(b"y" * 3000 + b"\n")
                    while not client.recv(65536).endswith(b"\n"):
                        pass
                time.sleep(0.3)
                seen = {one["peer"]: one for one in looks(f":{server.port}")["connections"]}
                theirs = subprocess.run(["ss", "-tinHO", "sport", "=", f":{server.port}"], capture_output=True, text=True, check=True).stdout
                admin = {one["peer"]: one for one in looks(f"127.0.0.1:{server.admin}")["connections"]}
                judged = 0
                for line in theirs.splitlines():
                    words = line.split()
                    if words[0] != "ESTAB":
                        continue
                    peer = words[4].replace("[::ffff:", "").replace("]", "")
                    for one in (seen[peer], admin[peer]):
                        rtt = float(re.search(r" rtt:([\d.]+)/", line)[1])
                        self.assertAlmostEqual(one["rtt_us"] / 1000, rtt, delta=0.0011, msg=line)
                        self.assertEqual(one["rto_us"] // 1000, int(re.search(r" rto:(\d+)", line)[1]))
                        self.assertEqual(one["snd_cwnd"], int(re.search(r" cwnd:(\d+)", line)[1]))
                        self.assertEqual(one["bytes_acked"], int(re.search(r" bytes_acked:(\d+)", line)[1]))
                        self.assertEqual(one["bytes_received"], int(re.search(r" bytes_received:(\d+)", line)[1]))
                        self.assertEqual(one["ca_name"], words[5])
                        judged += 1
                self.assertEqual(judged, 10)

    def test_a_process_by_its_number(self):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with listener, socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0] as other:
            told = looks(os.getpid())
            ours = {one["peer"] for one in told["connections"]}
            self.assertLessEqual({f"127.0.0.1:{port}", "127.0.0.1:%d" % client.getsockname()[1]}, ours)
            self.assertIn("process", told["target"])
            client.sendall(b"nobody reads this")
            time.sleep(0.3)
            one = next(each for each in looks(f":{port}")["connections"])
            self.assertEqual(one["unread_bytes"], 17)
            self.assertEqual(one["blame"]["whose"], "reader")
            self.assertEqual(other.recv(100), b"nobody reads this")
        gone = watch(2**22 + 5, "--once")
        self.assertEqual(gone.returncode, 3)
        self.assertIn("the process has ended", gone.stderr)

    def test_nothing_to_watch_and_what_makes_no_sense(self):
        self.assertEqual(watch("unix:/nowhere/at/all", "--once").returncode, 3)
        for wrong in ("", "host", ":0", ":70000", "a:b"):
            done = watch(wrong, "--once")
            self.assertEqual(done.returncode, 2, (wrong, done))
            self.assertIn("watch takes HOST:PORT", done.stderr)
        port = free_port()
        self.assertEqual(looks(f"127.0.0.1:{port}")["connections"], [])

    def test_a_service_that_speaks_no_http_is_watched_by_the_kernel(self):
        with served() as server, Talking(server.port, 3):
            told = looks(f"127.0.0.1:{server.port}")
            self.assertEqual(told["source"], "sock_diag")
            self.assertEqual(len([one for one in told["connections"] if one["state"] == "ESTABLISHED"]), 3)

    def test_the_admin_endpoint_of_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server("echo", "epoll", "line", "--admin", f"unix:{folder}/admin") as server:
                server.wait_for("admin")
                with Talking(server.port, 4):
                    told = looks(f"unix:{folder}/admin")
                self.assertEqual(told["source"], "admin")
                self.assertEqual(len(told["connections"]), 4)
                self.assertIn("messages_s", told)

    def test_a_peers_text_drives_no_terminal(self):
        answer = ('{"connections": [\n{"connection":1,"peer":"\\u001b[31mred\\u202e","state":"\\u001b]0;t\\u0007","tcp":{"rtt_us":5}}\n],\n'
                  '"workers_passed_over": []}\n')
        listener = socket.create_server(("127.0.0.1", 0))

        def answers():
            for _ in range(5):
                with listener.accept()[0] as client:
                    path = client.recv(4096).split()[1]
                    body = "alive\n" if path == b"/livez" else answer if path == b"/connections" else "aperto_build_info{version=\"\x1b[2J\"} 1\n"
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body.encode())

        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        with listener:
            done = watch("127.0.0.1:%d" % listener.getsockname()[1], "--once", "--refresh", "100ms")
            self.assertEqual(done.returncode, 0, done)
            thread.join(LIMIT_S)
        self.assertNotIn("\x1b", done.stdout)
        self.assertIn("\\x1B[31mred", done.stdout)


class Screens(unittest.TestCase):
    def setUp(self):
        require("tmux", "pgrep")

    def keep(self, name, text):
        if folder := os.environ.get("APERTO_KEEP_SCREENS"):
            with open(f"{folder}/watch-{name}.txt", "w", encoding="utf-8") as file:
                file.write(text)

    def test_at_each_width_with_keys(self):
        with served() as server, Talking(server.port):
            for columns in (80, 100, 120, 160):
                with self.subTest(columns=columns), Terminal([f"127.0.0.1:{server.admin}", "--refresh", "300ms"], columns) as terminal:
                    text = terminal.wait(r"(?s)12 connections.*nothing to send|12 connections.*network")
                    self.keep(f"table-{columns}", text)
                    rows = text.splitlines()
                    self.assertLessEqual(max(map(len, rows)), columns)
                    self.assertEqual(len([row for row in rows if "127.0.0.1:" in row]), 13)
                    terminal.keys("Right", "Right", "Right", "Right", "Right", "Right")
                    text = terminal.wait("▼out")
                    outs = [row for row in text.splitlines() if re.match(r"^[▸ ] 127\.0", row)]
                    self.assertTrue(outs)
                    terminal.keys("/")
                    terminal.keys("-l", "no such")
                    terminal.wait("none that the filter lets pass")
                    terminal.keys("Escape")
                    terminal.wait(r"(?m)^[▸ ] 127\.0")
                    terminal.keys("Down", "Enter")
                    text = terminal.wait(r"rtt .*│")
                    self.keep(f"one-{columns}", text)
                    self.assertIn("Whose fault", text)
                    self.assertLessEqual(max(map(len, text.splitlines())), columns)
                    terminal.keys("Escape")
                    terminal.wait("whose fault, last minute|whose fault, la")
                    terminal.keys("p")
                    terminal.wait("paused")
                    terminal.keys("q")
                    text = terminal.wait("ENDED:0")
                    self.assertNotIn("connections", text, "the screen before is back")
                    terminal.wait(r"(?m)^icanon")

    def test_the_terminal_is_as_it_was_however_it_ends(self):
        with served() as server:
            for ending, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), ("C-c", 130), (signal.SIGSEGV, 139)):
                if ending == signal.SIGSEGV and is_sanitized():
                    continue
                with self.subTest(ending=ending), Terminal([f"127.0.0.1:{server.admin}"], 90, before="ulimit -c 0; ") as terminal:
                    terminal.wait("q quit")
                    if ending == "C-c":
                        terminal.keys(ending)
                    else:
                        os.kill(terminal.child(), ending)
                    text = terminal.wait(f"ENDED:{code}")
                    self.assertNotIn("q quit", text)
                    terminal.wait(r"(?m)^icanon")
                    self.assertEqual(terminal.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip(), "0 1")

    def test_a_server_that_dies_is_told_of_and_one_that_comes_again_is_watched(self):
        port, admin = free_port(), free_port()
        start = [PROGRAM, "serve", "echo", "--framing", "line", "--port", str(port), "--admin", f"127.0.0.1:{admin}"]
        first = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(first.wait)
        until = time.monotonic() + LIMIT_S
        while watch(f"127.0.0.1:{admin}", "--once", "--json").stdout.find('"admin"') < 0:
            self.assertLess(time.monotonic(), until)
        with Terminal([f"127.0.0.1:{admin}", "--refresh", "200ms"], 100) as terminal:
            terminal.wait("0 connections")
            first.kill()
            terminal.wait("the server does not answer: ")
            second = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                until = time.monotonic() + LIMIT_S
                while "does not answer" in terminal.screen():
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.1)
                terminal.keys("q")
                terminal.wait("ENDED:0")
            finally:
                second.terminate()
                second.wait()

    def test_another_size_no_colour_and_a_dumb_terminal(self):
        with served() as server, Talking(server.port, 3):
            with Terminal([f":{server.port}", "--refresh", "200ms"], 120, NO_COLOR="1") as terminal:
                terminal.wait("nothing to send|network")
                self.assertNotIn("\x1b[", terminal.screen("-e"), "no colour was asked for")
                terminal.tmux("resize-window", "-x", "80", "-y", "12")
                until = time.monotonic() + LIMIT_S
                while max(map(len, (rows := terminal.screen().splitlines()))) > 80 or len(rows) != 12 or "q quit" not in rows[-1]:
                    self.assertLess(time.monotonic(), until, rows)
                    time.sleep(0.1)
            with Terminal([f":{server.port}", "--refresh", "200ms"], 120, before="TERM=dumb ") as terminal:
                terminal.wait(r"(?s)peer.*\n.*peer")
                terminal.keys("C-c")
                terminal.wait("ENDED:130")


class Loss(unittest.TestCase):
    def test_what_the_labs_wire_loses_is_the_networks(self):
        require("ss")
        with tempfile.TemporaryDirectory() as folder:
            server = os.path.join(folder, "server.sh")
            with open(server, "w", encoding="utf-8") as file:
                file.write(f"""python3 -c '{SENDER}' &
for i in $(seq 200); do ss -tnHO state established sport = :7000 | grep -q . && break; sleep 0.1; done
{os.path.abspath(PROGRAM)} watch :7000 --once --json --refresh 3s > {folder}/seen
ss -tinHO sport = :7000 > {folder}/theirs
kill %1
""")
            reader = "import socket; c=socket.create_connection((\"server\",7000))\nwhile c.recv(1<<20): pass"
            client = os.path.join(folder, "client.py")
            with open(client, "w", encoding="utf-8") as file:
                file.write(reader)
            done = subprocess.run([PROGRAM, "--lang", "en", "lab", "--server", f"bash {server}", "--client", f"python3 {client}", "--loss", "5%",
                                   "--delay", "10ms", "--seed", "3", "--show", "none"], capture_output=True, text=True, timeout=120, check=False)
            if done.returncode == 77:
                self.skipTest(done.stderr)
            with open(f"{folder}/seen", encoding="utf-8") as file:
                seen = json.load(file)["connections"][0]
            with open(f"{folder}/theirs", encoding="utf-8") as file:
                theirs = file.read()
        self.assertEqual(seen["blame"]["whose"], "network", seen)
        self.assertGreater(seen["total_retrans"], 0)
        # It only grows: what ss says a moment later is at least as much.
        self.assertLessEqual(seen["total_retrans"], int(re.search(r" retrans:\d+/(\d+)", theirs)[1]))
        self.assertGreaterEqual(seen["min_rtt_us"], 20_000, "the wire's delay there and back")


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("ip"), "needs root and ip")
class Causes(unittest.TestCase):
    """A connection whose hold-up is planted, through two namespaces."""

    def setUp(self):
        self.names = [f"apw{os.getpid()}a", f"apw{os.getpid()}b"]
        for name in self.names:
            self.sh(f"ip netns add {name}")
            self.addCleanup(subprocess.run, f"ip netns del {name}", shell=True, check=False)
        one, other = self.names
        self.sh(f"ip -n {one} link add v0 type veth peer name v1 netns {other}")
        for name, device, address in ((one, "v0", "10.7.0.1/24"), (other, "v1", "10.7.0.2/24")):
            self.sh(f"ip -n {name} addr add {address} dev {device}; ip -n {name} link set {device} up; ip -n {name} link set lo up")

    def sh(self, line):
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0:
            self.skipTest(f"{line}: {done.stderr}")

    def watched(self, client):
        """What is said of a server that sends without end to `client`."""
        one, other = self.names
        reader = ("import socket,time\nfor i in range(100):\n try: c=socket.create_connection(('10.7.0.1',7000),2);break\n"
                  f" except OSError: time.sleep(.05)\n{client}")
        with contextlib.ExitStack() as stack:
            for name, text in ((one, SENDER), (other, reader)):
                process = subprocess.Popen(["ip", "netns", "exec", name, "python3", "-c", text], stdin=subprocess.DEVNULL)
                stack.callback(process.wait)
                stack.callback(process.kill)
            time.sleep(1)
            done = subprocess.run(["ip", "netns", "exec", one, PROGRAM, "watch", ":7000", "--once", "--json", "--refresh", "3s"],
                                  capture_output=True, text=True, timeout=LIMIT_S, check=True)
            theirs = subprocess.run(["ip", "netns", "exec", one, "ss", "-tinHO", "sport", "=", ":7000"], capture_output=True, text=True,
                                    check=True).stdout
            return json.loads(done.stdout)["connections"][0], theirs

    def test_a_slow_reader_is_the_clients(self):
        seen, theirs = self.watched("while c.recv(20000): time.sleep(.05)")
        self.assertEqual(seen["blame"]["whose"], "client_window", seen)
        self.assertIn("rwnd_limited", theirs)


if __name__ == "__main__":
    unittest.main()
