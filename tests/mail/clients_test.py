# SPDX-License-Identifier: MIT
"""Letters by other people's programs, read back by Python's mailbox: the same bytes. With TLS and without, on both engines."""

import email.message
import smtplib
import ssl
import subprocess
import unittest

from mail_support import ENGINES, LIMIT_S, Mail, make_certificate, require, said_to, temporary_folder

BODY = b"".join([
    b"From: a@a.example\nTo: b@b.example\nSubject: =?utf-8?q?ol=C3=A1?=\nMessage-ID: <1@a.example>\n",
    b"Date: Fri, 27 Nov 2026 12:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n",
    b"Content-Transfer-Encoding: 8bit\n\n",
    ".\n..\n.a line that begins with a dot\nolá, ação, ñandú, 漢字\n\n. \n".encode(), b"x" * 990 + b"\n",
    b"".join(b"%d lines of a letter that is longer than a packet\n" % i for i in range(3000)), b".\nend\n",
])


def wire(text):
    return text.replace(b"\n", b"\r\n")


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require("swaks", "curl", "msmtp")

    def setUp(self):
        self.folder = temporary_folder(self)
        self.authority, self.tls = make_certificate(self.folder)
        self.path = self.folder / "letter"
        self.path.write_bytes(BODY)

    def runs(self, *words, **more):
        done = subprocess.run(words, capture_output=True, timeout=LIMIT_S, check=False, **more)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr).decode()[-3000:])
        return done.stdout.decode()

    def check(self, mail, expected):
        self.assertEqual(mail.letters(), expected)
        for each in mail.files():
            each.unlink()

    def swaks(self, mail, *more):
        self.path.write_bytes(BODY + b".\n")  # it takes that for the end, and a file without it for one that lacks it
        told = self.runs("swaks", "--server", f"127.0.0.1:{mail.port}", "--from", "a@a.example", "--to", "b@b.example,c@b.example",
                         "--helo", "a.example", "--data", f"@{self.path}", *more)
        self.check(mail, [BODY])
        return told

    def test_swaks(self):
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, *self.tls)
            self.assertNotIn("=== TLS started", self.swaks(mail))
            self.swaks(mail, "--pipeline")
            self.assertIn("=== TLS started", self.swaks(mail, "--tls"))

    def test_curl(self):
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, *self.tls)
            for more in ([], ["--ssl-reqd", "--cacert", self.authority]):
                self.runs("curl", "-sS", f"smtp://localhost:{mail.port}/a.example", "--ipv4", "--mail-from", "a@a.example", "--mail-rcpt",
                          "b@b.example", "--upload-file", self.path, "--crlf", *more)
                self.check(mail, [BODY])

    def test_msmtp(self):
        mail = Mail(self, *self.tls)
        for more in (["--tls=off"], ["--tls=on", "--tls-starttls=on", f"--tls-trust-file={self.authority}"]):
            self.runs("msmtp", "--host=localhost", f"--port={mail.port}", "--from=a@a.example", "--auth=off", *more, "b@b.example", input=BODY)
            self.check(mail, [BODY])

    def talk(self, mail):
        return smtplib.SMTP("127.0.0.1", mail.port, local_hostname="a.example", timeout=LIMIT_S)

    def test_pythons_smtplib(self):
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, *self.tls)
            with self.talk(mail) as client:
                client.sendmail("a@a.example", ["b@b.example", "c@b.example"], wire(BODY), ["BODY=8BITMIME"])
                letter = email.message.EmailMessage()
                letter["Subject"], letter["From"], letter["To"] = "olá", "josé@a.example", "ñ@b.example"
                letter.set_content("ação\n")
                client.send_message(letter)
                self.assertEqual(client.verify("root")[0], 252)
                self.assertEqual(client.noop()[0], 250)
                client.sendmail("", "b@b.example", wire(b"Subject: returned\n\nno\n"))
            kept = mail.letters()
            self.assertEqual(len(kept), 3)
            self.assertIn(BODY, kept)
            self.assertIn(b"Subject: returned\n\nno\n", kept)
            kept.remove(BODY)
            self.assertTrue(any("Subject: olá\nFrom: josé@a.example".encode() in each for each in kept), kept)

    def test_pythons_smtplib_with_tls(self):
        trust = ssl.create_default_context(cafile=self.authority)
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, *self.tls)
            with self.talk(mail) as client:
                client._host = "localhost"  # pylint: disable=protected-access
                client.ehlo()
                self.assertEqual({"pipelining", "size", "8bitmime", "smtputf8", "chunking", "starttls", "enhancedstatuscodes"},
                                 set(client.esmtp_features))
                client.mail("forgotten@a.example")
                client.starttls(context=trust)
                self.assertEqual(client.docmd("RCPT", "TO:<b@b.example>")[0], 503, "what was said before TLS is forgotten")
                self.assertEqual(client.docmd("MAIL", "FROM:<a@a.example>")[0], 503, "and so is the name")
                self.assertEqual(client.docmd("STARTTLS")[0], 503)
                client.ehlo()
                self.assertNotIn("starttls", client.esmtp_features)
                client.sendmail("a@a.example", "b@b.example", wire(BODY))
            self.assertIn(b"\n\tby here.example with ESMTPS id ", mail.files()[0].read_bytes())
            self.check(mail, [BODY])

    def test_what_is_put_behind_starttls_is_refused(self):
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, *self.tls)
            for behind in (b"NOOP\r\n", b"M", b"EHLO evil\r\nMAIL FROM:<evil@a.example>\r\n"):
                self.assertEqual(said_to(mail.port, b"EHLO a.example\r\nSTARTTLS\r\n" + behind)[1:],
                                 ["250 ENHANCEDSTATUSCODES", "554 5.5.1 nothing may stand behind STARTTLS"])
            with mail.connect() as client:
                client.sendall(b"STARTTLS\r\n")
                heard = b""
                while b"go ahead" not in heard:
                    heard += client.recv(4096)
                client.sendall(b"EHLO in the clear\r\n")
                self.assertNotIn(b"250", b"".join(iter(lambda: client.recv(4096), b"")))

    def test_chunks_are_put_together_wherever_they_are_cut(self):
        mail = Mail(self)
        sent, text = b"EHLO a.example\r\n", wire(BODY)[:3000]
        for cut in (0, 1, 2, 400, 2998, 2999, 3000):
            sent += b"MAIL FROM:<a@a.example> BODY=8BITMIME\r\nRCPT TO:<b@b.example>\r\n"
            sent += b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (cut, text[:cut], 3000 - cut, text[cut:])
        answers = said_to(mail.port, sent + b"QUIT\r\n")
        self.assertEqual([each[:3] for each in answers], ["220"] + ["250"] * (1 + 7 * 4) + ["221"])
        expected = text.replace(b"\r\n", b"\n")
        self.check(mail, [expected if expected.endswith(b"\n") else expected + b"\n"] * 7)

    def test_the_lines_on_top_say_from_whom_and_for_whom(self):
        mail = Mail(self)
        said_to(mail.port, b"HELO a.example\r\nMAIL FROM:<@x.example:a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nx\r\n.\r\n")
        one = mail.files()[0]
        self.assertRegex(one.read_text(), r"\AReturn-Path: <a@a\.example>\nReceived: from a\.example \(\[127\.0\.0\.1\]\)\n\tby here\.example "
                         rf"with SMTP id {one.name}\n\tfor <b@b\.example>; \w{{3}}, \d\d \w{{3}} \d{{4}} \d\d:\d\d:\d\d \+0000\nx\n\Z")


if __name__ == "__main__":
    unittest.main()
