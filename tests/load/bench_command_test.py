# SPDX-License-Identifier: MIT
"""`aperto bench` as people and scripts use it, against servers of another language."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

APERTO = os.environ.get("APERTO_BIN", "")
ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
IN_ENGLISH = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}


class Server:
    """Answers each piece that comes with `answer(piece)`, a thread a connection."""

    def __init__(self, answer):
        self.answer = answer
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
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


class Full:
    """A port whose queue of connections is full: the kernel answers no further SYN."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.queued = socket.create_connection(("127.0.0.1", self.port))
        return self

    def __exit__(self, *_):
        self.queued.close()
        self.listener.close()


# A server that answers 100 requests of 64 bytes, and is gone.
ENDS_AFTER_100 = """
import os, selectors, socket
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
waiting = selectors.DefaultSelector()
waiting.register(listener, selectors.EVENT_READ)
answers = 0
while True:
    for key, _ in waiting.select():
        if key.fileobj is listener:
            waiting.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(64, socket.MSG_WAITALL)
        if answers == 100:
            os._exit(0)
        key.fileobj.sendall(data.upper())
        answers += 1
"""


@contextlib.contextmanager
def running(*words):
    """A program of ours, which does not outlive the test."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def bench(port, *arguments):
    words = [APERTO, "bench", "--port", str(port), "--connections", "4", "--requests", "200", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=IN_ENGLISH)
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

    def test_any_bytes_are_sent_and_any_are_expected(self):
        asked = []

        def answer(data):
            asked.append(data)
            return b"\0\\\xff\r\n\t" * data.count(b"@")

        with tempfile.NamedTemporaryFile() as file, Server(answer) as server:
            file.write(b"@\0\\n\n\xfe")
            file.flush()
            for sent in (r"\x40\0\\n\n\xFE", f"@{file.name}"):
                asked.clear()
                done = bench(server.port, "--send", sent, "--expect-text", r"\0\\\xff\r\n\t", "--pipeline", "3")
                self.assertEqual(b"".join(asked), b"@\0\\n\n\xfe" * 200)
                self.assertEqual(done.returncode, 0)
                self.assertIn("every byte was compared, and right", done.stdout)
            self.assertEqual(bench(server.port, "--send", "@", "--expect-bytes", "6").returncode, 2)  # names no file
            self.assertEqual(bench(server.port, "--send", r"\x40", "--expect-bytes", "6").returncode, 0)
            more = bench(server.port, "--send", r"\x40", "--expect-bytes", "5")
            self.assertEqual(more.returncode, 1)
            self.assertIn("more came back than was asked for", more.stdout)
            less = bench(server.port, "--send", r"\x40", "--expect-bytes", "7", "--requests", "4", "--patience", "100ms")
            self.assertEqual(less.returncode, 1)
            self.assertIn("24 B came back, and no whole reply", less.stdout)
            wrong = bench(server.port, "--send", r"\x40", "--expect-text", r"\0\\\xff\r\r\t")
            self.assertIn("byte 4 of the replies is 0x0A and has to be 0x0D", wrong.stdout)

    def test_a_request_of_ones_own_is_answered_as_its_framing_says(self):
        with Server(bytes.upper) as server:
            lines = bench(server.port, "--send", r"a\n", "--framing", "line", "--pipeline", "4", "--json")
            self.assertEqual((lines.returncode, json.loads(lines.stdout)["answered"]), (0, 200))
            self.assertEqual(bench(server.port, "--send", "get a", "--expect", "upper").returncode, 0)
            self.assertEqual(bench(server.port, "--send", "get a", "--expect", "echo").returncode, 1)

    def test_texts_that_make_no_sense_are_told_with_what_would(self):
        for arguments, said in (
                (["--send", ""], "--send takes at least one byte"),
                (["--send", r"a\q"], r"--send takes a text in which a backslash begins one of"),
                (["--send", r"a\x4"], r"--send takes a text in which a backslash begins one of"),
                (["--expect-text", "a\\"], r"--expect-text takes a text in which a backslash begins one of"),
                (["--send", "@/nowhere/at/all"], "--send: could not read /nowhere/at/all: no such file or directory"),
                (["--send", "@/"], "--send: could not read /: is a directory"),
                (["--send", "@/dev/zero"], "a text to send or to expect can have at most 64 MiB"),
                (["--send", "a", "--size", "1"], "--send is the whole request"),
                (["--expect-text", "a", "--expect-bytes", "1"], "a reply is told by one thing alone"),
                (["--expect-text", "a", "--expect", "echo"], "a reply is told by one thing alone"),
                (["--send", "a", "--pipeline", "2"], "with framing stream and nothing expected, replies can only be told apart one at a time")):
            with self.subTest(arguments):
                done = bench(9999, *arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"error: {said}", done.stderr)

    def test_each_request_that_was_due_is_sent_or_told_of(self):
        def slowly(data):
            time.sleep(0.02)
            return data.upper()
        plan = ("--connections", "1", "--rate", "1000", "--requests", "100", "--duration", "200ms",
                "--patience", "100ms")
        with Server(slowly) as server:
            done = bench(server.port, *plan, "--json")
            told = bench(server.port, *plan)
        seen = json.loads(done.stdout)
        # All 100 were due within 100 ms; one connection with one request in flight has room for 15.
        self.assertEqual(seen["sent_in_all"] + seen["unsent"], 100)
        self.assertGreaterEqual(seen["unsent"], 80)
        self.assertEqual(seen["sent_in_all"], seen["answered_in_all"] + seen["unanswered"])
        self.assertFalse(seen["clean"])
        self.assertEqual((done.returncode, told.returncode), (1, 1))
        self.assertRegex(told.stdout, r"\d+ requests were due and not sent")
        self.assertIn("the 1,000 requests a second that were asked for were not reached", told.stdout)

    def test_a_server_that_ends_in_mid_run_is_told_of_with_what_was_measured(self):
        with running(sys.executable, "-c", ENDS_AFTER_100) as server:
            done = bench(int(server.stdout.readline()), "--requests", "1000000", "--json")
        seen = json.loads(done.stdout)
        self.assertEqual(seen["answered_in_all"], 100)
        self.assertEqual(seen["sent_in_all"], 100 + seen["unanswered"] + seen["in_flight_at_end"])
        self.assertEqual(seen["latency_us"]["count"], 100)
        self.assertFalse(seen["clean"])
        self.assertEqual(seen["ended_early"], {"reason": "connections_lost", "error": "ECONNREFUSED"})
        self.assertEqual(done.returncode, 4)
        self.assertIn("error: the run ended early: the server was lost (connection refused)", done.stderr)

    def test_a_run_without_replies_has_no_percentiles_and_praises_none(self):
        with Server(lambda data: b"") as server:
            plan = ("--requests", "4", "--patience", "200ms")
            done = bench(server.port, *plan, "--json")
            told = bench(server.port, *plan)
        seen = json.loads(done.stdout)
        self.assertEqual((seen["unanswered"], seen["sent_in_all"], seen["answered_in_all"]), (4, 4, 0))
        self.assertEqual({name for name, value in seen["latency_us"].items() if value is not None}, {"count"})
        self.assertFalse(seen["clean"])
        self.assertEqual((done.returncode, told.returncode), (1, 1))
        self.assertIn("there were none", told.stdout)
        self.assertNotIn("every byte was compared", told.stdout)

    def test_a_machine_that_does_not_answer_is_waited_for_as_long_as_was_said(self):
        with Full() as server:
            began = time.monotonic()
            done = bench(server.port, "--patience", "300ms")
        self.assertLess(time.monotonic() - began, 30)  # the kernel's own patience is two minutes
        self.assertEqual(done.returncode, 3)
        self.assertIn("no answer in 300 ms", done.stderr)
        self.assertIn("--patience", done.stderr)

    def test_what_this_machine_has_not_is_told_of_in_the_readers_language(self):
        of_brazil = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}
        gone = subprocess.Popen(["true"])
        gone.wait()
        for arguments, code, said in (
                (["--connections", "900000"], 1, "erro: não foi possível abrir 900.000 conexões: "),
                (["--server-pid", str(gone.pid)], 2, f"erro: não foi possível observar o processo {gone.pid}: ")):
            words = [APERTO, "--lang", "pt_BR", "bench", "--port", "1", *arguments]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=of_brazil,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)))
            self.assertEqual((done.returncode, done.stdout), (code, ""))
            self.assertTrue(done.stderr.startswith(said), done.stderr)
            self.assertNotIn("files", done.stderr)

    def test_a_signal_ends_a_run_that_waits_for_its_connections(self):
        for kind in ("--idle", "--connections"):
            with self.subTest(kind), Full() as server:
                words = [APERTO, "bench", "--json", "--port", str(server.port), kind, "3", "--patience", "10m"]
                with running(*words) as load:
                    while not sockets_in_state(server.port, SYN_SENT):
                        self.assertIsNone(load.poll())
                    load.terminate()
                    told, _ = load.communicate(timeout=30)
                seen = json.loads(told)
                self.assertTrue(seen["interrupted"])
                self.assertFalse(seen["clean"])
                self.assertEqual(load.returncode, 128 + signal.SIGTERM)

    def test_a_server_that_never_stops_sending_does_not_hold_a_run_beyond_its_time(self):
        class Flood(Server):
            def serve(self, client):
                with client, contextlib.suppress(OSError):
                    while True:
                        client.sendall(bytes(1 << 22))

        with Flood(bytes) as server:
            done = bench(server.port, "--json", "--connections", "1", "--expect", "none", "--framing", "line", "--warm-up",
                         "0", "--requests", "1000", "--duration", "100ms", "--patience", "50ms")
        seen = json.loads(done.stdout)
        self.assertEqual((seen["answered"], seen["unanswered"]), (0, 1))
        self.assertLess(seen["seconds"], 2)

    def test_ports_that_run_out_are_told_of_with_what_to_do(self):
        script = (
            "ip link set lo up && echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range || exit 77\n"
            "exec 3< <(exec \"$0\" serve --log json 2>&1); server=$!; read -r listening <&3\n"
            "\"$0\" bench --connections 1 --idle 5 --duration 1h --patience 200ms --json; code=$?\n"
            "kill $server; exit $code\n")
        words = ["unshare", "--user", "--map-root-user", "--net", "bash", "-c", script, APERTO]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=IN_ENGLISH)
        if done.returncode == 77 or done.stderr.startswith("unshare:"):
            self.skipTest(f"no network of its own here: {done.stderr}")
        print(f"  {done.stdout}{done.stderr}")
        seen = json.loads(done.stdout)
        self.assertEqual(seen["ended_early"], {"reason": "no_port_left", "error": "EADDRNOTAVAIL"})
        self.assertEqual((done.returncode, seen["connected"], seen["clean"]), (4, 2, False))
        self.assertIn("for 200 ms no source port was free", done.stderr)
        self.assertIn("net.ipv4.ip_local_port_range", done.stderr)
        self.assertIn("--patience 70s", done.stderr)

    def test_every_field_of_the_json_is_in_the_documents_and_none_is_only_there(self):
        table = (ROOT / "docs/program.md").read_text(encoding="utf-8").split("### What `--json` prints")[1].split("\n## ")[0]
        cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        documented = {name for cell in cells for name in re.findall("`([^`]+)`", cell)}
        of_each = {name.removeprefix("….") for name in documented if name.startswith("….")}
        documented = {name for name in documented if not name.startswith("….")}
        for name in [name for name in documented if name.endswith(".…")]:
            documented.remove(name)
            documented |= {name.removesuffix("…") + part for part in of_each}
        with Server(bytes.upper) as server:
            open_loop = bench(server.port, "--json", "--rate", "10000", "--server-pid", str(os.getpid()))
            given = bench(server.port, "--json", "--send", "a", "--expect-text", "A")
            wrong = bench(server.port, "--json", "--expect", "echo")
        with running(sys.executable, "-c", ENDS_AFTER_100) as server:
            lost = bench(int(server.stdout.readline()), "--requests", "1000000", "--json")
        seen = set().union(*(fields(json.loads(done.stdout)) for done in (open_loop, given, wrong, lost)))
        self.assertEqual(seen, documented)

    def test_the_histogram_goes_to_a_file(self):
        with tempfile.TemporaryDirectory() as folder, Server(bytes.upper) as server:
            path = Path(folder) / "latency.hgrm"
            self.assertEqual(bench(server.port, "--histogram", str(path)).returncode, 0)
            self.assertIn("#[Total count =          200]", path.read_text())

    def test_a_histogram_that_cannot_be_written_is_told_of_before_the_run(self):
        with tempfile.TemporaryDirectory() as folder, Server(bytes.upper) as server:
            done = bench(server.port, "--histogram", folder)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(f"could not write {folder}: is a directory", done.stderr)
            self.assertEqual(server.accepted, 0)
            kept = Path(folder) / "kept.hgrm"
            kept.write_text("of the last run")
            self.assertEqual(bench(1, "--histogram", str(kept)).returncode, 3)
            self.assertEqual(kept.read_text(), "of the last run")
            full = bench(server.port, "--histogram", "/dev/full")
            self.assertEqual(full.returncode, 1)
            self.assertIn("could not write /dev/full: no space left on device", full.stderr)

    def test_nobody_listens(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets the port
            done = bench(taken.getsockname()[1])
        self.assertEqual(done.returncode, 3)
        self.assertIn("connection refused", done.stderr)

    def test_an_address_without_its_zone(self):
        done = bench(1, "--host", "fe80::1")
        self.assertEqual(done.returncode, 3)
        self.assertIn("the address lacks its zone", done.stderr)

    def test_a_host_that_names_its_port(self):
        with Server(bytes.upper) as server:
            self.assertEqual(bench(1, "--host", f"127.0.0.1:{server.port}").returncode, 0)

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
            with running(*words) as load:
                while not sockets_in_state(server.port, ESTABLISHED):
                    pass
                load.terminate()
                told, _ = load.communicate(timeout=30)
        self.assertTrue(json.loads(told)["interrupted"])
        self.assertEqual(load.returncode, 128 + signal.SIGTERM)


def fields(of, before=""):
    """The names of the values in a JSON object, dotted; what is counted by error has one name for all."""
    names = set()
    for name, value in of.items():
        if isinstance(value, dict) and name != "failures":
            names |= fields(value, f"{before}{name}.")
        elif value is not None or before:
            names.add(before + name)
    return names


ESTABLISHED, SYN_SENT = "01", "02"  # net/tcp_states.h


def sockets_in_state(port, state):
    """How many sockets are in this state whose other end is this port, as the kernel tells."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(words[2].endswith(f":{port:04X}") and words[3] == state for words in map(str.split, lines))


if __name__ == "__main__":
    unittest.main()
