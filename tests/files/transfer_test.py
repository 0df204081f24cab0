# SPDX-License-Identifier: MIT
"""aperto-files: folders both ways, whom it trusts, what it shows, and every kind of break. 5 GB and 20 breaks with APERTO_FILES_FULL=1, in
APERTO_FILES_DIR."""

import os
import pathlib
import pty
import random
import resource
import select
import shutil
import signal
import subprocess
import time
import unittest

from files_support import PROGRAM, Server, Wire, client, make_folder, tree

FULL = os.environ.get("APERTO_FILES_FULL") == "1"
SIZE = (5 * 1024 if FULL else 50) << 20
BREAKS = 20 if FULL else 4


def make_source(folder):
    source = folder / "source ção"
    deep = source.joinpath(*["deep"] * 60)
    deep.mkdir(parents=True)
    (source / "empty").mkdir()
    odd = [b"with blank", b"new\nline", "ção 日本".encode(), b"not utf-8 \xff\xfe", b"-dash", b"\x1b[2J", b"x" * 255]
    for at, name in enumerate(odd):
        with open(os.path.join(os.fsencode(source), name), "wb") as file:
            file.write(bytes([at]) * (at * 1000))
    (source / "none").write_bytes(b"")
    (deep / "bottom").write_bytes(os.urandom(100_000))
    (source / "large").write_bytes(os.urandom(3_000_001))
    for at, path in enumerate(sorted(source.rglob("*"), reverse=True)):
        if path.is_file():
            os.chmod(path, (0o644, 0o600, 0o755, 0o444)[at % 4])
        os.utime(path, ns=(0, 1_000_000_007 * (at + 1)))
    os.chmod(source / "empty", 0o750)
    os.utime(source / "empty", ns=(0, -5_000_000_000))
    return source


class Folders(unittest.TestCase):
    def test_both_ways_and_again(self):
        for engine, plain in (("uring", False), ("epoll", True)):
            with self.subTest(engine=engine, plain=plain):
                folder = make_folder(self)
                source, served, back = make_source(folder), folder / "served", folder / "back"
                served.mkdir()
                server = Server(self, served, "--engine", engine, plain=plain)
                more = [*server.words(), "--engine", engine]
                host = f"127.0.0.1:{server.port}"
                done = client("put", *more, source, f"{host}/a/b")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(tree(served / "a" / "b" / source.name), tree(source))
                self.assertEqual(os.stat(served / "a" / "b" / source.name).st_mtime_ns, os.stat(source).st_mtime_ns)
                again = client("put", *more, source, f"{host}/a/b")
                self.assertEqual(again.returncode, 0, again.stderr)
                done = client("get", *more, f"{host}/a/b/{source.name}", f"{host}/a/b/{source.name}/large", back)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(tree(back / source.name), tree(source))
                self.assertEqual((back / "large").read_bytes(), (source / "large").read_bytes())
                whole = folder / "whole"
                done = client("get", *more, host, whole)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(tree(whole), tree(served))

    def test_what_is_there_is_not_transferred_again(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        (folder / "large").write_bytes(os.urandom(5 << 20))
        server = Server(self, folder / "served", plain=True)
        wire = Wire(self, server.port)
        for bytes_most in (6 << 20, 10_000):
            before = wire.passed
            done = client("put", "--plain", folder / "large", f"127.0.0.1:{wire.port}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLess(wire.passed - before, bytes_most)
        (folder / "large").write_bytes(b"another")
        client("put", "--plain", folder / "large", f"127.0.0.1:{wire.port}")
        self.assertEqual((folder / "served" / "large").read_bytes(), b"another")

    def test_links_and_pipes_are_left_out_and_told(self):
        folder = make_folder(self)
        source, served = folder / "source", folder / "served"
        source.mkdir()
        served.mkdir()
        (folder / "secret").write_text("SECRET")
        os.symlink("../secret", source / "link")
        os.symlink("..", source / "out")
        os.mkfifo(source / "pipe")
        (source / "file").write_text("1")
        server = Server(self, served)
        done = client("put", *server.words(), source, f"127.0.0.1:{server.port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(served / "source")), ["file"])
        for name in ("link", "out", "pipe"):
            self.assertIn(f"left out, neither a file nor a folder: source/{name}", done.stderr)
        # The other way they are there, and stay there.
        os.symlink(folder / "secret", served / "link")
        os.symlink("..", served / "out")
        done = client("get", *server.words(), f"127.0.0.1:{server.port}/", folder / "back")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(folder / "back")), ["source"])
        for path in ("link", "out/secret", "out"):
            done = client("get", *server.words(), "--patience", "1", f"127.0.0.1:{server.port}/{path}", folder / "back")
            self.assertEqual(done.returncode, 1, path)
        done = client("put", *server.words(), source / "file", f"127.0.0.1:{server.port}/out")
        self.assertEqual(done.returncode, 1)
        self.assertFalse((folder / "file").exists())

    def test_read_only(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        (folder / "file").write_text("1")
        server = Server(self, folder / "served", "--read-only")
        done = client("put", *server.words(), folder / "file", f"127.0.0.1:{server.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("for reading only", done.stderr)
        self.assertEqual(os.listdir(folder / "served"), [])


class Trust(unittest.TestCase):
    def test_who_is_believed(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        (folder / "file").write_text("1")
        server = Server(self, folder / "served")
        pin = server.pin()
        self.assertEqual(pin, subprocess.run(["sh", "-c", f"openssl x509 -in {server.keys}/cert.pem -outform der | sha256sum"], check=True,
                                             capture_output=True, text=True).stdout.split()[0])
        self.assertEqual((server.keys / "key.pem").stat().st_mode & 0o777, 0o600)
        self.assertEqual(sorted(os.listdir(server.keys)), ["cert.pem", "key.pem"])
        host, known = f"127.0.0.1:{server.port}", folder / "known"
        wrong = client("put", "--pin", pin[:-1] + ("0" if pin[-1] != "0" else "1"), folder / "file", host)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("ANOTHER SERVER ANSWERS", wrong.stderr)
        self.assertEqual(os.listdir(folder / "served"), [])
        first = client("put", "--known", known, folder / "file", host)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("FIRST TIME", first.stderr)
        self.assertEqual(known.read_text(), f"{host} {pin}\n")
        second = client("put", "--known", known, folder / "file", host)
        self.assertEqual(second.returncode, 0)
        self.assertNotIn("FIRST TIME", second.stderr)
        server.kill()
        for each in server.keys.iterdir():
            each.unlink()
        server.start()
        third = client("get", "--known", known, f"{host}/file", folder / "back")
        self.assertEqual(third.returncode, 1)
        self.assertIn("ANOTHER SERVER ANSWERS", third.stderr)

    def test_without_tls_it_is_loud_and_not_by_accident(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        server = Server(self, folder / "served", plain=True)
        self.assertIn("WARNING", server.said())
        host = f"127.0.0.1:{server.port}"
        self.assertIn("WARNING", client("get", "--plain", host, folder / "back").stderr)
        sealed = client("get", "--patience", "1", "--known", folder / "known", host, folder / "back")
        self.assertEqual(sealed.returncode, 1)


class Shown(unittest.TestCase):
    def test_a_bar_on_a_terminal_and_lines_elsewhere(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        (folder / "large").write_bytes(os.urandom(20 << 20))
        server = Server(self, folder / "served", plain=True)
        words = ["put", "--plain", folder / "large", f"127.0.0.1:{server.port}"]
        lines = client(*words)
        self.assertRegex(lines.stderr, r"100 %  21\.0 MB of 21\.0 MB  [\d.]+ [kMG]B/s\n$")
        self.assertNotIn("\r", lines.stderr)
        near, far = pty.openpty()
        with subprocess.Popen([PROGRAM, *words], stderr=far) as process:
            os.close(far)
            seen = b""
            while select.select([near], [], [], 30)[0]:
                try:
                    seen += os.read(near, 65536)
                except OSError:
                    break
            process.wait()
        os.close(near)
        self.assertIn(b"[##############################] 100 %", seen)
        self.assertIn(b"\r\x1b[K[", seen)


class Breaks(unittest.TestCase):
    def setUp(self):
        self.folder = make_folder(self)
        self.source, self.served = self.folder / "source", self.folder / "served"
        self.source.mkdir()
        self.served.mkdir()
        piece = os.urandom(1 << 20)
        with open(self.source / "large", "wb") as file:
            for at in range(SIZE >> 20):
                file.write(at.to_bytes(8, "big") + piece[8:])
        for at in range(20):
            (self.source / f"small-{at}").write_bytes(os.urandom(5000 * at))
        self.server = Server(self, self.served)
        self.wire = Wire(self, self.server.port)

    def go(self, *words):
        """Runs to the end through every break; gives how many runs and how often it broke."""
        dice, kinds = random.Random(7), ["cut", "server", "client"]
        runs, breaks, marks = 1, 0, [SIZE * (i + 1) // (BREAKS + 1) for i in range(BREAKS)]
        process = subprocess.Popen([PROGRAM, *words], stderr=subprocess.PIPE, text=True)
        began = self.wire.passed
        while process.poll() is None:
            if breaks < BREAKS and self.wire.passed - began > marks[breaks]:
                kind = kinds[breaks % 3]
                breaks += 1
                if kind == "cut":
                    self.wire.cut()
                elif kind == "server":
                    self.server.kill()
                    time.sleep(dice.random() / 2)
                    self.server.start()
                else:
                    process.kill()
                    process.communicate()
                    process = subprocess.Popen([PROGRAM, *words], stderr=subprocess.PIPE, text=True)
                    runs += 1
            time.sleep(0.002)
        said = process.communicate()[1]
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(breaks, BREAKS)
        moved = self.wire.passed - began
        print(f"{words[0]}: {SIZE >> 20} MiB, {breaks} breaks, {runs} runs, {moved >> 20} MiB on the wire", flush=True)
        return moved

    def test_a_file_comes_whole_through_cuts_and_deaths_of_either_side(self):
        host, pin = f"127.0.0.1:{self.wire.port}", self.server.pin()
        moved = self.go("put", "--pin", pin, self.source, host)
        self.assertEqual(tree(self.served / "source"), tree(self.source))
        # What was there was not sent again, but for what was on the way.
        self.assertLess(moved, SIZE + BREAKS * (24 << 20))
        if FULL:
            shutil.rmtree(self.served / "source")
            shutil.move(self.source, self.served / "source")
            os.mkdir(self.source)
        back = self.folder / "back"
        moved = self.go("get", "--pin", pin, f"{host}/source", back)
        self.assertEqual(tree(back / "source"), tree(self.served / "source"))
        self.assertLess(moved, SIZE + BREAKS * (24 << 20))

    def test_it_gives_up_when_nothing_has_moved_for_long(self):
        self.server.kill()
        began = time.monotonic()
        done = client("put", "--plain", "--patience", "1", self.source / "small-1", self.source / "small-2", f"127.0.0.1:{self.server.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED: small-1: could not connect", done.stderr)
        self.assertIn("FAILED: small-2", done.stderr)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.server.start()


class FullDisk(unittest.TestCase):
    def sources(self):
        folder = make_folder(self)
        (folder / "served").mkdir()
        (folder / "source").mkdir()
        for name, size in (("a", 1000), ("large", 8 << 20), ("z", 1000)):
            (folder / "source" / name).write_bytes(os.urandom(size))
        return folder

    def test_a_full_disk_is_told_and_what_fits_comes(self):
        try:
            subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            print("NOT RUN HERE: needs a file system of one's own", flush=True)
            self.skipTest("needs a file system of one's own")
        folder = self.sources()
        served = folder / "served"
        server = Server(self, served, prefix=["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=2m none "{served}" && exec "$0" "$@"'])
        names = [folder / "source" / name for name in ("a", "z", "large")]
        done = client("put", *server.words(), "--jobs", "1", *names, f"127.0.0.1:{server.port}/source")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED: source/large: the other side says: write: No space left on device", done.stderr)
        self.assertEqual(done.stderr.count("FAILED"), 1, done.stderr)
        seen = pathlib.Path(f"/proc/{server.process.pid}/root{served}/source")
        self.assertEqual((seen / "a").read_bytes(), (folder / "source" / "a").read_bytes())
        self.assertFalse((seen / "large").exists())
        # Where there is room again, it goes on where it was.
        done = subprocess.run(["nsenter", f"--target={server.process.pid}", "-U", "-m", "--preserve-credentials", "mount", "-o", "remount,size=20m",
                               str(served)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        wire = Wire(self, server.port)
        done = client("put", *server.words(), folder / "source", f"127.0.0.1:{wire.port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(tree(seen), tree(folder / "source"))
        self.assertLess(wire.passed, 7 << 20)

    def test_a_full_disk_of_the_client(self):
        folder = self.sources()
        server = Server(self, folder / "source")

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        done = client("get", *server.words(), f"127.0.0.1:{server.port}", folder / "back", preexec_fn=limit)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED: large: write: File too large", done.stderr)
        self.assertEqual(sorted(name for name in os.listdir(folder / "back") if not name.startswith(".")), ["a", "z"])


if __name__ == "__main__":
    unittest.main()
