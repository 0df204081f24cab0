# SPDX-License-Identifier: MIT
"""Requests that are malformed, hostile or merely odd, and what RFC 9110 and RFC 9112 say of each: the statuses in their order.
Behind each of them a greeting is asked for on the same connection: it is answered (the last 200) where the connection goes on,
and is not where it has to end. What is smuggled in would be an answer too many."""

import os
import unittest

from web_support import Web, parse

GREETING = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET = b"GET /hello HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /hello HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def of(target, *fields):
    return b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def body_of(*fields, body=b"hello"):
    return POST + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


REFUSED = [400]
GOES_ON = [200, 200]
CASES = [
    # ---- where a body ends (RFC 9112, 6.1 to 6.3): what two readers could understand in two ways is refused
    ("length and coding", body_of(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), REFUSED),
    ("coding and length", body_of(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), REFUSED),
    ("two lengths", body_of(b"Content-Length: 5", b"Content-Length: 6"), REFUSED),
    ("a length twice", body_of(b"Content-Length: 5", b"Content-Length: 5"), REFUSED),
    ("a list of lengths", body_of(b"Content-Length: 5, 5"), REFUSED),
    ("a length with a sign", body_of(b"Content-Length: +5"), REFUSED),
    ("a negative length", body_of(b"Content-Length: -1"), REFUSED),
    ("a length in hexadecimal", body_of(b"Content-Length: 0x5"), REFUSED),
    ("a length with a letter", body_of(b"Content-Length: 5a"), REFUSED),
    ("a length in two words", body_of(b"Content-Length: 5 5"), REFUSED),
    ("no length in it", body_of(b"Content-Length:"), REFUSED),
    ("a length of 2^64 + 5", body_of(b"Content-Length: 18446744073709551621"), REFUSED),
    ("a length of 1 TiB", body_of(b"Content-Length: 1099511627776"), [413]),
    ("a length with blanks around", body_of(b"Content-Length: \t 5 \t"), GOES_ON),
    ("a request in a body", body_of(b"Content-Length: 44", body=b"GET /sub HTTP/1.1\r\nHost: x\r\nX: 0123456789\r\n\r"[:44]), GOES_ON),
    ("a body for GET", GET + b"Content-Length: 5\r\n\r\nhello", GOES_ON),
    ("a coding that is not the last", body_of(b"Transfer-Encoding: chunked, gzip"), REFUSED),
    ("a coding behind in a field of its own", body_of(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), REFUSED),
    ("chunked twice", body_of(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), REFUSED),
    ("chunked in two fields", body_of(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), REFUSED),
    ("no chunks at all", body_of(b"Transfer-Encoding: gzip"), REFUSED),
    ("no coding in it", body_of(b"Transfer-Encoding:", body=b"0\r\n\r\n"), REFUSED),
    ("identity", body_of(b"Transfer-Encoding: identity"), REFUSED),
    ("xchunked", body_of(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), REFUSED),
    ("chunked in quotes", body_of(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"), REFUSED),
    ("chunked behind a vertical tab", body_of(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), REFUSED),
    ("chunked on the next line", body_of(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"), REFUSED),
    ("a coding that it does not have", body_of(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), [501]),
    ("chunked in HTTP/1.0", b"POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED),
    ("ChunKed", body_of(b"Transfer-Encoding: ChunKed", body=b"0\r\n\r\n"), GOES_ON),
    ("chunked behind a tab", body_of(b"Transfer-Encoding:\tchunked", body=b"0\r\n\r\n"), GOES_ON),
    # ---- chunks (RFC 9112, 7.1)
    ("chunks", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", GOES_ON),
    ("an extension", CHUNKED + b"5;a=b;c=\"d\"\r\nhello\r\n0\r\n\r\n", GOES_ON),
    ("trailers, which change nothing", CHUNKED + b"0\r\nContent-Length: 500\r\nHost: y\r\n\r\n", GOES_ON),
    ("a size that is none", CHUNKED + b"g\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size with 0x", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size with a sign", CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a negative size", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size behind a blank", CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size before a blank", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", REFUSED),
    ("no size", CHUNKED + b"\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size of 2^64 + 5", CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n", [413]),
    ("a size that LF ends", CHUNKED + b"5\nhello\r\n0\r\n\r\n", REFUSED),
    ("a size that CR ends", CHUNKED + b"5\rhello\r\n0\r\n\r\n", REFUSED),
    ("a chunk that LF ends", CHUNKED + b"5\r\nhello\n0\r\n\r\n", REFUSED),
    ("a chunk longer than its size", CHUNKED + b"5\r\nhello, world\r\n0\r\n\r\n", REFUSED),
    ("LF in an extension", CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n", REFUSED),
    ("a trailer that LF ends", CHUNKED + b"0\r\na: b\n\r\n", REFUSED),
    ("a body that LF ends", CHUNKED + b"0\r\n\n", REFUSED),
    ("a trailer that is none", CHUNKED + b"0\r\na b: c\r\n\r\n", REFUSED),
    ("chunks of more than 1 MiB", CHUNKED + b"10000\r\n%s\r\n" % bytes(0x10000) * 20 + b"0\r\n\r\n", [413]),
    ("an extension of more than 1 MiB", CHUNKED + b"5;" + b"a" * 1_200_000 + b"\r\nhello\r\n0\r\n\r\n", [413]),
    ("a chunk that announces more than 1 MiB", CHUNKED + b"40000000\r\n" + bytes(1_200_000), [413]),
    # ---- lines (RFC 9112, 2.2 and 5)
    ("LF alone", b"GET /hello HTTP/1.1\nHost: x\n\n", REFUSED),
    ("LF in one place", b"GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", REFUSED),
    ("LF at the end", GET + b"\n", REFUSED),
    ("CR in a value", GET + b"X: a\rb\r\n\r\n", REFUSED),
    ("CR CR LF", GET + b"X: a\r\r\n\r\n", REFUSED),
    ("CR in the first line", b"GET /hello\r HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("NUL in a value", GET + b"X: a\0b\r\n\r\n", REFUSED),
    ("a value on two lines", GET + b"X: a\r\n b\r\n\r\n", REFUSED),
    ("a first field that is no beginning", b"GET /hello HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n", REFUSED),
    ("a blank before a colon", GET + b"X : y\r\n\r\n", REFUSED),
    ("a tab before a colon", GET + b"X\t: y\r\n\r\n", REFUSED),
    ("no colon", GET + b"X\r\n\r\n", REFUSED),
    ("no name", GET + b": y\r\n\r\n", REFUSED),
    ("a name with a blank", GET + b"X Y: z\r\n\r\n", REFUSED),
    ("a name that is no token", GET + b"X@: y\r\n\r\n", REFUSED),
    ("a name with a byte of 8 bits", GET + b"X\xc3\xa7: y\r\n\r\n", REFUSED),
    ("a line before the request", b"\r\n" + GET + b"\r\n", GOES_ON),
    # ---- the first line (RFC 9112, 3)
    ("HTTP/0.9", b"GET /hello\r\n\r\n", REFUSED),
    ("two blanks", b"GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("a blank in front", b" GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("a blank behind", b"GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n", REFUSED),
    ("tabs", b"GET\t/hello\tHTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("http/1.1", b"GET /hello http/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("HTTP/1.10", b"GET /hello HTTP/1.10\r\nHost: x\r\n\r\n", REFUSED),
    ("HTTP/11", b"GET /hello HTTP/11.\r\nHost: x\r\n\r\n", REFUSED),
    ("HTTP/1.2, as 1.1", b"GET /hello HTTP/1.2\r\nHost: x\r\n\r\n", GOES_ON),
    ("HTTP/2.0", b"GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", [505]),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    ("TLS", b"\x16\x03\x01\x00\x05\r\n\r\n", REFUSED),
    ("get", b"get /hello HTTP/1.1\r\nHost: x\r\n\r\n", [501]),
    ("BREW", b"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", [501]),
    ("a method that is no token", b"G@T /hello HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("no method", b" /hello HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("PUT", b"PUT /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", [405, 200]),
    ("DELETE", b"DELETE /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", [405, 200]),
    ("POST to a file", b"POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", [405, 200]),
    ("TRACE", b"TRACE /hello HTTP/1.1\r\nHost: x\r\n\r\n", [405, 200]),
    ("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", [405]),
    # ---- whom and what it is for (RFC 9112, 3.2)
    ("no host", b"GET /hello HTTP/1.1\r\n\r\n", REFUSED),
    ("two hosts", GET + b"Host: x\r\n\r\n", REFUSED),
    ("a host with a blank", b"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", REFUSED),
    ("a host with a path", b"GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED),
    ("a host with a user", b"GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", REFUSED),
    ("an empty host", b"GET /hello HTTP/1.1\r\nHost:\r\n\r\n", GOES_ON),
    ("no host in HTTP/1.0", b"GET /hello HTTP/1.0\r\n\r\n", [200]),
    ("an absolute target", of(b"http://y/hello"), GOES_ON),
    ("an absolute target without a host", of(b"http:///hello"), REFUSED),
    ("an absolute target with a user", of(b"http://a@y/hello"), REFUSED),
    ("a target of another scheme", of(b"ftp://y/hello"), REFUSED),
    ("a target that is not rooted", of(b"hello"), REFUSED),
    ("* for GET", of(b"*"), REFUSED),
    ("* for OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [204, 200]),
    ("a fragment", of(b"/hello#there"), REFUSED),
    ("a blank in the target", of(b"/hel lo"), REFUSED),
    ("a byte of 8 bits in the target", of(b"/\xc3\xa7"), REFUSED),
    ("a control in the target", of(b"/\x01"), REFUSED),
    ("a target of 20 KB", of(b"/" + b"a" * 20_000), [414]),
    # ---- too much (RFC 9110, 15.5; RFC 6585, 5)
    ("a field of 17 KB", of(b"/hello", b"X: " + b"a" * 17_000), [431]),
    ("1,000 fields", of(b"/hello", *[b"X: y"] * 1000), [431]),
    ("101 fields", of(b"/hello", *[b"X: y"] * 100), [431]),
    ("100 fields", of(b"/hello", *[b"X: y"] * 99), GOES_ON),
    ("a field without an end, 100 KB", GET + b"X" * 100_000, [431]),
    # ---- what is expected, and other protocols (RFC 9110, 7.8 and 10.1.1)
    ("an expectation that is none", of(b"/hello", b"Expect: 200-ok"), [417]),
    ("an expectation without a body", of(b"/hello", b"Expect: 100-continue"), GOES_ON),
    ("HTTP/2, which it does not speak", of(b"/hello", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), GOES_ON),
    ("close", of(b"/hello", b"Connection: close"), [200]),
    ("close among others", of(b"/hello", b"Connection: x, Close"), [200]),
    # ---- nothing outside of the folder
    ("/../", of(b"/../outside/secret"), [404, 200]),
    ("%2e%2e", of(b"/%2e%2e/outside/secret"), [404, 200]),
    ("..%2f", of(b"/..%2Foutside%2fsecret"), [404, 200]),
    ("%252e, which is no dot", of(b"/%252e%252e/outside/secret"), [404, 200]),
    ("/sub/../../", of(b"/sub/../../outside/secret"), [404, 200]),
    ("//", of(b"//etc/passwd"), [404, 200]),
    ("backslashes", of(b"/..\\outside\\secret"), [404, 200]),
    ("an overlong slash", of(b"/..%c0%afoutside%c0%afsecret"), [404, 200]),
    ("an absolute target with ..", of(b"http://x/../outside/secret"), [404, 200]),
    ("%00", of(b"/a.txt%00.png"), [400, 200]),
    ("%zz", of(b"/%zz"), [400, 200]),
    ("% alone", of(b"/%"), [400, 200]),
    ("%4", of(b"/%4"), [400, 200]),
    ("%+4", of(b"/%+4"), [400, 200]),
    ("a link out", of(b"/out"), [404, 200]),
    ("an absolute link out", of(b"/out-absolute"), [404, 200]),
    ("a folder that is a link out", of(b"/out-folder/secret"), [404, 200]),
    ("a link of /proc", of(b"/magic/etc/passwd"), [404, 200]),
    ("a link in a circle", of(b"/loop"), [404, 200]),
    ("a link that stays inside", of(b"/in"), GOES_ON),
    ("a fifo", of(b"/pipe"), [403, 200]),
    ("a socket", of(b"/socket"), [404, 200]),
    ("what begins with a dot", of(b"/.hidden"), [404, 200]),
    ("a file as a folder", of(b"/a.txt/"), [404, 200]),
    ("a name of 300 bytes", of(b"/" + b"a" * 300), [404, 200]),
    ("a folder without its slash", of(b"/sub"), [301, 200]),
    # ---- WebSocket without a handshake of it (RFC 6455, 4.2)
    ("no upgrade", of(b"/live/socket"), [426]),
    ("another version", of(b"/live/socket", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 12",
                           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), [426]),
    ("no key", of(b"/live/socket", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"), [400]),
    ("a key that is none", of(b"/live/socket", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                              b"Sec-WebSocket-Key: AAAA"), [400]),
    ("a page of somebody else's", of(b"/live/socket", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                                     b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", b"Origin: http://evil"), [403]),
]
if os.geteuid() == 0:
    CASES.append(("a device", of(b"/device"), [403, 200]))


class Hostile(unittest.TestCase):
    def judge(self, web):
        self.assertGreaterEqual(len(CASES), 60)
        self.assertEqual(len({name for name, _, _ in CASES}), len(CASES))
        for name, sent, expected in CASES:
            with self.subTest(name):
                told = web.all_of(sent + GREETING)
                seen = parse(told, [sent.split()[0].decode("latin-1")] if sent[:4] in (b"HEAD",) else ())
                self.assertEqual([answer.status for answer in seen], expected, told[:2000])
                self.assertNotIn(b"SECRET", told)
                self.assertNotIn(b"root:", told)
                if len(expected) == 1:
                    self.assertTrue(seen[0].will_close, "who ends says so")
        self.assertIsNone(web.process.poll())

    def test_with_epoll(self):
        self.judge(Web(self, "--engine", "epoll"))

    def test_with_io_uring(self):
        self.judge(Web(self))

    def test_over_tls(self):
        self.judge(Web(self, tls=True))

    def test_a_request_in_pieces_is_the_same_request(self):
        web = Web(self)
        for sent in (GET + b"\r\n", CHUNKED + b"5;a=b\r\nhello\r\n0\r\na: b\r\n\r\n", b"\r\n" + of(b"/a.txt", b"Range: bytes=2-5")):
            with web.connect() as client:
                client.setsockopt(6, 1, 1)
                for at in range(len(sent)):
                    client.sendall(sent[at:at + 1])
                client.sendall(GREETING)
                told = b"".join(iter(lambda: client.recv(1 << 16), b""))
            self.assertIn([answer.status for answer in parse(told)], ([200, 200], [206, 200]))

    def test_many_at_once_are_answered_in_their_order(self):
        web = Web(self)
        paths = [b"/hello", b"/a.txt", b"/nowhere", b"/large", b"/sub/"] * 40
        told = web.all_of(b"".join(of(path) for path in paths) + GREETING)
        self.assertEqual([answer.status for answer in parse(told)], [404 if path == b"/nowhere" else 200 for path in paths] + [200])

    def test_a_body_that_is_cut_short_is_told(self):
        web = Web(self)
        told = web.all_of(body_of(b"Content-Length: 50"), ends=True)
        self.assertEqual([answer.status for answer in parse(told)], [400])

    def test_half_a_head_is_nobody_s_request(self):
        self.assertEqual(Web(self).all_of(GET, ends=True), b"")


if __name__ == "__main__":
    unittest.main()
