# SPDX-License-Identifier: MIT
"""What comes before a 250, as strace sees it, and for how many clients at once; and a disk that is full."""

import re
import smtplib
import subprocess
import threading
import unittest

from mail_support import LIMIT_S, MAIL, Mail, missing, require, said_to, temporary_folder

CLIENTS = 64
LETTERS = 10
LETTER = b"MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nhello\r\n.\r\n"
ROOM = 1024 * 1024


def send_by_one(mail):
    with mail.connect() as client, client.makefile("rb") as replies:
        client.sendall(b"EHLO a.example\r\n")
        for _ in range(LETTERS):
            client.sendall(LETTER)
            while not replies.readline().startswith(b"250 2.0.0 kept as "):
                pass


def send_by_many(mail):
    clients = [threading.Thread(target=send_by_one, args=(mail,)) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


def in_order(lines):
    """The calls, one a line: what another thread's call stood in the middle of is put together. A send stands where it began,
    since nothing of it may come before the disk has what it tells of; the others where they were over."""
    begun, calls = {}, []
    for line in lines:
        thread, _, call = line.partition(" ")
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            if call.startswith("send"):
                calls.append(call)
        elif rest := re.match(r"<\.\.\. (\w+) resumed>(.*)", call.strip()):
            whole = begun.pop(thread) + rest[2]
            if not whole.startswith("send"):
                calls.append(whole)
        else:
            calls.append(call)
    return calls


class Syncs(unittest.TestCase):
    def trace(self, send):
        require("strace")
        if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
            missing("strace may not trace here")
        trace = temporary_folder(self) / "trace"
        mail = Mail(self, "--engine", "epoll", prefix=["strace", "-D", "-f", "-y", "-s", "200", "-e",
                                                       "trace=fsync,syncfs,renameat,sendto,sendmsg", "-o", trace])
        send(mail)
        mail.end()
        return trace.read_text().splitlines()

    def test_bytes_and_then_the_name_are_on_the_disk_before_the_reply(self):
        lines = in_order(self.trace(send_by_one))
        steps = "".join("F" if re.search(r"(fsync\(\d+<.*/box/tmp/|syncfs).* = 0$", line) else
                        "D" if re.search(r"fsync\(\d+<.*/new>\).* = 0$", line) else
                        "R" if re.search(r"renameat\(.* = 0$", line) else
                        "s" if re.search(r"send(to|msg)\(.*kept as", line) else "" for line in lines)
        self.assertRegex(steps, r"^(FRDs)+$", lines)
        self.assertEqual(steps.count("s"), LETTERS)
        self.assertGreater(steps.count("F") + steps.count("D"), LETTERS)

    def test_one_sync_serves_many_clients(self):
        lines = self.trace(send_by_many)
        syncs = sum(bool(re.search(r"(fsync|syncfs)\(", line)) for line in lines)
        print(f"    {CLIENTS * LETTERS} letters of {CLIENTS} clients: {syncs} syncs", flush=True)
        self.assertEqual(sum(bool(re.search(r"renameat\(", line)) for line in lines), CLIENTS * LETTERS)
        self.assertLess(syncs, CLIENTS * LETTERS / 4)


class FullDisk(unittest.TestCase):
    def setUp(self):
        require("unshare")
        self.folder = temporary_folder(self) / "disk"
        self.folder.mkdir()
        isolate = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        mount = f"mount -t tmpfs -o size={ROOM} none {self.folder}"
        if subprocess.run([*isolate, mount], capture_output=True, check=False).returncode != 0:
            missing("no file system of our own can be mounted here")
        self.prefix = [*isolate, mount + ' && exec "$@"', "sh"]

    def test_a_letter_for_which_there_is_no_room_is_refused_for_now(self):
        for engine in ("uring", "epoll"):
            mail = Mail(self, "--engine", engine, prefix=self.prefix, folder=self.folder / "box")
            box = f"/proc/{mail.process.pid}/root{self.folder}/box"
            large = b"Subject: large\r\n\r\n" + b"x" * 70 * 10000
            with smtplib.SMTP("127.0.0.1", mail.port, timeout=LIMIT_S) as client:
                client.sendmail("a@a.example", "b@b.example", large)
                with self.assertRaises(smtplib.SMTPDataError) as refused:
                    client.sendmail("a@a.example", "b@b.example", large)
                self.assertEqual((refused.exception.smtp_code, refused.exception.smtp_error), (452, b"4.3.1 no room on the disk"))
                self.assertEqual(self.files(box, "tmp"), 0, "nothing of it is left")
                client.sendmail("a@a.example", "b@b.example", b"small\r\n")  # the next may have room
            self.assertEqual(self.files(box, "new"), 2)
            mail.end()

    def test_so_it_is_for_one_that_comes_in_one_write_and_for_chunks(self):
        mail = Mail(self, prefix=self.prefix, folder=self.folder / "box")
        filler = b"x" * 900 * 1024
        greeting = b"EHLO a.example\r\n"
        begin = b"MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\n"
        whole = greeting + begin + b"DATA\r\n" + filler + b"\r\n.\r\n"
        self.assertTrue(said_to(mail.port, whole)[-1].startswith("250 2.0.0 kept as "))
        middling = b"y" * 200 * 1024
        self.assertEqual(said_to(mail.port, greeting + begin + b"DATA\r\n" + middling + b"\r\n.\r\n")[-1], "452 4.3.1 no room on the disk")
        chunk = b"BDAT %d\r\n" % len(middling) + middling
        self.assertEqual(said_to(mail.port, greeting + begin + chunk + chunk + b"BDAT 0 LAST\r\n")[-2:],
                         ["452 4.3.1 no room on the disk", "503 5.5.1 say MAIL first"])

    def files(self, box, where):
        done = subprocess.run(["sh", "-c", f"ls {box}/{where} | wc -l"], capture_output=True, text=True, check=True)
        return int(done.stdout)


class Start(unittest.TestCase):
    def refused(self, *words):
        done = subprocess.run([MAIL, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return done.returncode, done.stderr

    def test_what_cannot_be_is_said(self):
        folder = temporary_folder(self)
        (folder / "file").write_bytes(b"")
        code, told = self.refused(folder / "file")
        self.assertEqual(code, 1)
        self.assertIn(str(folder / "file"), told)
        code, told = self.refused("--tls", "none.pem", "none.pem", folder)
        self.assertEqual(code, 1)
        self.assertIn("none.pem", told)
        for words in ([], [folder, folder], ["--port", "70000", folder], ["--port"], ["--name", "a b", folder], ["--what", "1", folder],
                      ["--patience", "0", folder], ["--tls", "cert.pem"], ["--size", "x", folder]):
            code, told = self.refused(*words)
            self.assertEqual(code, 2, words)
            self.assertTrue(told.startswith("usage: aperto-mail "))

    def test_a_letter_in_the_making_is_told_of_the_end(self):
        mail = Mail(self)
        with mail.connect() as idle, mail.connect() as busy:
            busy.sendall(b"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nx")
            for client, greeted in ((idle, b"ESMTP\r\n"), (busy, b"dot\r\n")):
                heard = b""
                while not heard.endswith(greeted):
                    heard += client.recv(4096)
            mail.stop()
            for client in (idle, busy):
                self.assertEqual(b"".join(iter(lambda: client.recv(4096), b"")), b"421 4.3.2 closing down\r\n")
        mail.end()
        self.assertEqual(mail.letters(), [])


if __name__ == "__main__":
    unittest.main()
