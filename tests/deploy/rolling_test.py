# SPDX-License-Identifier: MIT
"""Many machines, on one: a real HAProxy by the file in deploy/, servers with journals behind it that are restarted one
after the other, and clients that keep what they were told. APERTO_ROLLS says how often each server is restarted."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from ports import free_ports  # noqa: E402
from programs import LIMIT_S, PROGRAM  # noqa: E402

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
HAPROXY = "/usr/sbin/haproxy"
ROLLS = int(os.environ.get("APERTO_ROLLS", "1"))
CLIENTS = 200
PERIOD_S = 0.4  # each client's, from one message to the next
KILLS = 6 * ROLLS
CONTROL = Path(os.environ.get("APERTO_BUILD_DIR", "build/release")) / "tests" / "acknowledge_first"
COUNTERS = ("econ", "eresp", "wretr", "wredis", "srv_abrt")
P99_FLOOR_S = 0.02  # below that a p99 is this machine's scheduling


class Instance:
    def __init__(self, number, folder, drain_delay):
        self.port, self.admin = free_ports(2)
        self.book = folder / f"book-{number}.db"
        self.words = folder / f"words-{number}"
        self.command = [PROGRAM, "serve", "echo", "--host", "127.0.0.1", "--port", str(self.port), "--framing", "line",
                        "--workers", "1", "--engine", "epoll", "--log", "json", "--messages", "none", "--proxy-from",
                        "127.0.0.0/8", "--admin", f"127.0.0.1:{self.admin}", "--journal", str(self.book),
                        "--drain-delay", drain_delay, "--drain-deadline", "5s"]
        self.process = None

    def start(self):
        with open(self.words, "w") as words:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words)
        deadline = time.monotonic() + LIMIT_S
        while self.ready() != 200:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"a server did not become ready: {self.process.poll()} {self.words.read_text()}")
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=LIMIT_S) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        if code != 0:
            raise AssertionError(f"a server ended with {code}")

    def recorded(self):
        if not self.book.exists():
            return set()
        with sqlite3.connect(f"file:{self.book}?mode=ro", uri=True) as book:
            return {bytes(row[0]) for row in book.execute("SELECT message FROM messages")}


class PromisingInstance(Instance):
    """One that acknowledges first and records afterwards (tests/journal/acknowledge_first.cpp)."""

    def __init__(self, number, folder, drain_delay):
        super().__init__(number, folder, drain_delay)
        self.command = [CONTROL, self.book, str(self.port), str(self.admin)]


class Balancer:
    """HAProxy by deploy/haproxy/haproxy.cfg, with other addresses and nothing else changed."""

    def __init__(self, folder, instances):
        [self.port] = free_ports(1)
        self.file, self.socket = folder / "haproxy.cfg", folder / "admin.sock"
        self.master = folder / "master.sock"
        self.write(instances)
        self.process = subprocess.Popen([HAPROXY, "-W", "-S", str(self.master), "-f", str(self.file)],
                                        stderr=subprocess.DEVNULL)

    def write(self, instances):
        text = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
        text = text.replace("/run/haproxy/admin.sock", str(self.socket)).replace("bind :9999", f"bind 127.0.0.1:{self.port}")
        text = text.replace("maxconn 20000", "maxconn 2000")  # what this machine's limit of descriptors allows
        text, servers = re.subn(r"    server .*\n", "", text)
        assert servers == 3 and text.count(str(self.socket)) == 1
        for number, each in enumerate(instances):
            text += f"    server s{number} 127.0.0.1:{each.port} port {each.admin}\n"
        self.file.write_text(text)

    def ask(self, words, where=None):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(LIMIT_S)
            door.connect(str(where or self.socket))
            door.sendall(words.encode() + b"\n")
            door.shutdown(socket.SHUT_WR)  # the master answers for as long as somebody may ask
            return b"".join(iter(lambda: door.recv(65536), b"")).decode()

    def rows(self, command="show stat", where=None):
        head, *lines = [line for line in self.ask(command, where).splitlines() if "," in line]
        names = head.lstrip("# ").split(",")
        return [dict(zip(names, line.split(","))) for line in lines]

    def wait_for(self, up):
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                states = [row["status"] for row in self.rows() if row["svname"].startswith("s") and row["pxname"] == "servers"]
                if sum(state.startswith("UP") and "/" not in state for state in states) == up == len(states):
                    return
            except (OSError, ValueError):
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("HAProxy does not see the servers up")
            time.sleep(0.05)

    def workers(self):
        """The process of each worker that is there, the old ones that still have connections too."""
        lines = [line.split() for line in self.ask("show proc", self.master).splitlines()]
        return {words[0] for words in lines if len(words) > 1 and words[1] == "worker"}

    def errors(self):
        counted = {}
        for worker in self.workers():
            try:
                stats = self.rows(f"@!{worker} show stat", self.master)
            except ValueError:  # it has ended meanwhile: what it said last stands
                continue
            for row in stats:
                if (row["pxname"], row["svname"]) == ("servers", "BACKEND"):
                    counted[worker] = {name: int(row.get(name) or 0) for name in COUNTERS}
        return counted

    def reload(self, instances):
        """Until the master has a new worker: while it makes one its socket is not there."""
        before = self.workers()
        self.write(instances)
        self.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                if self.workers() - before:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("HAProxy did not load its file again")
            time.sleep(0.05)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT_S)


class Load:
    """Open loop: each message is due at its time, whatever became of the one before; what a connection's orderly end
    leaves without an answer is said again on the next one, by the same name."""

    def __init__(self, port):
        self.port, self.told, self.late = port, set(), []
        self.troubles, self.over, self.ends = {}, False, 0

    async def client(self, number):
        begun = time.monotonic() + PERIOD_S * number / CLIENTS
        count, reader, writer = 0, None, None
        while not self.over:
            due = begun + count * PERIOD_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            line = b"%d-%d" % (number, count)
            while True:
                try:
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.write(line + b"\n")
                    answer = await asyncio.wait_for(reader.readline(), LIMIT_S)
                    if answer == line + b"\n":
                        break
                    self.ends += 1
                except (OSError, asyncio.TimeoutError) as trouble:
                    self.troubles[type(trouble).__name__] = self.troubles.get(type(trouble).__name__, 0) + 1
                    await asyncio.sleep(0.01)
                if writer is not None:
                    writer.close()
                writer = None
            self.told.add(line)
            self.late.append((time.monotonic(), time.monotonic() - due))
            count += 1
        if writer is not None:
            writer.close()

    def p99(self, since, until):
        seen = sorted(late for at, late in self.late if since <= at < until)
        return seen[int(len(seen) * 0.99)]


class Scene:
    """Runs `story`, which blocks, beside the clients."""

    def __init__(self, drain_delay, kind=Instance):
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self.instances = [kind(number, folder, drain_delay) for number in range(4)]
        self.balancer = Balancer(folder, self.instances[:3])
        self.workers = {}
        self.load = Load(self.balancer.port)
        try:
            for each in self.instances[:3]:
                each.start()
            self.balancer.wait_for(3)
        except BaseException:
            self.end()
            raise

    def tally(self):
        self.workers.update(self.balancer.errors())

    @property
    def counted(self):
        return {name: sum(each[name] for each in self.workers.values()) for name in COUNTERS}

    def reload(self, instances):
        self.tally()
        self.balancer.reload(instances)
        self.balancer.wait_for(len(instances))

    def roll(self, each, up):
        each.end()
        each.start()
        self.balancer.wait_for(up)

    async def _play(self, story):
        clients = [asyncio.create_task(self.load.client(number)) for number in range(CLIENTS)]
        try:
            return await asyncio.get_running_loop().run_in_executor(None, story)
        finally:
            self.load.over = True
            await asyncio.gather(*clients)

    def play(self, story):
        try:
            outcome = asyncio.run(self._play(story))
            self.tally()
            return outcome
        finally:
            self.end()

    def kill_at_random(self, least, most):
        """A server and another, without a warning, at moments that nobody chose: `least` times, and on until something is
        lost, `most` times at the most. Gives how often."""
        chance = random.Random(least)
        for number in range(most):
            missing = self.lost() if number >= least else set()
            time.sleep(chance.uniform(0.05, 0.3))  # in which what is only late comes
            if missing & self.lost():
                return number
            self.instances[number % 3].kill()
            self.instances[number % 3].start()
            self.balancer.wait_for(3)
        return most

    def end(self):
        self.balancer.end()
        for each in self.instances:
            if each.process and each.process.poll() is None:
                each.process.kill()
                each.process.wait()

    def lost(self):
        return self.load.told - set().union(*(each.recorded() for each in self.instances))

    def close(self):
        self._folder.cleanup()


@unittest.skipUnless(Path(HAPROXY).exists(), "NOT RUN HERE: HAProxy is not installed")
class Rolling(unittest.TestCase):
    def scene(self, drain_delay, kind=Instance):
        made = Scene(drain_delay, kind)
        self.addCleanup(made.close)
        return made

    def test_nobody_notices_a_restart(self):
        scene = self.scene("2s")
        all_four = scene.instances

        def story():
            time.sleep(1)  # each client has connected
            steady_from = time.monotonic()
            time.sleep(3)  # so long is the quiet time that is measured
            rolled_from = time.monotonic()
            for _ in range(ROLLS):
                for each in all_four[:3]:
                    scene.roll(each, 3)
            scene.reload(all_four[:3])
            all_four[2].end()
            scene.reload(all_four[:2])
            for each in all_four[2:]:
                each.start()
            scene.reload(all_four)
            time.sleep(1)  # what follows a reload is measured too
            return steady_from, rolled_from, time.monotonic()

        steady_from, rolled_from, end = scene.play(story)
        steady, rolled = scene.load.p99(steady_from, rolled_from), scene.load.p99(rolled_from, end)
        print(f"    {len(scene.load.told)} acknowledged, {scene.load.ends} orderly ends, p99 {steady * 1e3:.1f} ms, "
              f"then {rolled * 1e3:.1f} ms; {json.dumps(scene.counted)}", flush=True)
        self.assertEqual(len(scene.workers), 4, "three reloads")
        self.assertEqual(scene.load.troubles, {})
        self.assertEqual(scene.counted, dict.fromkeys(COUNTERS, 0))
        self.assertEqual(scene.lost(), set())
        self.assertGreater(scene.load.ends, 0, "no client was moved: nothing was rolled")
        self.assertLessEqual(rolled, max(3 * steady, P99_FLOOR_S))

    def test_without_a_drain_delay_it_shows(self):
        scene = self.scene("0s")

        def story():
            time.sleep(0.5)
            for each in scene.instances[:3]:
                each.end()
                time.sleep(0.3)  # down, and HAProxy does not know yet
                each.start()
                scene.balancer.wait_for(3)

        scene.play(story)
        print(f"    {json.dumps(scene.counted)}, clients saw {scene.load.troubles}", flush=True)
        self.assertGreater(sum(scene.counted.values()) + sum(scene.load.troubles.values()), 0)

    def kill(self, kind, most=KILLS):
        scene = self.scene("0s", kind)
        kills = scene.play(lambda: scene.kill_at_random(KILLS, most))
        lost = scene.lost()
        print(f"    {kills} killed: {len(lost)} of {len(scene.load.told)} acknowledged messages lost", flush=True)
        return lost

    def test_what_was_acknowledged_is_on_record_though_servers_are_killed(self):
        self.assertEqual(self.kill(Instance), set())

    def test_servers_that_acknowledge_first_are_caught(self):
        self.assertNotEqual(self.kill(PromisingInstance, 60), set(), "the test cannot tell a journal from a promise")


if __name__ == "__main__":
    unittest.main(verbosity=2)
