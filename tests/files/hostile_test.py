# SPDX-License-Identifier: MIT
"""aperto-files and those who lie to it: names that lead elsewhere, links that change meanwhile, sizes and sums that are not true."""

import ctypes
import hashlib
import os
import socket
import subprocess
import threading
import time
import unittest

from files_support import Peer, Server, client, make_folder, message

OUTSIDE = [b"../evil", b"/evil", b"a/../../evil", b"..", b".", b"", b"a//evil", b"./evil", b"a/./evil", b"link/evil", b"absolute/evil", b"a/up/evil",
           b".aperto-part-evil", b"a/.aperto-part-evil/x", b"x" * 5000, b"a/" * 2500 + b"evil", b"file/evil"]
DATA = b"0123456789" * 100


def sha(data):
    return hashlib.sha256(data).hexdigest()


def make_traps(folder):
    """A folder with links out of it, and what they lead to."""
    inside, outside = folder / "inside", folder / "outside"
    (inside / "a").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text("SECRET")
    (inside / "file").write_bytes(DATA)
    os.symlink("../outside", inside / "link")
    os.symlink(outside, inside / "absolute")
    os.symlink("../../outside", inside / "a" / "up")
    return inside, outside


class HostileClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addCleanup = cls.addClassCleanup
        cls.folder = make_folder(cls)
        cls.inside, cls.outside = make_traps(cls.folder)
        cls.server = Server(cls, cls.inside, plain=True)
        del cls.addCleanup

    def peer(self):
        sock = socket.create_connection(("127.0.0.1", self.server.port))
        self.addCleanup(sock.close)
        return Peer(sock)

    def nothing_outside(self):
        self.assertEqual(os.listdir(self.outside), ["secret"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["inside", "outside"])

    def test_names_that_lead_elsewhere(self):
        for name in OUTSIDE:
            for words in ((b"put", name, 420, 1, 4), (b"dir", name, 511, 1), (b"get", name, 0, 6, 1)):
                with self.subTest(words=words):
                    peer = self.peer()
                    peer.say(*words)
                    self.assertEqual(peer.hear()[0], b"no")
        for name in (b"..", b"/etc", b"link", b"a/up", b"absolute/"):
            peer = self.peer()
            peer.say(b"list", name)
            self.assertEqual(peer.hear()[0], b"no", name)
        self.nothing_outside()

    def test_messages_that_are_none(self):
        for words in ((b"",), (b"put",), (b"put", b"x"), (b"put", b"x", b"-1", 1, 1), (b"put", b"x", 420, b"1z", 1), (b"put", b"x", 420, 1, 1 << 64),
                      (b"put", b"x", 420, 1, 1 << 63), (b"put", b"x", 420, 1, b""), (b"get", b"file", 0, 1), (b"get", b"file", 0), (b"get", b"file"),
                      (b"delete", b"file"), (b"\xff" * 100, b"file"), (b"get", b"file", 5000, 1000, os.stat(self.inside / "file").st_mtime_ns),
                      (b"dir", b"y", b""), (b"list",)):
            with self.subTest(words=words):
                peer = self.peer()
                peer.say(b"nothing" if words == (b"",) else words[0], *words[1:])
                self.assertEqual(peer.hear()[0], b"no")
        peer = self.peer()
        peer.sock.sendall(b"\xff" * 1000)  # a message of 4 GiB
        try:
            self.assertEqual(peer.sock.recv(100), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(sorted(os.listdir(self.inside)), ["a", "absolute", "file", "link"])

    def put(self, name, data, hash_=None, size=None):
        peer = self.peer()
        peer.say(b"put", name, 0o104755, 1_000_000_000, len(data) if size is None else size)
        heard = peer.hear()
        self.assertEqual(heard[0], b"at")
        peer.sock.sendall(data[int(heard[1]):])
        peer.say(hash_ or sha(data))
        return peer

    def test_a_wrong_sum_is_no_file(self):
        self.assertEqual(self.put(b"a/wrong", DATA, sha(DATA[:-1])).hear(), [b"spoilt"])
        self.assertEqual(os.listdir(self.inside / "a"), ["up"])
        self.assertEqual(self.put(b"a/right", DATA).hear(), [b"done"])
        self.assertEqual(os.stat(self.inside / "a" / "right").st_mode & 0o7777, 0o755)  # and no set-user-id
        os.unlink(self.inside / "a" / "right")

    def test_sizes_that_lie(self):
        # Less than was said, and then the end: it waits for the rest, under no name of the sender's.
        peer = self.put(b"a/short", DATA, size=len(DATA) * 2)
        peer.sock.shutdown(socket.SHUT_WR)
        self.assertIsNone(peer.hear())
        self.assertFalse((self.inside / "a" / "short").exists())
        # More than was said: the rest is read as a sum, which it is not.
        peer = self.put(b"a/long", DATA, size=10)
        peer.sock.shutdown(socket.SHUT_WR)
        heard = peer.hear()
        self.assertTrue(heard is None or heard[0] == b"spoilt", heard)
        self.assertFalse((self.inside / "a" / "long").exists())
        for part in (self.inside / "a").glob(".aperto-part-*"):
            part.unlink()

    def test_two_at_one_file(self):
        first = self.peer()
        first.say(b"put", b"a/both", 420, 1, 10)
        self.assertEqual(first.hear(), [b"at", b"0"])
        second = self.peer()
        second.say(b"put", b"a/both", 420, 1, 10)
        self.assertEqual(second.hear(), [b"busy"])
        first.sock.sendall(DATA[:10])
        first.say(sha(DATA[:10]))
        self.assertEqual(first.hear(), [b"done"])
        os.unlink(self.inside / "a" / "both")

    def test_a_folder_that_becomes_a_link_meanwhile(self):
        done = threading.Event()
        place, other = os.fsencode(self.inside / "race"), os.fsencode(self.inside / "other")
        os.mkdir(place)
        os.symlink("../outside", other)
        library = ctypes.CDLL(None)
        self.addCleanup(subprocess.run, ["rm", "-rf", place, other], check=True)

        def swap():
            while not done.is_set():
                library.renameat2(-100, place, -100, other, 2)  # RENAME_EXCHANGE

        swapping = threading.Thread(target=swap)
        swapping.start()
        outcomes = set()
        try:
            peer = self.peer()
            for at in range(600):
                name = b"race/%d" % at
                peer.say(b"put", name, 420, 1, 10)
                heard = peer.hear()
                if heard[0] == b"at":
                    peer.sock.sendall(DATA[:10])
                    peer.say(sha(DATA[:10]))
                    heard = peer.hear()
                outcomes.add(heard[0])
                if heard[0] != b"done":
                    peer = self.peer()
                peer.say(b"get", b"race/secret", 0, 6, os.stat(self.outside / "secret").st_mtime_ns)
                heard = peer.hear()
                self.assertEqual(heard[0], b"no")
                peer = self.peer()
        finally:
            done.set()
            swapping.join()
        self.assertEqual(outcomes, {b"done", b"no"})
        self.nothing_outside()

    def test_the_others_are_served_meanwhile(self):
        slow = self.peer()
        slow.sock.sendall(message(b"put", b"slow", 420, 1, 10)[:5])
        began = time.monotonic()
        peer = self.peer()
        peer.say(b"get", b"file", 0, len(DATA), os.stat(self.inside / "file").st_mtime_ns)
        self.assertEqual(peer.hear(), [b"at", b"0"])
        self.assertEqual(peer.file.read(len(DATA)), DATA)
        self.assertEqual(peer.hear(), [sha(DATA).encode()])
        self.assertLess(time.monotonic() - began, 20)


class HostileServer(unittest.TestCase):
    """A server of ours that says what `entries` and `give` have."""

    def get(self, entries, give=DATA, hash_=None, times=1):
        folder = make_folder(self)
        inside, outside = make_traps(folder)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.asked = []

        def talk(sock):
            peer = Peer(sock)
            try:
                while (asked := peer.hear()) is not None:
                    self.asked.append(asked)
                    if asked[0] == b"list":
                        for entry in entries:
                            peer.say(*entry)
                        peer.say(b"end")
                    else:
                        peer.say(b"at", asked[2])
                        sock.sendall(give[int(asked[2]):])
                        peer.say(hash_ or sha(give))
                        if len(give) < 1000:
                            return sock.close()
            except (OSError, ValueError):
                pass

        def accept():
            while True:
                try:
                    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        done = client("get", "--plain", "--patience", "1", f"127.0.0.1:{listener.getsockname()[1]}", inside)
        self.assertEqual(os.listdir(outside), ["secret"])
        self.assertEqual(sorted(os.listdir(folder)), ["inside", "outside"])
        return done, inside

    def test_names_that_lead_elsewhere(self):
        files = [name for name in OUTSIDE if name]
        done, inside = self.get([(b"f", name, 420, 1, len(DATA)) for name in files] + [(b"d", name, 511, 1, 0) for name in files])
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("FAILED"), 2 * len(files), done.stderr)
        self.assertEqual((inside / "file").read_bytes(), DATA)

    def test_names_that_write_on_a_terminal(self):
        done, _ = self.get([(b"l", b"\x1b[2Jx\ny", 0, 1, 0)])
        self.assertIn("?[2Jx?y", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_a_wrong_sum_is_no_file(self):
        done, inside = self.get([(b"f", b"new", 420, 1, len(DATA))], hash_=sha(b"else"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED: new: what has come is not what was sent (SHA-256)", done.stderr)
        self.assertEqual(len([each for each in self.asked if each[0] == b"get"]), 3)  # and not for ever
        self.assertEqual(sorted(os.listdir(inside)), ["a", "absolute", "file", "link"])

    def test_fewer_bytes_than_were_listed(self):
        done, inside = self.get([(b"f", b"new", 420, 1, 2000)], give=DATA[:900])
        self.assertEqual(done.returncode, 1)
        self.assertFalse((inside / "new").exists())

    def test_lists_that_are_none(self):
        for entry in ((b"f",), (b"f", b"x", b"x", b"x", b"x"), (b"", b"x", 1, 1, 1), (b"f", b"x", 1, 1, 1 << 64)):
            done, _ = self.get([entry])
            self.assertEqual(done.returncode, 1, entry)
        done, _ = self.get([(b"f", b"x", 420, 1, (1 << 63) + 5)])
        self.assertIn("no file is so large", done.stderr)


if __name__ == "__main__":
    unittest.main()
