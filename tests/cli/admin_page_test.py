# SPDX-License-Identifier: MIT
"""The page of a running server (`--admin`'s /) in Chromium: alone, live, sorted, filtered, opened, on a phone, in the dark."""
import os
import socket
import sys
import threading
import time
import unittest
import urllib.request

sys.path += [os.path.join(os.path.dirname(__file__), folder) for folder in ("../lab", "../interop")]
from browser import CHROMIUM, Browser  # noqa: E402
from programs import missing  # noqa: E402
from surroundings import LIMIT_S, Server  # noqa: E402


def setUpModule():
    if not CHROMIUM:
        missing("chromium is not installed")


class Page(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server("echo", "epoll", "line", "--admin", "127.0.0.1:0"))
        self.address = "127.0.0.1:%d" % self.server.wait_for("admin")["port"]
        self.clients = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(6)]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()
        self.addCleanup(self.end)

    def talk(self):
        while not self.stop.wait(0.05):
            for number, client in enumerate(self.clients):
                client.sendall(b"x" * 100 * (number + 1) + b"\n")
                client.recv(65536)

    def end(self):
        self.stop.set()
        self.thread.join()
        for each in self.clients:
            each.close()

    def wait(self, view, script):
        until = time.monotonic() + LIMIT_S
        while not view.run(script):
            self.assertLess(time.monotonic(), until, f"{script}: {view.text('body')}")
            time.sleep(0.1)

    def shot(self, view, name):
        if folder := os.environ.get("APERTO_PAGE_SHOTS"):
            view.screenshot(os.path.join(folder, f"admin-{name}.png"))

    def test_it_is_one_file_that_asks_its_own_server_alone(self):
        with urllib.request.urlopen(f"http://{self.address}/", timeout=LIMIT_S) as answer:
            text = answer.read().decode()
            policy = answer.headers["Content-Security-Policy"]
            self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("innerHTML", text)
        self.assertNotRegex(text.replace("http://www.w3.org/2000/svg", ""), r"https?://")

    def test_it_lives_is_sorted_filtered_and_opened(self):
        with Browser(online=True) as view:
            view.visit(f"http://{self.address}/")
            self.wait(view, "document.querySelectorAll('#rows tr').length === 6")
            # As many as the kernel counts, and the words of the blame.
            self.wait(view, "server.moments.length > 3 && /\\d/.test(document.querySelectorAll('figure b')[1].textContent)")
            self.wait(view, "[...document.querySelectorAll('#rows td:last-child')].every(n => /nothing to send|network/.test(n.textContent))")
            self.assertEqual(view.run("Object.keys(all_words.en).join()"), view.run("Object.keys(all_words.pt).join()"))
            view.run("document.querySelector('#titles th:nth-child(5) button').click()")  # as it is, by what went out: now upwards
            told = view.run("[...connections.values()].length && [...document.querySelectorAll('#rows tr')].map(r => connections.get(Number(r.dataset.key)).now.bytes_out)")
            self.assertEqual(told, sorted(told))
            peer = "%s:%d" % self.clients[2].getsockname()
            view.run(f"at('filter').value = '{peer}'; at('filter').oninput({{target: at('filter')}})")
            self.assertEqual(view.count("#rows tr"), 1)
            view.run("document.querySelector('#rows tr').click()")
            self.assertIn(peer, view.text("#one h2"))
            self.assertEqual(view.count("#one svg"), 4)
            self.wait(view, "document.querySelectorAll('#one .share').length === 3")
            self.shot(view, "wide")
            view.run("at('pause').click()")
            shown = view.text("#rows")
            time.sleep(1.5)
            self.assertEqual(view.text("#rows"), shown, "paused")
            self.assertEqual(view.errors, [])
            self.assertEqual({url for url in view.requests if not url.startswith((f"http://{self.address}/", "data:"))}, set())

    def test_on_a_phone_and_in_the_dark_nothing_is_off_the_screen(self):
        with Browser(width=390, height=840, dark=True, online=True) as view:
            view.visit(f"http://{self.address}/")
            self.wait(view, "document.querySelectorAll('#rows tr').length === 6 && server.moments.length > 2")
            view.run("document.querySelector('#rows tr').click()")
            self.wait(view, "document.querySelectorAll('#one .share').length === 3")
            self.shot(view, "phone-dark")
            self.assertLessEqual(view.run("document.documentElement.scrollWidth"), view.run("document.documentElement.clientWidth"))
            self.assertEqual(view.errors, [])


if __name__ == "__main__":
    unittest.main()
