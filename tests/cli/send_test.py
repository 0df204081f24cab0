# SPDX-License-Identifier: MIT
"""`aperto send` as a script and a person meet it: replies, exit codes, words."""

import os
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, Server, Terminal, ask, free_port, python_server, receive_all


class Replies(unittest.TestCase):
    def test_words_are_joined_and_the_reply_is_raw(self):
        with Server() as server:
            self.assertEqual(ask(server.port, "texto", "original"), (0, b"TEXTO ORIGINAL", ""))
            self.assertEqual(ask(server.port, "[1,2]"), (0, b"[1,2]", ""))
            self.assertEqual(ask(server.port, ""), (0, b"", ""))

    def test_each_framing(self):
        for framing, expected in (("stream", b"OL\xc3\x81"), ("line", b"OL\xc3\x81\n"), ("length", b"OL\xc3\x81\n")):
            with self.subTest(framing=framing), Server("upper", "epoll", framing) as server:
                self.assertEqual(ask(server.port, "--framing", framing, "olá"), (0, expected, ""))
                self.assertEqual(ask(server.port, "--framing", framing, stdin="olá".encode()), (0, expected, ""))

    def pieces(self, *pieces, pause=0.0, then=lambda: None):
        """A server that answers with these pieces, and after them ends its stream."""
        def answer(client):
            client.recv(100)
            for piece in pieces:
                client.sendall(piece)
                self.left.wait(pause)
            then()
        self.left = threading.Event()
        self.addCleanup(self.left.set)
        return python_server(answer)

    def keep_open(self, *pieces, pause=0.0):
        """A server that answers with these pieces and never ends its stream."""
        return self.pieces(*pieces, pause=pause, then=lambda: self.left.wait(LIMIT_S))

    def test_a_server_that_never_closes_is_done_when_it_is_quiet(self):
        with self.keep_open(b"HELLO") as port:
            begun = time.monotonic()
            code, reply, words = ask(port, "hello")
            self.assertEqual((code, reply), (0, b"HELLO"))
            self.assertRegex(words, r"^note: the server keeps the connection open; quiet for [\d.]+ m?s")
            self.assertGreater(time.monotonic() - begun, 1, "a lost segment comes again within a second or so")
            self.left.set()

    def test_the_quiet_time_can_be_chosen(self):
        with self.keep_open(b"HELLO") as port:
            begun = time.monotonic()
            code, reply, words = ask(port, "--quiet-time", "20ms", "hello")
            self.assertEqual((code, reply), (0, b"HELLO"))
            self.assertIn("quiet for 20.0 ms", words)
            self.assertLess(time.monotonic() - begun, 1)
            for until_close in (["--until-close"], ["--quiet-time", "never"]):
                self.left.set()
                self.left = threading.Event()
                code, reply, words = ask(port, "--timeout", "300ms", *until_close, "hello")
                self.assertEqual((code, reply), (4, b"HELLO"))
                self.assertIn("fell silent for 300 ms without ending its reply", words)
            self.left.set()

    def test_a_pause_is_no_end(self):
        """A server that retransmits is silent for its timeout, 200 ms at least, and for twice that when it loses again."""
        for pause in (0.1, 0.5):
            with self.subTest(pause=pause), self.pieces(b"one ", b"two ", b"three", pause=pause) as port:
                self.assertEqual(ask(port, "hello"), (0, b"one two three", ""))

    def test_framing_ends_a_reply(self):
        """Whole messages are whole, whether the server closes or not; a part of one is waited for."""
        for framing, message in (("line", b"HELLO\n"), ("length", b"\0\0\0\5HELLO")):
            with self.subTest(framing=framing):
                with self.keep_open(message) as port:
                    self.assertEqual(ask(port, "--framing", framing, "hello"), (0, b"HELLO\n", ""))
                    self.left.set()
                with self.keep_open(message + message[:-1]) as port:
                    code, reply, words = ask(port, "--framing", framing, "--timeout", "500ms", "--quiet-time", "50ms", "hello")
                    self.assertEqual(code, 4, words)
                    self.assertTrue(reply.startswith(b"HELLO\n"))
                    self.left.set()

    def test_a_trickle_is_bounded(self):
        """A byte now and then, for ever, is no answer."""
        with self.keep_open(*[b"."] * 10_000, pause=0.02) as port:
            begun = time.monotonic()
            code, reply, words = ask(port, "--timeout", "1s", "hello")
            self.assertEqual(code, 4)
            self.assertIn("the reply does not end: less than 1KiB came in 1.0 s", words)
            self.assertGreater(len(reply), 10)
            self.assertLess(time.monotonic() - begun, 10)
            self.left.set()

    def test_a_slow_reader_of_the_reply_is_not_the_servers_silence(self):
        def answer(client):
            receive_all(client)
            client.sendall(b"x" * 4_000_000)
        with python_server(answer) as port:
            process = subprocess.Popen([PROGRAM, "send", "--host", "127.0.0.1", "--port", str(port), "--timeout", "300ms", "x"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
            first = process.stdout.read(1)
            threading.Event().wait(1)  # a pager, three timeouts long
            rest, words = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, len(first + rest), words), (0, 4_000_000, b""))

    def test_an_answer_that_comes_before_the_question_is_printed_however_slowly(self):
        """The question goes out while the answer still waits for the reader of our output: no quiet has passed yet."""
        asked = threading.Event()

        def answer(client):
            client.sendall(b"ANSWER")
            receive_all(client)  # to the half-close: all is sent
            asked.set()
            self.left.wait(LIMIT_S)
        self.left = threading.Event()
        with python_server(answer) as port:
            reading, writing = os.pipe()
            try:
                os.set_blocking(writing, False)
                filled = 0
                try:
                    while True:
                        filled += os.write(writing, b"x" * 4096)
                except BlockingIOError:
                    pass
                os.set_blocking(writing, True)
                client = subprocess.Popen([PROGRAM, "send", "--port", str(port), "--quiet-time", "300ms", "question"],
                                          stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL)
            finally:
                os.close(writing)
            self.assertTrue(asked.wait(LIMIT_S))
            with os.fdopen(reading, "rb") as output:
                self.assertEqual(output.read()[filled:], b"ANSWER")
            self.assertEqual(client.wait(LIMIT_S), 0)
            self.left.set()

    def test_the_host_as_people_type_it(self):
        with Server() as server:
            for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", f"[::1]:{server.port}", f"localhost.:{server.port}"):
                done = subprocess.run([PROGRAM, "send", "--host", host, "hello"], capture_output=True, timeout=LIMIT_S)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"HELLO", b""), host)
            done = subprocess.run([PROGRAM, "send", "-p", str(server.port), "hello"], capture_output=True, timeout=LIMIT_S)
            self.assertEqual((done.returncode, done.stdout), (0, b"HELLO"))

    def test_facts_go_to_standard_error(self):
        with Server() as server:
            code, reply, words = ask(server.port, "--facts", "hello")
        self.assertEqual((code, reply), (0, b"HELLO"))
        self.assertRegex(words, r"connected to 127\.0\.0\.1:\d+ in [\d.]+ ms")
        self.assertRegex(words, r"SYN      →  MSS [\d,]+ B")
        self.assertIn("round trip", words)
        self.assertIn("nothing sent twice", words)

    def test_a_terminal_gets_what_is_safe(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"\x1b[2Jgotcha \xe2\x82\xac")
        with python_server(answer) as port, Terminal("send", "--host", "127.0.0.1", "--port", str(port), "x") as screen:
            self.assertEqual(screen.wait_end(), 0)
            self.assertEqual(screen.seen, "\\x1B[2Jgotcha €\r\n")

    def test_a_reader_that_leaves_ends_it_quietly(self):
        with Server("echo") as server:
            process = subprocess.Popen(f'yes | "{PROGRAM}" send --port {server.port} | head -1', shell=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(process.communicate(timeout=LIMIT_S), (b"y\n", b""))


class Failures(unittest.TestCase):
    def test_refused(self):
        code, reply, words = ask(free_port(), "hello")
        self.assertEqual((code, reply), (3, b""))
        self.assertIn("connection refused", words)
        self.assertIn("Is the server running there?", words)

    def test_a_name_does_not_drive_the_terminal(self):
        for name in ("a\x1b[2Jb", "sala\u202e.invalid"):
            code, _, words = ask(9999, "hello", host=name)
            self.assertIn(code, (2, 3))
            self.assertNotIn("\x1b", words)
            self.assertNotIn("\u202e", words)

    def test_a_link_local_address_without_its_zone(self):
        code, _, words = ask(9999, "hello", host="fe80::1")
        self.assertEqual(code, 3)
        self.assertIn("the address lacks its zone", words)
        self.assertIn("--host fe80::1%", words)

    def test_no_such_name(self):
        code, _, words = ask(9999, "hello", host="nowhere.invalid")
        self.assertEqual(code, 3)
        self.assertIn("nowhere.invalid", words)
        self.assertNotIn("refused", words)

    def test_no_answer_to_the_handshake(self):
        """A queue of one that is full: the kernel drops further SYNs."""
        door = socket.socket()
        self.addCleanup(door.close)
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(door.getsockname())
            waiting.append(client)
        code, _, words = ask(door.getsockname()[1], "--timeout", "300ms", "hello")
        self.assertEqual(code, 3)
        self.assertIn("no answer in 300 ms", words)

    def test_a_server_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            code, _, words = ask(door.getsockname()[1], "--timeout", "200ms", "hello")
        self.assertEqual(code, 4)
        self.assertIn("no answer in 200 ms", words)

    def test_a_reply_that_breaks_off_is_printed_as_far_as_it_came(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"half a rep")
            self.received.wait(LIMIT_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.received = threading.Event()
        with python_server(answer) as port:
            process = subprocess.Popen([PROGRAM, "send", "--host", "127.0.0.1", "--port", str(port)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdin.write(b"hello")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(10), b"half a rep")
            self.received.set()
            _, words = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 4)
        self.assertIn(b"cut short", words)

    def test_a_server_that_closes_without_an_answer(self):
        def refuse(client):
            client.recv(100)
        with python_server(refuse) as port:
            for arguments in ([], ["--framing", "line"], ["--framing", "length"]):
                code, reply, words = ask(port, *arguments, "hello")
                self.assertEqual((code, reply), (4, b""), words)
                self.assertIn("the server closed without an answer", words)
            self.assertEqual(ask(port, stdin=b"hello")[0], 4)
            self.assertEqual(ask(port, stdin=b""), (0, b"", ""), "who says nothing is owed nothing")

    def test_a_server_that_refuses_this_machine(self):
        for engine in ("epoll", "uring"):
            with Server("upper", engine, "stream", "--deny", "127.0.0.0/8") as server:
                code, reply, words = ask(server.port, "hello")
            self.assertEqual((code, reply), (4, b""), words)
            self.assertIn("without an answer", words)
            self.assertIn("--deny", words)

    def test_a_line_that_is_cut_short(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"one\ntw")
        with python_server(answer) as port:
            for more in ({}, {"stdin": b"hello\n"}):
                code, reply, words = ask(port, "--framing", "line", *([] if more else ["hello"]), **more)
                self.assertEqual((code, reply), (4, b"one\ntw"))
                self.assertIn("its last line has no end", words)

    def test_a_frame_that_is_cut_short(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"\0\0\0\x10half")
        with python_server(answer) as port:
            code, reply, words = ask(port, "--framing", "length", "hello")
        self.assertEqual((code, reply), (4, b""))
        self.assertIn("in the middle of a message", words)

    def test_a_server_that_reads_only_the_beginning(self):
        def answer(client):
            client.recv(10)
            client.sendall(b"ENOUGH")
        with python_server(answer) as port:
            code, _, words = ask(port, stdin=b"x" * 50_000_000)
        self.assertEqual(code, 4, words)

    def test_an_input_that_cannot_be_read(self):
        folder = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        with Server() as server:
            done = subprocess.run([PROGRAM, "send", "--port", str(server.port)], stdin=folder, capture_output=True,
                                  text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not read standard input: is a directory", done.stderr)

    def test_an_output_that_is_full(self):
        with Server() as server, open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "send", "--port", str(server.port), "x"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not write the reply: no space left", done.stderr)

    def test_wrong_arguments(self):
        for arguments in (["--port", "0", "x"], ["--timeout", "soon", "x"], ["--bogus", "x"], ["--framing", "xml", "x"]):
            self.assertEqual(ask(1, *arguments)[0], 2, arguments)

    def test_retry_waits_for_a_server_that_starts_late(self):
        port = free_port()
        client = subprocess.Popen([PROGRAM, "send", "--port", str(port), "--host", "127.0.0.1", "--retry", "50", "hello"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("trying again in", client.stderr.readline())
        server = subprocess.Popen([PROGRAM, "serve", "--port", str(port), "--log", "json"], stdout=subprocess.DEVNULL)
        reply, _ = client.communicate(timeout=LIMIT_S)
        server.terminate()
        self.assertEqual((client.returncode, reply, server.wait(LIMIT_S)), (0, "HELLO", 0))


    def test_of_several_hosts_the_first_that_answers_is_asked(self):
        with Server() as server:
            done = subprocess.run([PROGRAM, "send", "--host", f"127.0.0.1:{free_port()},sala-3.invalid,127.0.0.1:{server.port}", "--facts", "oi"],
                                  capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual((done.returncode, done.stdout), (0, "OI"), done.stderr)
        self.assertIn(f"connected to 127.0.0.1:{server.port} in", done.stderr)

    def test_where_none_answers_each_is_told(self):
        ports = [free_port(), free_port()]
        done = subprocess.run([PROGRAM, "send", "--host", ",".join(f"127.0.0.1:{port}" for port in ports), "oi"], capture_output=True, text=True,
                              timeout=LIMIT_S)
        self.assertEqual(done.returncode, 3)
        told = " ".join(done.stderr.split())
        self.assertIn("could not connect to any of the hosts: " + "; ".join(f"127.0.0.1 port {port}: Connection refused" for port in ports), told)


class Pipes(unittest.TestCase):
    def test_an_answer_comes_while_the_input_stays_open(self):
        with Server("upper", "epoll", "line") as server:
            process = subprocess.Popen([PROGRAM, "send", "--port", str(server.port), "--framing", "line"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for line in (b"one\n", b"two\n"):
                process.stdin.write(line)
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), line.upper())
            process.stdin.close()
            self.assertEqual((process.wait(LIMIT_S), process.stdout.read()), (0, b""))
            process.stdout.close()

    def test_the_server_closing_ends_it_though_the_input_stays_open(self):
        with Server("upper", "epoll", "stream", "--once") as server:
            process = subprocess.Popen([PROGRAM, "send", "--port", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            process.stdin.write(b"hello")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(), b"HELLO")
            self.assertEqual(process.wait(LIMIT_S), 0)
            process.stdin.close()
            process.stdout.close()

    @unittest.skipIf(b"__asan_init" in Path(PROGRAM).read_bytes(), "a sanitizer's memory is not the program's")
    def test_memory_stays_bounded(self):
        size = 200_000_000
        with Server("echo", "epoll", "stream", "--messages", "none") as server:
            process = subprocess.Popen(f'head -c {size} /dev/zero | "{PROGRAM}" send --port {server.port} | wc -c',
                                       shell=True, stdout=subprocess.PIPE, text=True)
            out, _ = process.communicate(timeout=4 * LIMIT_S)
        self.assertEqual(int(out), size)
        import resource
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 200_000, "KiB, of the largest of all")


if __name__ == "__main__":
    unittest.main()
