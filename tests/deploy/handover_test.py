# SPDX-License-Identifier: MIT
"""Upgrades that nobody notices: new processes take the listening sockets over from the one that runs, under a load of short
connections whose clients keep what they were told. Judges: the clients, the journal, the kernel's counters.

APERTO_UPGRADES says how often; from 100 on the load is 2,000 connections a second.
"""

import ctypes
import fcntl
import itertools
import json
import multiprocessing
import os
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, PROGRAM  # noqa: E402

UPGRADES = int(os.environ.get("APERTO_UPGRADES", "4"))
RATE = 2000 if UPGRADES >= 100 else 500  # connections a second
PORT, ADMIN = 21900, 21901  # of a network of our own
ADDRESSES = [f"127.0.0.{n}" for n in range(1, 9)]
# What the kernel counts where a client is turned away or cut (snmp, netstat of proc(5)). OutRsts is told of and not judged:
# where a server closes more than 40 ms after its client did, the timer of the delayed acknowledgement may send one more
# behind the last, and the answer of the client's TIME_WAIT finds no socket. A client that is cut counts as EstabResets.
COUNTERS = ("EstabResets", "AttemptFails", "ListenOverflows", "ListenDrops", "TCPAbortOnClose",
            "TCPAbortOnData", "TCPAbortOnTimeout", "TCPReqQFullDrop")
TOLD = ("OutRsts",)


def enter_network():
    """A network of this process's own, so that its counters are of this test alone. False where it may make none."""
    new_user, new_net = 0x10000000, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    user, group, root = os.getuid(), os.getgid(), os.getuid() == 0
    if libc.unshare(new_net if root else new_net | new_user) != 0:
        return False
    if not root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket() as any_socket:
        request = struct.pack("16sH14x", b"lo", 1 | 64)  # IFF_UP, IFF_RUNNING: SIOCSIFFLAGS
        fcntl.ioctl(any_socket, 0x8914, request)
    return True


OWN_NETWORK = enter_network()


def counted():
    values = {}
    for name in ("snmp", "netstat"):
        lines = Path(f"/proc/self/net/{name}").read_text().splitlines()
        for keys, numbers in zip(lines[::2], lines[1::2]):
            if keys.startswith(("Tcp:", "TcpExt:")):
                values.update(zip(keys.split()[1:], map(int, numbers.split()[1:])))
    return {name: values.get(name, 0) for name in (*COUNTERS, *TOLD)}


def listening_sockets(port):
    """So many queues of clients there are (proc(5), /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def uring_is_here():
    with tempfile.TemporaryDirectory() as folder:
        one = Process(folder, engine="uring", port=0)
        try:
            one.wait_for("listening")
            return True
        except AssertionError:
            return False
        finally:
            one.kill()


class Process:
    """`aperto serve echo` with a handover and a journal, the sandbox on; its log as it comes."""

    def __init__(self, folder, engine="epoll", workers=1, *options, port=PORT, handover=True, environment=None):
        folder = Path(folder)
        command = [PROGRAM, "serve", "echo", "--host", "0.0.0.0", "--port", str(port), "--framing", "line", "--log", "json",
                   "--messages", "none", "--engine", engine, "--workers", str(workers), *options]
        if handover:
            command += ["--handover", str(folder / "next.sock")]
        self.events, self._changed = [], threading.Condition()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})
        self.pid = self._process.pid
        self._log = threading.Thread(target=self._read, daemon=True)
        self._log.start()

    def _read(self):
        with self._process.stdout as log:
            for line in log:
                event = json.loads(line)
                if event["event"] in ("listening", "handover", "stopped"):
                    self._add(event)
        self._add({"event": "end"})

    def _add(self, event):
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def seen(self, name):
        return [each for each in self.events if each["event"] == name]

    def wait_for(self, name):
        with self._changed:
            if not self._changed.wait_for(lambda: self.seen(name) or self.seen("end"), LIMIT_S) or not self.seen(name):
                raise AssertionError(f"no {name} in {self.events}")
            return self.seen(name)[0]

    def end(self):
        """Its exit code, and what it said."""
        code = self._process.wait(LIMIT_S)
        self._log.join(LIMIT_S)
        return code, self._process.stderr.read().decode()


    def signal(self, which):
        self._process.send_signal(which)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()


class Load:
    """Open loop, in processes of their own: short connections at a rate, and a few that stay until they are ended in order."""

    PROCESSES, SHORT, LONG = 2, 8, 8  # the last process has those that stay: no crowd of threads keeps them waiting

    def __init__(self, rate=RATE, port=PORT):
        self._over = multiprocessing.Event()
        self._results = [multiprocessing.Pipe(duplex=False) for _ in range(self.PROCESSES + 1)]
        self._processes = []
        self.begun = time.monotonic()
        for number, (_, sink) in enumerate(self._results):
            self._processes.append(multiprocessing.Process(target=self._run, args=(number, rate, port, sink), daemon=True))
            self._processes[-1].start()

    def _run(self, number, rate, port, sink):
        told, troubles = [], {}
        ends, late = [0], [0.0]
        threads = self.PROCESSES * self.SHORT

        def short(place):
            due = self.begun
            for count in itertools.count():
                due = max(due + threads / rate, time.monotonic() - 1)  # what is more than a second behind is let go
                if self._over.wait(max(0.0, due - time.monotonic())) if due > time.monotonic() else self._over.is_set():
                    return
                line = b"s%d-%d-%d\n" % (number, place, count)
                try:
                    with socket.create_connection((ADDRESSES[count % len(ADDRESSES)], port), LIMIT_S) as client:
                        self._ask(client, line)
                    told.append(line)
                except (OSError, EOFError) as trouble:
                    troubles[repr(trouble)] = troubles.get(repr(trouble), 0) + 1

        def long(place):
            client, count, line = None, 0, None
            while True:
                slept = time.monotonic()
                if self._over.wait(0.05):
                    break
                late[0] = max(late[0], time.monotonic() - slept - 0.05)
                try:
                    if client is None:
                        client = socket.create_connection((ADDRESSES[place % len(ADDRESSES)], port), LIMIT_S)
                    line = b"l%d-%d-%d\n" % (number, place, count)
                    self._ask(client, line)
                    told.append(line)
                    count += 1
                except EOFError:  # in order: what was not answered is said again
                    client.close()
                    client, ends[0] = None, ends[0] + 1
                except OSError as trouble:
                    troubles[repr(trouble)] = troubles.get(repr(trouble), 0) + 1
                    client = None
            if client:
                client.close()

        what, count = (short, self.SHORT) if number < self.PROCESSES else (long, self.LONG)
        all_threads = [threading.Thread(target=what, args=(i,)) for i in range(count)]
        for each in all_threads:
            each.start()
        for each in all_threads:
            each.join()
        sink.send((told, troubles, ends[0], late[0]))

    @staticmethod
    def _ask(client, line):
        client.sendall(line)
        answer = b""
        while not answer.endswith(b"\n"):
            more = client.recv(4096)
            if not more:
                raise EOFError("ended without an answer")
            answer += more
        if answer != line:
            raise OSError(f"answered {answer!r}")

    def end(self):
        """What was acknowledged, what went wrong, how many of those that stay were ended in order."""
        self._over.set()
        self.told, self.troubles, self.ends, self.late = set(), {}, 0, 0.0
        for (source, _), process in zip(self._results, self._processes):
            told, troubles, ends, late = source.recv()
            process.join(LIMIT_S)
            self.told.update(told)
            self.ends += ends
            self.late = max(self.late, late)
            for name, count in troubles.items():
                self.troubles[name] = self.troubles.get(name, 0) + count
        self.seconds = time.monotonic() - self.begun
        return self


def recorded(book):
    with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as opened:
        return {bytes(row[0]) + b"\n" for row in opened.execute("SELECT message FROM messages")}


def ask(line=b"one\n", port=PORT):
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
        Load._ask(client, line)
    return True


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "next.sock"
        self.book = self.folder / "book.db"

    def process(self, *words, **more):
        one = Process(self.folder, *words, **more)
        self.addCleanup(one.kill)
        return one

    def serving(self, *words, **more):
        one = self.process(*words, **more)
        one.wait_for("listening")
        return one

    def stop(self, one):
        one.signal(signal.SIGTERM)
        self.assertEqual(one.end()[0], 0)


@unittest.skipUnless(OWN_NETWORK, "NOT RUN HERE: no network of its own")
class Upgrades(Case):
    def test_nobody_notices_them(self):
        options = ("--journal", str(self.book), "--admin", f"127.0.0.1:{ADMIN}", "--drain-delay", "3s")
        shapes = [("epoll", 2), ("epoll", 1), ("epoll", 3)]
        if uring_is_here():
            shapes = [("uring", 2), ("epoll", 1), ("uring", 1), ("epoll", 2)]
        before = counted()
        current = self.serving(*shapes[0], *options)
        load = Load()
        unready = []
        watched = threading.Event()

        def watch():
            while not watched.wait(0.02):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN}/readyz", timeout=LIMIT_S) as answer:
                        answer.read()
                except OSError as trouble:
                    unready.append(repr(trouble))

        watching = threading.Thread(target=watch)
        watching.start()
        time.sleep(0.5)  # of load before the first
        for number in range(1, UPGRADES + 1):
            engine, workers = shapes[number % len(shapes)]
            following = self.serving(engine, workers, *options)
            listening = following.seen("listening")[0]
            self.assertEqual((listening["engine"], listening["workers"]), (engine, workers))
            self.assertEqual(following.seen("handover")[0]["what"], "follows")
            self.assertEqual(following.seen("handover")[0]["process"], current.pid)
            code, said = current.end()
            self.assertEqual((code, said), (0, ""))
            self.assertEqual([(each["what"], each["process"]) for each in current.seen("handover")[-1:]],
                             [("followed", following.pid)])
            # One that is not taken on is closed, with whoever comes to it at that moment.
            self.assertEqual(listening_sockets(PORT), shapes[0][1], "as many as the first one opened")
            current = following
        load.end()
        watched.set()
        watching.join()
        after = counted()
        self.stop(current)
        self.assertFalse(self.path.exists())
        lost = load.told - recorded(self.book)
        changed = {name: after[name] - before[name] for name in after}
        print(f"    {UPGRADES} upgrades ({shapes}) in {load.seconds:.1f} s, {len(load.told)} acknowledged, "
              f"{len(load.told) / load.seconds:.0f} a second, {load.ends} orderly ends of those who stay (at most {load.late:.2f} s late), clients saw "
              f"{load.troubles}; {json.dumps(changed)}", flush=True)
        self.assertEqual(load.troubles, {})
        self.assertEqual(unready, [])
        self.assertEqual(lost, set())
        self.assertEqual({name: changed[name] for name in COUNTERS}, dict.fromkeys(COUNTERS, 0))
        self.assertGreater(load.ends, 0)

    def test_a_restart_without_a_handover_shows(self):
        current = self.serving("epoll", 1, handover=False)
        load = Load()
        time.sleep(0.3)
        self.stop(current)
        current = self.serving("epoll", 1, handover=False)
        time.sleep(0.1)
        load.end()
        self.stop(current)
        self.assertGreater(sum(load.troubles.values()), 0)

    def test_a_process_that_fails_to_start_changes_nothing(self):
        taken = socket.create_server(("127.0.0.1", PORT + 5))
        self.addCleanup(taken.close)
        before = counted()
        current = self.serving("epoll", 2)
        load = Load()
        failing = (("--tls", "--cert", str(self.folder / "none.pem")), ("--listen", f"127.0.0.1:{PORT + 5}"),
                   ("--journal", str(self.folder / "no" / "book.db")), ("--admin", f"127.0.0.1:{PORT + 5}"),
                   ("--backlog", "1", "--listen", f"unix:{self.folder}/no/such"))
        for options in failing:
            code, said = self.process("epoll", 1, *options).end()
            self.assertNotEqual(code, 0, options)
            self.assertIn("error: ", said)
        self.assertEqual(len(load.end().told) > 0, True)
        self.assertEqual(load.troubles, {})
        self.assertEqual(load.ends, 0, "a client that stays was ended")
        after = counted()
        self.assertEqual([name for name in COUNTERS if after[name] != before[name]], [])
        self.assertEqual([each["what"] for each in current.seen("handover")], ["not_followed"] * len(failing))
        following = self.serving("epoll", 1)
        self.assertEqual(current.end()[0], 0)
        self.stop(following)


class Peer:
    """One side of the handover, by hand."""

    def __init__(self, door):
        door.settimeout(LIMIT_S)
        self.door = door

    def say(self, word, sockets=()):
        socket.send_fds(self.door, [word.encode()], [each.fileno() for each in sockets])

    def hear(self):
        data, numbers, _, _ = socket.recv_fds(self.door, 100, 4)
        return data.decode(), [socket.socket(fileno=number) for number in numbers]

    def close(self):
        self.door.close()


class NewOne(Peer):
    def __init__(self, path):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door.connect(str(path))
        super().__init__(door)

    def take(self):
        self.say("take 1")
        words = []
        while True:
            word, sockets = self.hear()
            words.append(word.split()[0])
            for each in sockets:
                each.close()
            if words[-1] in ("end", "no", ""):
                return words


@unittest.skipUnless(OWN_NETWORK, "NOT RUN HERE: no network of its own")
class Deaths(Case):
    """What the kernel does for a process that is killed is what closing does here, at a step that one can choose."""

    def test_of_the_new_one_at_each_step_leave_the_old_one_serving(self):
        current = self.serving("epoll", 2)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        for step in ("connected", "asked", "has the sockets", "ready", "told to serve", "nonsense", "of a later version"):
            with self.subTest(step=step):
                one = NewOne(self.path)
                if step == "asked":
                    one.say("take 1")
                if step == "nonsense":
                    one.say("\0")
                if step == "of a later version":
                    one.say("take 2")
                    self.assertEqual(one.hear()[0], "no")
                if step in ("has the sockets", "ready", "told to serve"):
                    self.assertEqual(one.take(), ["door", "service", "service", "end"])
                if step in ("ready", "told to serve"):
                    one.say("ready")
                if step == "told to serve":
                    self.assertEqual(one.hear()[0], "yours")
                one.close()
                self.assertTrue(ask())
        following = self.serving("epoll", 1)
        self.assertEqual(current.end()[0], 0)
        self.assertEqual([each["what"] for each in current.seen("handover")], ["not_followed"] * 7 + ["followed"])
        self.assertTrue(ask())
        self.stop(following)

    def test_a_stop_in_the_middle_is_a_stop(self):
        current = self.serving("epoll", 1)
        one = NewOne(self.path)
        self.assertEqual(one.take(), ["door", "service", "end"])
        current.signal(signal.SIGTERM)
        self.assertEqual(current.end()[0], 0)
        self.assertEqual(one.hear()[0], "no")
        one.close()
        self.assertFalse(self.path.exists())

    def test_a_real_one_killed_at_any_moment_leaves_a_server(self):
        current = self.serving("epoll", 1)
        for number in range(12):
            following = self.process("epoll", 1)
            time.sleep(number * 0.004)  # each time a little further on
            following.kill()
            try:
                ask()
            except OSError:  # it had taken over: what was killed was the server
                self.assertEqual(current.end()[0], 0)
                current = self.serving("epoll", 1)
        self.stop(current)

    def old_one(self, step):
        """Serves nobody, and dies at that step with clients in its queue."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door.bind(str(self.path))
        door.listen(4)
        door.settimeout(LIMIT_S)
        doors = [socket.socket() for _ in range(2)]
        for each in doors:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("0.0.0.0", PORT))
            each.listen(100)
        everything = [door, *doors]
        clients = [socket.create_connection(("127.0.0.1", PORT), LIMIT_S) for _ in range(10)] if step != "nothing" else []
        following = self.process("epoll", 1)
        with door.accept()[0] as connected:
            peer = Peer(connected)
            self.assertEqual(peer.hear()[0], "take 1")
            words = {"nothing": 0, "the sockets": 3, "all": 4, "ready": 4, "yours": 4}[step]
            for word, socks in [("door", [door]), ("service", doors[:1]), ("service", doors[1:]), ("end 1", [])][:words]:
                peer.say(word, socks)
            if step in ("ready", "yours"):
                self.assertEqual(peer.hear()[0], "ready")
            if step == "yours":
                peer.say("yours")
            for each in everything:
                each.close()
        return following, clients

    def test_of_the_old_one_at_each_step_leave_the_new_one_with_what_it_has(self):
        for step in ("nothing", "the sockets", "all", "ready", "yours"):
            with self.subTest(step=step):
                following, clients = self.old_one(step)
                following.wait_for("listening")
                for client in clients:
                    with client:
                        Load._ask(client, b"queued\n")
                self.assertTrue(ask())
                self.stop(following)
                self.assertFalse(self.path.exists())

    def test_silence_ends_the_new_one(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(self.path))
            door.listen(4)
            code, said = self.process("epoll", 1).end()
        self.assertEqual(code, 5)
        self.assertIn("does not answer", said)
        self.assertTrue(self.path.exists(), "a name of somebody else's")


@unittest.skipUnless(OWN_NETWORK, "NOT RUN HERE: no network of its own")
class Names(Case):
    def test_of_unix_sockets_stay_and_go_with_the_last(self):
        chat = self.folder / "chat.sock"
        options = ("--listen", f"unix:{chat}", "--admin", f"unix:{self.folder}/admin.sock")
        current = self.serving("epoll", 2, *options)
        for workers in (1, 3):
            following = self.serving("epoll", workers, *options)
            self.assertEqual(current.end()[0], 0)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(chat))
                Load._ask(client, b"in\n")
            current = following
        self.stop(current)
        self.assertEqual(sorted(self.folder.iterdir()), [])

    def test_the_service_manager_is_told_who_serves(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.folder / "notify"))
            manager.settimeout(LIMIT_S)
            environment = {"NOTIFY_SOCKET": str(self.folder / "notify")}
            current = self.serving("epoll", 1, environment=environment)
            self.assertEqual(manager.recv(200).decode(), f"READY=1\nMAINPID={current.pid}")
            following = self.serving("epoll", 1, environment=environment)
            told = sorted(manager.recv(200).decode() for _ in range(2))
            self.assertEqual(told, [f"MAINPID={following.pid}", f"READY=1\nMAINPID={following.pid}"])
            self.assertEqual(current.end()[0], 0)
            self.stop(following)
            self.assertEqual(manager.recv(200).decode(), "STOPPING=1", "the one that was followed does not stop the service")

    def test_what_is_no_server_is_refused_and_left_alone(self):
        self.path.write_text("a file")
        code, said = self.process("epoll", 1).end()
        self.assertEqual((code, self.path.read_text()), (5, "a file"))
        self.assertIn(str(self.path), said)

    def test_a_name_that_a_killed_server_left_is_taken(self):
        current = self.serving("epoll", 1)
        current.kill()
        self.assertTrue(self.path.exists())
        self.stop(self.serving("epoll", 1))
        self.assertFalse(self.path.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
