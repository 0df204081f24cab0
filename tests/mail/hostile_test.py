# SPDX-License-Identifier: MIT
"""What clients say that they should not, each with the exact answers, and by which paragraph. All that a client says is sent at once."""

import socket
import unittest

from mail_support import ENGINES, LIMIT_S, Mail, said_to

HELLO = "220 here.example ESMTP"
GREET = b"EHLO a.example\r\n"
GREETED = "250 ENHANCEDSTATUSCODES"
FROM = b"MAIL FROM:<a@a.example>\r\n"
TO = b"RCPT TO:<b@b.example>\r\n"
OK_FROM, OK_TO, GO_ON = "250 2.1.0 go on", "250 2.1.5 go on", "354 go on, and end it with a dot"
BYE = "221 2.0.0 bye"
BARE = "554 5.6.0 a CR or an LF by itself is refused"
NOT_A_LINE = "500 5.5.2 a line is text, and ends in CR LF"
NO_SENDER, NO_RECIPIENT = "501 5.1.7 that is no address", "501 5.1.3 that is no address"
MAIL_FIRST = "503 5.5.1 say MAIL first"
NOBODY = "503 5.5.1 there is nobody to give it to"
KEPT = "250 2.0.0 kept as "
TO_DATA = [OK_FROM, OK_TO, GO_ON]
LETTER = GREET + FROM + TO + b"DATA\r\n"

# The paragraph of RFC 5321, or another RFC's; what is said; what is answered after the greeting.
DIALOGUES = [
    # order
    ("4.1.4: MAIL before EHLO", FROM, ["503 5.5.1 say EHLO first"]),
    ("3.3: RCPT before MAIL", GREET + TO, [GREETED, MAIL_FIRST]),
    ("3.3: DATA before MAIL", GREET + b"DATA\r\n", [GREETED, MAIL_FIRST]),
    ("3.3: DATA without a recipient", GREET + FROM + b"DATA\r\n", [GREETED, OK_FROM, NOBODY]),
    ("4.1.4: MAIL in a transaction", GREET + FROM + FROM, [GREETED, OK_FROM, "503 5.5.1 one letter at a time"]),
    ("4.1.4: EHLO ends a transaction", GREET + FROM + GREET + TO, [GREETED, OK_FROM, GREETED, MAIL_FIRST]),
    ("4.1.1.5: RSET ends a transaction", GREET + FROM + TO + b"RSET\r\nDATA\r\n",
     [GREETED, OK_FROM, OK_TO, "250 2.0.0 forgotten", MAIL_FIRST]),
    ("3.3: a refused recipient is none", GREET + FROM + b"RCPT TO:<nobody>\r\nDATA\r\n", [GREETED, OK_FROM, NO_RECIPIENT, NOBODY]),
    # syntax of commands
    ("4.2.4: no command", b"XYZZY\r\n", ["500 5.5.1 no such command"]),
    ("4.2.4: an empty line", b"\r\n", ["500 5.5.1 no such command"]),
    ("4.2.4: HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ["500 5.5.1 no such command"] * 3),
    ("4.2.4: known and not here", b"EXPN list\r\n", ["502 5.5.1 not here"]),
    ("4.1.1.10: QUIT stands alone", b"QUIT now\r\nQUIT\r\n", ["501 5.5.4 QUIT stands alone", BYE]),
    ("4.1.1.4: DATA stands alone", GREET + FROM + TO + b"DATA 5\r\n", [GREETED, OK_FROM, OK_TO, "501 5.5.4 DATA stands alone"]),
    ("4.1.1.5: RSET stands alone", b"RSET x\r\n", ["501 5.5.4 RSET stands alone"]),
    ("4.1.1.1: EHLO without a name", b"EHLO\r\n", ["501 5.5.4 who are you?"]),
    ("4.1.1.1: EHLO with a name that is none", b"EHLO a(b)\r\n", ["501 5.5.4 who are you?"]),
    ("4.1.2: a domain ends in no dot", b"HELO a.example.\r\n", ["501 5.5.4 who are you?"]),
    ("4.1.1.6: VRFY whom", b"VRFY\r\n", ["501 5.5.4 whom?"]),
    ("3.5.3: VRFY tells nothing", b"VRFY root\r\n", ["252 2.0.0 send a letter and see"]),
    ("2.4: commands in any case", b"ehlo a.example\r\nmAiL fRoM:<a@a.example>\r\nrcpt to:<b@b.example>\r\nquit\r\n",
     [GREETED, OK_FROM, OK_TO, BYE]),
    # lines
    ("2.3.8: a command that ends in LF", b"NOOP\nNOOP\r\n", [NOT_A_LINE]),
    ("2.3.8: a CR in a command", b"NOOP\rNOOP\r\n", [NOT_A_LINE]),
    ("2.3.8: a NUL in a command", b"NOOP\0\r\n", [NOT_A_LINE]),
    ("2.3.8: CR CR LF", b"NOOP\r\r\n", [NOT_A_LINE]),
    ("2.3.8: an LF in an address", GREET + b"MAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\r\n", [GREETED, NOT_A_LINE]),
    ("4.5.3.1.4: a line too long", b"NOOP " + b"x" * 5000 + b"\r\nQUIT\r\n", ["500 5.5.2 line too long"]),
    ("4.5.3.1.4: a long line", b"NOOP " + b"x" * 4000 + b"\r\nQUIT\r\n", ["250 2.0.0 yes", BYE]),
    # addresses
    ("4.1.2: no brackets", GREET + b"MAIL FROM:a@a.example\r\n", [GREETED, NO_SENDER]),
    ("3.3: a space behind the colon", GREET + b"MAIL FROM: <a@a.example>\r\n", [GREETED, NO_SENDER]),
    ("4.1.2: brackets not closed", GREET + b"MAIL FROM:<a@a.example\r\n", [GREETED, NO_SENDER]),
    ("4.1.2: a quote not closed", GREET + b'MAIL FROM:<"a@a.example>\r\n', [GREETED, NO_SENDER]),
    ("4.1.2: two dots", GREET + b"MAIL FROM:<a..b@a.example>\r\n", [GREETED, NO_SENDER]),
    ("4.1.2: a space in an address", GREET + b"MAIL FROM:<a b@a.example>\r\n", [GREETED, NO_SENDER]),
    ("4.1.2: no domain", GREET + b"MAIL FROM:<a@>\r\n", [GREETED, NO_SENDER]),
    ("4.1.2: no box", GREET + b"MAIL FROM:<@a.example>\r\nMAIL FROM:<@>\r\nMAIL FROM:<@a.example:>\r\n", [GREETED] + [NO_SENDER] * 3),
    ("4.1.2: quoted, with a bracket", GREET + b'MAIL FROM:<"a>b c\\""@a.example>\r\n', [GREETED, OK_FROM]),
    ("4.1.3: an address of IPv6", GREET + FROM + b"RCPT TO:<b@[IPv6:2001:db8::1]>\r\n", [GREETED, OK_FROM, OK_TO]),
    ("4.5.3.1.1: a box of 65", GREET + b"MAIL FROM:<" + b"x" * 65 + b"@a.example>\r\n", [GREETED, NO_SENDER]),
    ("4.5.3.1.3: a path of 257", GREET + b"MAIL FROM:<a@" + b"x" * 253 + b">\r\n", [GREETED, NO_SENDER]),
    ("C: a source route is left out", GREET + FROM + b"RCPT TO:<@x.example,@y.example:b@b.example>\r\n", [GREETED, OK_FROM, OK_TO]),
    ("4.5.1: the postmaster", GREET + b"MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n", [GREETED, OK_FROM, OK_TO]),
    ("3.3: no null recipient", GREET + FROM + b"RCPT TO:<>\r\n", [GREETED, OK_FROM, NO_RECIPIENT]),
    ("3.9: relaying", GREET + FROM + b"RCPT TO:<b@elsewhere.example>\r\n", [GREETED, OK_FROM, "550 5.7.1 not for anybody here"]),
    ("4.1.1.3: a percent is no way round", GREET + FROM + b"RCPT TO:<b%elsewhere.example@x.example>\r\n",
     [GREETED, OK_FROM, "550 5.7.1 not for anybody here"]),
    ("RFC 6531, 3.5: not of ASCII", GREET + "MAIL FROM:<josé@a.example>\r\n".encode(), [GREETED, "553 5.6.7 that takes SMTPUTF8"]),
    ("RFC 6531, 3.4: with SMTPUTF8", GREET + "MAIL FROM:<josé@a.example> SMTPUTF8\r\nRCPT TO:<ñ@b.example>\r\n".encode(),
     [GREETED, OK_FROM, OK_TO]),
    # parameters
    ("4.1.1.11: no such parameter", GREET + b"MAIL FROM:<a@a.example> FLAVOUR=sweet\r\n", [GREETED, "555 5.5.4 no such parameter"]),
    ("4.1.1.11: a parameter after HELO", b"HELO a.example\r\nMAIL FROM:<a@a.example> SIZE=1\r\n",
     ["250 here.example", "555 5.5.4 say EHLO for that"]),
    ("4.1.1.11: of a recipient", GREET + FROM + b"RCPT TO:<b@b.example> NOTIFY=NEVER\r\n",
     [GREETED, OK_FROM, "555 5.5.4 no such parameter"]),
    ("RFC 1870, 4: larger than we take", GREET + b"MAIL FROM:<a@a.example> SIZE=10001\r\n", [GREETED, "552 5.3.4 too large"]),
    ("RFC 1870, 4: as large", GREET + b"MAIL FROM:<a@a.example> SIZE=10000 BODY=8BITMIME\r\n", [GREETED, OK_FROM]),
    ("RFC 1870, 3: a size that is none", GREET + b"MAIL FROM:<a@a.example> SIZE=-1\r\n", [GREETED, "501 5.5.4 how large?"]),
    ("RFC 1870, 3: of 21 digits", GREET + b"MAIL FROM:<a@a.example> SIZE=" + b"9" * 21 + b"\r\n", [GREETED, "501 5.5.4 how large?"]),
    ("RFC 3030, 3: BINARYMIME is not offered", GREET + b"MAIL FROM:<a@a.example> BODY=BINARYMIME\r\n",
     [GREETED, "501 5.5.4 no such body"]),
    # smuggling
    ("4.1.1.4: LF . LF is no end", LETTER + b"x\n.\nMAIL FROM:<evil@a.example>\r\n.\r\nQUIT\r\n", [GREETED, *TO_DATA, BARE, BYE]),
    ("4.1.1.4: LF . CR LF is no end", LETTER + b"x\n.\r\nQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: CR LF . LF is no end", LETTER + b"x\r\n.\nQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: CR . CR is no end", LETTER + b"x\r.\rQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: CR LF . CR is no end", LETTER + b"x\r\n.\rQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: CR LF . CR CR LF is no end", LETTER + b"x\r\n.\r\r\nQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: LF . CR . LF is no end", LETTER + b"x\n.\r.\nQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("4.1.1.4: CR NUL LF is no end", LETTER + b"x\r\0\n.\r\0\nQUIT\r\n.\r\nNOOP\r\n", [GREETED, *TO_DATA, BARE, "250 2.0.0 yes"]),
    ("RFC 3030, 2: nor is a bare LF taken in a chunk", GREET + FROM + TO + b"BDAT 4 LAST\r\na\nb\nNOOP\r\n",
     [GREETED, OK_FROM, OK_TO, BARE, "250 2.0.0 yes"]),
    # sizes
    ("4.5.3.1.9: more than was promised", LETTER + b"x" * 10001 + b"\r\n.\r\nNOOP\r\n",
     [GREETED, *TO_DATA, "552 5.3.4 too large", "250 2.0.0 yes"]),
    ("4.5.3.1.9: in chunks", GREET + FROM + TO + b"BDAT 6000\r\n" + b"x" * 6000 + b"BDAT 6000\r\n" + b"x" * 6000 + b"BDAT 1 LAST\r\nx",
     [GREETED, OK_FROM, OK_TO, "250 2.0.0 go on", "552 5.3.4 too large", MAIL_FIRST]),
    # BDAT
    ("RFC 3030, 2: DATA behind BDAT", GREET + FROM + TO + b"BDAT 1\r\nxDATA\r\n",
     [GREETED, OK_FROM, OK_TO, "250 2.0.0 go on", "503 5.5.1 BDAT has begun"]),
    ("RFC 3030, 2: RCPT behind BDAT", GREET + FROM + TO + b"BDAT 1\r\nx" + TO,
     [GREETED, OK_FROM, OK_TO, "250 2.0.0 go on", "503 5.5.1 the letter has begun"]),
    ("RFC 3030, 2: a refused chunk is not commands", GREET + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", [GREETED, MAIL_FIRST, "250 2.0.0 yes"]),
    ("RFC 3030, 2: RSET ends it", GREET + FROM + TO + b"BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\nx",
     [GREETED, OK_FROM, OK_TO, "250 2.0.0 go on", "250 2.0.0 forgotten", MAIL_FIRST]),
    ("RFC 3030, 2: a size that is none", GREET + FROM + TO + b"BDAT x\r\nNOOP\r\n", [GREETED, OK_FROM, OK_TO, "501 5.5.4 BDAT size [LAST]"]),
    ("RFC 3030, 2: something else than LAST", GREET + FROM + TO + b"BDAT 1 LASTLY\r\nx",
     [GREETED, OK_FROM, OK_TO, "501 5.5.4 BDAT size [LAST]"]),
    # TLS, which this one does not offer, and what it may not be asked for
    ("RFC 3207, 4: not offered", b"STARTTLS\r\n", ["502 5.5.1 not here"]),
    ("RFC 3207, 4: STARTTLS stands alone", b"STARTTLS now\r\n", ["501 5.5.4 STARTTLS stands alone"]),
    # too much
    ("7.8: mistakes without end", b"XYZZY\r\n" * 100, ["500 5.5.1 no such command"] * 20 + ["421 4.7.0 too many mistakes"]),
    ("7.8: nothing without end", b"NOOP\r\n" * 1000, ["250 2.0.0 yes"] * 400 + ["421 4.7.0 that is enough"]),
    ("4.5.3.1.8: recipients without end", GREET + FROM + TO * 102, [GREETED, OK_FROM] + [OK_TO] * 100 +
     ["452 4.5.3 too many; send it again to the others"] * 2),
    ("3.8: gone in the middle of a letter", LETTER + b"x\r\n", [GREETED, *TO_DATA]),
    ("3.8: gone before the last dot's end", LETTER + b"x\r\n.", [GREETED, *TO_DATA]),
    ("3.8: gone in a chunk", GREET + FROM + TO + b"BDAT 10 LAST\r\nx", [GREETED, OK_FROM, OK_TO]),
]


class Hostile(unittest.TestCase):
    def test_each_has_its_answers_and_nothing_of_them_is_kept(self):
        self.assertGreaterEqual(len(DIALOGUES), 40)
        for engine in ENGINES:
            mail = Mail(self, "--engine", engine, "--size", "10000", "--domain", "b.example", "--domain", "[IPv6:2001:db8::1]")
            for paragraph, said, answers in DIALOGUES:
                with self.subTest(paragraph, engine=engine):
                    self.assertEqual(said_to(mail.port, said), [HELLO, *answers])
            self.assertEqual(mail.letters(), [])
            self.assertEqual(list((mail.folder / "tmp").iterdir()), [])

    def test_what_looks_like_an_end_and_is_none_stays_in_the_letter(self):
        mail = Mail(self)
        text = b"..\r\n...\r\n.x\r\nx.\r\n. \r\n"
        for cut in range(len(text) + 3):
            stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in text.splitlines(True)) + b".\r\n"
            with mail.connect() as client:
                client.sendall(LETTER + stuffed[:cut])
                answers = client.makefile("rb")
                while not answers.readline().startswith(b"354 "):
                    pass
                client.sendall(stuffed[cut:] + b"QUIT\r\n")
                self.assertTrue(answers.readline().decode().startswith(KEPT))
                self.assertEqual(answers.readline(), b"221 2.0.0 bye\r\n")
        self.assertEqual(mail.letters(), [text.replace(b"\r\n", b"\n")] * (len(text) + 3))

    def test_the_slow_are_told_and_ended(self):
        mail = Mail(self, "--patience", "1")
        clients = {said: mail.connect() for said in (b"", b"NO", GREET, LETTER, LETTER + b"x\r\n.\r", GREET + FROM + TO + b"BDAT 5\r\nx")}
        for said, client in clients.items():
            client.sendall(said)
        for said, client in clients.items():
            with self.subTest(said), client:
                heard = b"".join(iter(lambda: client.recv(4096), b"")).decode()
                self.assertTrue(heard.endswith("421 4.4.2 too slow\r\n"), heard)

    def test_a_byte_now_and_then_does_not_prolong_a_letter(self):
        mail = Mail(self, "--patience", "1")
        with mail.connect() as client:
            client.sendall(LETTER)
            client.settimeout(0.3)
            heard = b""
            for _ in range(LIMIT_S * 3):
                try:
                    client.sendall(b"x")
                    piece = client.recv(4096)
                    heard += piece
                    if not piece:
                        break
                except socket.timeout:
                    continue
                except OSError:
                    break
            self.assertTrue(heard.endswith(b"421 4.4.2 too slow\r\n"), heard)


if __name__ == "__main__":
    unittest.main()
