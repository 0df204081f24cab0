# SPDX-License-Identifier: MIT
"""Chromium and aperto-web: a page with pictures, styles and scripts, and the live page, which shows its own connections by
WebSocket as they come and go. And what is no WebSocket, frame by frame, with the code that RFC 6455 ends it with."""

import os
import pathlib
import shutil
import socket
import struct
import sys
import tempfile
import time
import unittest

from web_support import Web

sys.path.insert(0, str(pathlib.Path(os.environ["APERTO_SOURCE_DIR"]) / "tests" / "lab"))
from browser import CHROMIUM, Browser  # noqa: E402

PAGE = """<!doctype html><html lang=en><meta charset=utf-8><title>Shop</title><link rel=icon href=/icon.svg>
<link rel=stylesheet href=/style.css><h1>Olá</h1>""" + "".join(f'<img src="/pictures/{i}.svg" alt="{i}">' for i in range(30)) + """
<video src="/film.bin" preload=metadata></video><p id=told>no script has run</p>
<script src="/old.js"></script><script type=module src="/new.mjs"></script></html>"""


def make_shop(folder):
    (folder / "pictures").mkdir()
    for i in range(30):
        (folder / "pictures" / f"{i}.svg").write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="18" fill="hsl({i * 12} 80% 50%)"/></svg>')
    (folder / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (folder / "style.css").write_text("h1 { color: rgb(0, 128, 0) }")
    (folder / "old.js").write_text("window.old = true")
    (folder / "new.mjs").write_text("import { word } from './word.mjs'\ndocument.getElementById('told').textContent = word + window.old")
    (folder / "word.mjs").write_text("export const word = 'scripts have run: '")
    (folder / "film.bin").write_bytes(bytes(1000))
    (folder / "index.html").write_text(PAGE)
    return folder


@unittest.skipUnless(CHROMIUM, "NOT RUN HERE: Chromium is not installed")
class Page(unittest.TestCase):
    def shop(self, *more, tls=False):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        return Web(self, *more, site=make_shop(folder), tls=tls)

    def wait_for(self, view, script, wanted):
        for _ in range(200):
            seen = view.run(script)
            if seen == wanted:
                return
            time.sleep(0.05)
        self.fail(f"{script}: {seen} rather than {wanted}")

    def look(self, web, *more):
        with Browser(online=True, more=more) as view:
            view.visit(web.url + "/")
            self.wait_for(view, "document.getElementById('told').textContent", "scripts have run: true")
            self.wait_for(view, "[...document.images].filter(one => one.complete && one.naturalWidth === 40).length", 30)
            self.assertEqual(view.run("getComputedStyle(document.querySelector('h1')).color"), "rgb(0, 128, 0)")
            asked = len(view.requests)
            self.assertGreaterEqual(asked, 34)
            view.visit(web.url + "/")
            self.wait_for(view, "document.getElementById('told').textContent", "scripts have run: true")
            self.assertEqual([one for one in view.errors if "film.bin" not in one], [])
            if "APERTO_PAGE_SHOT" in os.environ:
                view.screenshot(os.environ["APERTO_PAGE_SHOT"] + ".shop.png")

    def test_a_page_with_pictures_and_scripts(self):
        for engine in ("uring", "epoll"):
            with self.subTest(engine):
                self.look(self.shop(*(("--engine", "epoll") if engine == "epoll" else ())))

    def test_the_same_over_tls(self):
        self.look(self.shop(tls=True), "--ignore-certificate-errors")

    def live(self, web, *more):
        count = "Number(document.getElementById('count').textContent)"
        peers = "document.querySelectorAll('#peers li').length"
        with Browser(online=True, more=more) as view:
            view.visit(web.url + "/live")
            self.wait_for(view, count + " > 0", True)
            time.sleep(0.5)  # whatever else the browser has opened is there
            before = view.run(count)
            self.assertEqual(view.run(peers), before)
            others = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(5)]
            address = "127.0.0.1:%d" % others[0].getsockname()[1]
            if web.context:
                others = [web.context.wrap_socket(one, server_hostname="localhost") for one in others]
            self.wait_for(view, count, before + 5)
            self.assertTrue(view.run(f"[...document.querySelectorAll('#peers li')].some(one => one.textContent === '{address}')"))
            if "APERTO_PAGE_SHOT" in os.environ:
                view.screenshot(os.environ["APERTO_PAGE_SHOT"] + ".live.png")
            view.run(f"(at => {{ at.value = '{address}'; at.oninput(); }})(document.getElementById('filter'))")
            self.wait_for(view, peers, 1)
            self.assertEqual(view.run(count), before + 5)
            for one in others:
                one.close()
            self.wait_for(view, count, before)
            self.assertEqual(view.errors, [])
            web.process.terminate()
            self.wait_for(view, "document.getElementById('count').textContent", "gone")

    def test_the_live_page_shows_who_comes_and_goes(self):
        for engine in ("uring", "epoll"):
            with self.subTest(engine):
                self.live(Web(self, *(("--engine", "epoll") if engine == "epoll" else ())))

    def test_the_live_page_over_tls(self):
        self.live(Web(self, tls=True), "--ignore-certificate-errors")


def frame(first, payload=b"", mask=b"\1\2\3\4", length=None):
    size = length if length is not None else bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
    head = bytes([first, (0x80 if mask else 0) | size[0]]) + size[1:]
    return head + (mask or b"") + bytes(each ^ (mask or b"\0")[at % len(mask or b"0")] for at, each in enumerate(payload))


TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
# What is sent, and the code that it ends with.
FRAMES = [
    ("an end", frame(CLOSE), 1000),
    ("an end with a code", frame(CLOSE, b"\x03\xe8"), 1000),
    ("an end with a reason", frame(CLOSE, b"\x0b\xb8ol\xc3\xa1"), 3000),
    ("an end with half a code", frame(CLOSE, b"\x03"), 1002),
    ("an end with a code that nobody may send", frame(CLOSE, b"\x03\xed"), 1002),
    ("an end with a code of no kind", frame(CLOSE, b"\x00\x00"), 1002),
    ("an end with a reason that is no text", frame(CLOSE, b"\x03\xe8\xff"), 1002),
    ("no mask", frame(TEXT, b"hi", mask=None), 1002),
    ("a reserved bit", frame(TEXT | 0x40, b"hi"), 1002),
    ("an unknown kind", frame(0x83, b"hi"), 1002),
    ("an unknown control", frame(0x8B), 1002),
    ("a ping in two", frame(PING & 0x7F), 1002),
    ("a ping of 126 bytes", frame(PING, bytes(126)), 1002),
    ("a length longer than it needs", frame(TEXT, b"hi", length=b"\x7e\x00\x02"), 1002),
    ("the same in eight bytes", frame(TEXT, b"hi", length=b"\x7f" + bytes(7) + b"\x02"), 1002),
    ("a length with its highest bit", frame(TEXT, length=b"\x7f\x80" + bytes(7)), 1002),
    ("a message of 5,000 bytes", frame(TEXT, bytes(5000)), 1009),
    ("one of 2^40 bytes", frame(TEXT, length=b"\x7f" + struct.pack(">Q", 1 << 40)), 1009),
    ("one of 5,000 bytes in pieces", frame(1, bytes(100)) + frame(0, bytes(100)) * 60, 1009),
    ("text that is none", frame(TEXT, b"\xff\xfe"), 1007),
    ("text that is none, cut in two", frame(1, b"\xc3") + frame(0x80, b"\x28"), 1007),
    ("a piece of nothing", frame(0x80, b"hi"), 1002),
    ("a message in a message", frame(1, b"a") + frame(TEXT, b"b"), 1002),
    ("text in two, a ping between", frame(1, b"\xc3") + frame(PING, b"x") + frame(0x80, b"\xa7") + frame(CLOSE), 1000),
    ("any bytes", frame(BINARY, b"\xff") + frame(CLOSE, b"\x03\xe9"), 1001),
    ("a pong that nobody asked for", frame(PONG, b"x") + frame(CLOSE), 1000),
]


class Frames(unittest.TestCase):
    def open(self, web):
        client = web.connect()
        key = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455, 1.3, as what it is answered with
        client.sendall(f"GET /live/socket HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                       f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        told = client.makefile("rb")
        self.assertEqual(told.readline(), b"HTTP/1.1 101 Switching Protocols\r\n")
        head = list(iter(told.readline, b"\r\n"))
        self.assertIn(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head)
        return client, told

    def frames(self, told):
        while head := told.read(2):
            self.assertEqual(head[0] & 0xF0, 0x80)
            size = head[1] if head[1] < 126 else struct.unpack(">H", told.read(2))[0]
            yield head[0], told.read(size)

    def judge(self, web):
        for name, sent, code in FRAMES:
            with self.subTest(name):
                client, told = self.open(web)
                client.sendall(sent)
                seen = list(self.frames(told))
                self.assertEqual(seen[-1], (CLOSE, struct.pack(">H", code)))
                if "ping between" in name:
                    self.assertIn((PONG, b"x"), seen)
                client.close()
                told.close()

    def test_each_ends_as_the_rfc_says(self):
        self.judge(Web(self))

    def test_with_epoll(self):
        self.judge(Web(self, "--engine", "epoll"))

    def test_over_tls(self):
        self.judge(Web(self, tls=True))

    def test_a_frame_byte_by_byte(self):
        client, told = self.open(Web(self))
        for each in frame(PING, b"hello") + frame(CLOSE):
            client.sendall(bytes([each]))
        self.assertIn((PONG, b"hello"), list(self.frames(told)))
        client.close()
        told.close()


if __name__ == "__main__":
    unittest.main()
