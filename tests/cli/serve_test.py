# SPDX-License-Identifier: MIT
"""`aperto serve` as an operator meets it: what it says, what it survives, how it ends."""

import ctypes
import errno
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from surroundings import LIMIT_S, PROGRAM, Server, Terminal, ask, free_port, receive_all, require, run


class Serve(unittest.TestCase):
    def test_the_log_tells_a_connection_from_its_handshake_to_its_end(self):
        with Server() as server:
            self.assertEqual(ask(server.port, "olá"), (0, "OLÁ".encode(), ""))
            closed = server.wait_for("closed")
            accepted, message = server.seen("accepted")[0], server.seen("message")[0]
        self.assertEqual(accepted["connection"], closed["connection"])
        self.assertEqual(accepted["peer"], closed["peer"])
        self.assertGreater(accepted["client_mss"], 500)
        self.assertGreater(accepted["client_window"], 500)
        self.assertIn("rtt_us", accepted)
        self.assertEqual((message["text"], message["bytes"], message["offset"]), ("olá", 4, 0))
        self.assertEqual((closed["reason"], closed["bytes_in"], closed["bytes_out"]), ("client", 4, 4))
        self.assertEqual(closed["retransmissions"], 0)
        self.assertGreaterEqual(closed["duration_ms"], 0)
        self.assertEqual(server.seen("stopped")[0]["connections"], 1)

    def test_bytes_that_are_not_utf8_are_told_of_once_with_their_place(self):
        with Server() as server:
            with server.connect() as client:
                client.sendall(b"ol\xc3\xa1 \xff")
                self.assertEqual(client.recv(100), b"OL\xc3\x81 \xff")
                client.sendall(b"\xfe")
                self.assertEqual(client.recv(100), b"\xfe")
            server.wait_for("closed")
            found = server.seen("invalid_utf8")
        self.assertEqual([event["offset"] for event in found], [5])
        self.assertEqual(server.seen("stopped")[0]["invalid_utf8_bytes"], 2)

    def test_the_place_counts_what_frames_a_message(self):
        for framing, sent in (("line", b"abc\nx\xff\n"), ("length", b"\0\0\0\3abc\0\0\0\2x\xff")):
            with self.subTest(framing=framing), Server("upper", "epoll", framing) as server:
                with server.connect() as client:
                    client.sendall(sent)
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(client), sent.upper())
                server.wait_for("closed")
                self.assertEqual(server.seen("invalid_utf8")[0]["offset"], sent.index(b"\xff"))

    def test_echo_gives_back_and_discard_is_silent(self):
        for service, reply in (("echo", (0, "olá".encode())), ("discard", (4, b""))):
            with self.subTest(service=service), Server(service) as server:
                self.assertEqual(ask(server.port, "olá")[:2], reply)

    def test_messages_can_be_left_out(self):
        with Server("upper", "epoll", "stream", "--messages", "none") as server:
            ask(server.port, "secret")
            server.wait_for("closed")
            self.assertEqual(server.seen("message"), [])

    def test_a_flood_becomes_a_summary_that_adds_up(self):
        lines = 5000
        with Server("discard", "epoll", "line") as server:
            with server.connect() as client:
                client.sendall(b"x\n" * lines)
            server.wait_for("closed")
            server.wait_for("messages")
        shown = len(server.seen("message"))
        summed = sum(event["count"] for event in server.seen("messages"))
        self.assertEqual(shown + summed, lines)
        self.assertLess(shown, 100)

    def test_lines_on_clients_give_way_to_a_count_when_they_flood(self):
        clients = 10_000
        with Server("upper", "epoll") as server:
            for number in range(clients):
                with server.connect() as client:
                    client.sendall(b"\xff")
                    self.assertEqual(client.recv(10), b"\xff")
        counts = {name: len(server.seen(name)) for name in ("accepted", "closed", "invalid_utf8")}
        together = {name: sum(event[name] for event in server.seen("clients")) for name in counts}
        self.assertEqual({name: counts[name] + together[name] for name in counts}, dict.fromkeys(counts, clients))
        self.assertLess(sum(counts.values()), 3 * clients - 1000, "10,000 lines may come at once, and 1,000 a second")

    def test_each_is_shown_where_all_are_asked_for(self):
        with Server("discard", "epoll", "line", "--messages", "all") as server:
            with server.connect() as client:
                client.sendall(b"x\n" * 1000)
            server.wait_for("closed")
            self.assertEqual(len(server.seen("message")), 1000)

    def test_a_message_is_one_row_of_a_terminal(self):
        """Bytes that are no text, each four columns wide as an escape, and more than anyone reads."""
        with Terminal("serve", "echo", "--host", "127.0.0.1", "--port", "0", columns=100) as screen:
            screen.wait_for("port ")
            screen.wait_for("workers")
            port = int(re.search(r"port (\d+)", screen.seen)[1])
            code, reply, _ = ask(port, stdin=bytes(range(256)) * 20_000)
            self.assertEqual((code, len(reply)), (0, 256 * 20_000))
            screen.type("\x03")
            self.assertEqual(screen.wait_end(), 0)
            rows = screen.seen.splitlines()
            said = [row for row in rows if " says  " in row]
            self.assertTrue(all(len(row) <= 100 for row in said), max(rows, key=len))
            self.assertRegex(said[0], r"says  \\x00\\x01.*…\s+[\d,]+ B$")
            self.assertLess(len(rows), 60)

    def test_the_lectures_eight_steps_as_they_happen(self):
        with Terminal("serve", "--once", "--host", "127.0.0.1", "--port", "0", columns=120) as screen:
            screen.wait_for("4 accept     waits for a client")
            self.assertNotIn("5 recv", screen.seen)
            port = int(re.search(r"port (\d+)", screen.seen)[1])
            code, reply, told = ask(port, "--steps", "texto")
            self.assertEqual((code, reply), (0, b"TEXTO"))
            screen.wait_for("8 back to 4")
            screen.type("\x03")
            self.assertEqual(screen.wait_end(), 0)
            steps = [re.sub(r".*?(?=\d \w)", "", row, count=1) for row in re.findall(r"\d \w[\w ]{9} \S.*", screen.seen)]
            self.assertEqual([step[:12].strip() for step in steps],
                             ["1 socket", "2 bind", "3 listen", "4 accept", "4 accept", "5 recv", "6 print", "6 send",
                              "7 close", "8 back to 4"])
            self.assertTrue(steps[6].rstrip().endswith("texto") and steps[7].rstrip().endswith("TEXTO"), steps)
            told = told.decode() if isinstance(told, bytes) else told
            self.assertEqual(re.findall(r"^\d [\w, ]+?(?=  )", told, re.M),
                             ["1 socket", "2 connect", "3 send", "4 recv", "5 print, close"], told)

    def test_a_port_in_time_wait_says_so_and_for_how_long(self):
        """A server that does not set SO_REUSEADDR, and closes first (RFC 9293, 3.6.1)."""
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            door.listen()
            port = door.getsockname()[1]
            client = socket.create_connection(("127.0.0.1", port))
            served, _ = door.accept()
            served.close()
            self.assertEqual(client.recv(1), b"")
            client.close()
        done = run("serve", "--host", "127.0.0.1", "--port", str(port))
        self.assertEqual(done.returncode, 5)
        found = re.search(r"port \d+ is not free yet: a connection that ended there is in TIME_WAIT for another ([\d.]+) s",
                          done.stderr)
        self.assertTrue(found, done.stderr)
        self.assertGreater(float(found[1]), 30, "Linux keeps it for a minute")
        self.assertLess(float(found[1]), 61)
        self.assertNotIn("Stop that program", done.stderr)

    def test_text_for_people(self):
        server = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--host", "127.0.0.1", "--messages", "some"],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        listening = server.stdout.readline()
        self.assertRegex(listening, r"^\d\d:\d\d:\d\d\.\d{3}  listening on 127\.0\.0\.1, port \d+ · ")
        port = int(listening.split("port ")[1].split()[0])
        ask(port, "a\x1b[2Jb")
        lines = [server.stdout.readline() for _ in range(3)]
        self.assertRegex(lines[0], r"127\.0\.0\.1:\d+ connected · MSS [\d,]+ B · window [\d,]+ B")
        self.assertRegex(lines[1], r"says  a\\x1B\[2Jb +6 B$")
        self.assertRegex(lines[2], r"closed by the client · 6 B in · 6 B out · nothing sent twice$")
        server.terminate()
        self.assertRegex(server.stdout.read(), r"stopped · served 1 connection\n$")
        self.assertEqual(server.wait(LIMIT_S), 0)


class NoListening(unittest.TestCase):
    def test_a_port_in_use_is_told_with_its_owner(self):
        with socket.create_server(("", 0)) as other:
            port = other.getsockname()[1]
            done = run("serve", "--port", str(port))
        self.assertEqual(done.returncode, 5)
        self.assertIn(f"port {port} is in use by ", done.stderr)
        self.assertIn(f"(process {os.getpid()})", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_second_server_does_not_share_the_port(self):
        for engine in ("uring", "epoll"):
            with self.subTest(engine=engine), Server(engine=engine) as server:
                done = run("serve", "--port", str(server.port))
                self.assertEqual((done.returncode, "is in use by aperto" in done.stderr), (5, True), done.stderr)

    def test_a_privileged_port_is_told_from_a_forbidden_one(self):
        if os.geteuid() == 0:
            require("setpriv")
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]
        else:
            command = [PROGRAM]
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
            if int(start.read()) <= 80:
                self.skipTest("this machine has no privileged ports")
        done = subprocess.run([*command, "serve", "--port", "80"], capture_output=True, text=True, timeout=LIMIT_S)
        if "Permission denied" in done.stderr and "aperto" in done.stderr.split("Permission")[0]:
            self.skipTest("another user may not run the program here")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("port 80 is privileged", done.stderr)

    def test_an_address_of_another_machine(self):
        done = run("serve", "--host", "192.0.2.1", "--port", "0")
        self.assertEqual(done.returncode, 5)
        self.assertIn("192.0.2.1 is not an address of this machine", done.stderr)

    def test_a_name_that_nobody_knows(self):
        done = run("serve", "--host", "nowhere.invalid", "--port", "0")
        self.assertEqual(done.returncode, 5)
        self.assertIn("nowhere.invalid", done.stderr)


class Log(unittest.TestCase):
    """Serving goes on whatever becomes of the log."""

    def start(self, output, *options, **more):
        process = subprocess.Popen([PROGRAM, "serve", "--host", "127.0.0.1", "--log", "json", *options],
                                   stdout=output, stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.stderr.close)
        return process

    def connect_when_there(self, process, port):
        while process.poll() is None:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
            except ConnectionRefusedError:
                os.sched_yield()
        raise AssertionError(process.stderr.read())

    def converse(self, process, port, times):
        with self.connect_when_there(process, port) as client:
            for _ in range(times):
                client.sendall(b"hello")
                self.assertEqual(client.recv(100), b"HELLO")

    def end(self, process):
        process.terminate()
        self.assertEqual(process.wait(LIMIT_S), 0)
        return process.stderr.read()

    def test_a_reader_that_left(self):
        port = free_port()
        reading, writing = os.pipe()
        process = self.start(writing, "--port", str(port))
        os.close(writing)
        os.close(reading)
        self.converse(process, port, 10)
        self.assertIn("log lines were lost", self.end(process))

    def test_a_full_disk(self):
        port = free_port()
        with open("/dev/full", "w") as full:
            process = self.start(full, "--port", str(port))
        self.converse(process, port, 10)
        words = self.end(process)
        self.assertIn("log lines were lost", words)
        self.assertIn("No space left", words)

    def test_a_reader_that_sleeps(self):
        port = free_port()
        reading, writing = os.pipe()
        process = self.start(writing, "--port", str(port), "--messages", "all")
        os.close(writing)
        self.converse(process, port, 20_000)
        words = self.end(process)
        lost = int(re.search(r"([\d,]+) log lines were lost", words)[1].replace(",", ""))
        with os.fdopen(reading) as log:
            whole = log.read()
        self.assertTrue(whole.endswith("\n"), whole[-200:])
        events = [json.loads(line)["event"] for line in whole.splitlines()]
        come = sum(event != "log_dropped" for event in events)
        self.assertEqual(come + lost, 20_000 + len(("listening", "accepted", "closed", "stopping", "stopped")))

    def test_a_file_that_may_not_grow_any_more(self):
        port = free_port()

        def allow_little():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

        with tempfile.TemporaryFile("w+") as log:
            process = self.start(log, "--port", str(port), "--messages", "all", preexec_fn=allow_little)
            self.converse(process, port, 200)
            words = self.end(process)
            log.seek(0)
            whole = log.read()
        lost = int(re.search(r"([\d,]+) log lines were lost: File too large", words)[1].replace(",", ""))
        self.assertTrue(whole.endswith("\n"), whole[-200:])
        events = [json.loads(line)["event"] for line in whole.splitlines()]
        come = sum(event != "log_dropped" for event in events)
        self.assertGreater(come, 10)
        self.assertEqual(come + lost, 200 + len(("listening", "accepted", "closed", "stopping", "stopped")))

    def test_a_closed_standard_output(self):
        port = free_port()
        process = subprocess.Popen(["sh", "-c", f'exec "{PROGRAM}" serve --port {port} >&-'], stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.converse(process, port, 1)
        self.end(process)


PIDFD_GETFD = 438  # pidfd_getfd(2), the same on every machine


def shut_listeners_of(pid):
    """Takes the listening sockets of a process away from it, as no system does by itself (shutdown(2))."""
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(name), 0)
        if copy < 0 and ctypes.get_errno() in (errno.EBADF, errno.ESRCH):
            continue  # it has closed it meanwhile, or has ended
        if copy < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        if stat.S_ISSOCK(os.fstat(copy).st_mode):
            with socket.socket(fileno=copy) as there:
                if there.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    there.shutdown(socket.SHUT_RDWR)
        else:
            os.close(copy)
    os.close(process)


class Ending(unittest.TestCase):
    def test_a_listener_that_is_gone_ends_it_with_the_reason(self):
        for engine in ("uring", "epoll"):
            told = self.assertRaisesRegex(AssertionError, "ended with 1: .*could not accept a client on")
            with self.subTest(engine), told, Server("upper", engine) as server:
                shut_listeners_of(server._process.pid)
                self.assertEqual(server._process.wait(LIMIT_S), 1)

    def test_each_signal_ends_it_cleanly(self):
        for engine in ("uring", "epoll"):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(signal=number, engine=engine), Server(engine=engine) as server:
                    server._process.send_signal(number)
                    server.wait_for("stopped")
                    self.assertEqual(server._process.wait(LIMIT_S), 0)

    def test_signals_with_nothing_to_do_say_so(self):
        for number in (signal.SIGHUP, signal.SIGUSR1):
            with self.subTest(signal=number), Server() as server:
                for times in (1, 2):
                    server._process.send_signal(number)
                    told = server.wait_for("signal", times)
                    self.assertEqual((told["name"], told["effect"]), (number.name, "none"))
                self.assertEqual(ask(server.port, "still there")[1], b"STILL THERE")
                server._process.terminate()
                server.wait_for("stopped")
                self.assertEqual(server._process.wait(LIMIT_S), 0)

    def test_a_signal_right_after_it_says_that_it_listens_ends_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for _ in range(20):
                server = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--log", "json"], stdout=subprocess.PIPE, text=True)
                with server, server.stdout:
                    self.assertEqual(json.loads(server.stdout.readline())["event"], "listening")
                    server.send_signal(number)
                    events = [json.loads(line)["event"] for line in server.stdout]
                self.assertEqual((server.returncode, events), (0, ["stopping", "stopped"]))

    def test_a_second_signal_does_not_wait_for_the_drain(self):
        with self.assertRaisesRegex(AssertionError, "ended with 130"), Server("upper", "epoll", "line") as server:
            with server.connect() as client:
                client.sendall(b"first\nhalf a li")
                self.assertEqual(client.recv(100), b"FIRST\n")
                server._process.terminate()
                server.wait_for("stopping")
                server._process.terminate()
                self.assertEqual(server._process.wait(LIMIT_S), 130)

    def test_a_signal_that_was_ignored_stays_ignored(self):
        script = f'trap "" HUP; exec "{PROGRAM}" serve --port 0 --log json'
        process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        port = json.loads(process.stdout.readline())["port"]
        process.send_signal(signal.SIGHUP)
        self.assertEqual(ask(port, "still there")[1], b"STILL THERE")
        process.terminate()
        process.stdout.read()
        self.assertEqual(process.wait(LIMIT_S), 0)


if __name__ == "__main__":
    unittest.main()
