# SPDX-License-Identifier: MIT
"""`aperto lab --open`: a lab changed and run again on a page, and a server that answers its own page alone."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest

from browser import CHROMIUM, Browser
from lab_support import LABS, PROGRAM, ROOT, lab, needs

sys.path.append(str(pathlib.Path(__file__).parents[1] / "interop"))
from programs import is_sanitized  # noqa: E402

VIRTUAL = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "aperto/virtual-linux/linux").exists()
CALL = ["--delay", "5ms", "--server", "peer serve --upper", "--client", "peer call --bytes 20000"]


def setUpModule():
    needs(True, "")


def children_of(process):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == process:
                found.append(int(path.parent.name))
    return found


class Played(unittest.TestCase):
    def play(self, *words, env=None, language="en"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        environment = dict(os.environ, LANGUAGE=language, LC_ALL="C.UTF-8", APERTO_LABS=str(LABS), TMPDIR=folder.name)
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            environment.pop(name, None)
        environment.update(env or {})
        self.program = subprocess.Popen([PROGRAM, "lab", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL, env=environment)
        self.addCleanup(self.end)
        self.program.stdout.readline()
        self.url = self.program.stdout.readline().strip()
        self.place, self.token = re.fullmatch(r"http://(127\.0\.0\.1:\d+)/([0-9a-f]{32})/", self.url).groups()
        self.port = int(self.place.split(":")[1])

    def end(self):
        if self.program.poll() is None:
            self.program.terminate()
        try:
            self.program.wait(20)
        finally:
            self.program.stdout.close()
            self.program.stderr.close()

    def ask(self, method, path, body=None, **headers):
        own = {"Host": self.place}
        if method == "POST":
            own |= {"Origin": f"http://{self.place}", "Content-Type": "application/json"}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in own.items():
            if value is not None:
                connection.putheader(name, value)
        data = None if body is None else body.encode()
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer

    def path(self, rest=""):
        return f"/{self.token}/{rest}"

    def run_with(self, **state):
        code, text, _ = self.ask("POST", self.path("run"), json.dumps(state))
        self.assertEqual(code, 200, text)
        return [json.loads(line) for line in text.splitlines()]


class Server(Played):
    def test_it_answers_its_own_page_alone(self):
        self.play("--open", *CALL)
        code, page, answer = self.ask("GET", self.path())
        self.assertEqual(code, 200)
        self.assertIn("play_start", page)
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(self.ask("GET", self.path(), Host=f"localhost:{self.port}")[0], 200)
        for path in ("/", "/run", "/" + "0" * 32 + "/", f"/{self.token[:-1]}/", f"/{self.token}", f"/{self.token}0/", f"//{self.token}/",
                     f"/?token={self.token}", f"/x/../{self.token}/", "/%2e%2e/etc/passwd"):
            self.assertEqual(self.ask("GET", path)[0], 403, path)
        for path in ("../etc/passwd", "run", "scenario", "index.html", "%00", "a/b"):
            self.assertEqual(self.ask("GET", self.path(path))[0], 404, path)
        for host in ("evil.example", f"evil.example:{self.port}", "127.0.0.1", f"127.0.0.1:{self.port + 1}", f"127.0.0.1.evil:{self.port}", "", None):
            self.assertIn(self.ask("GET", self.path(), Host=host)[0], (400, 403), host)
        for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
            self.assertEqual(self.ask(method, self.path("run"))[0], 405, method)

    def test_another_page_cannot_have_anything_run(self):
        self.play("--open", *CALL)
        mark = self.folder / "mark"
        state = json.dumps({"client": f"touch {mark}"})
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}, {"Origin": f"https://{self.place}"},
                        {"Origin": f"http://localhost:{self.port}"}, {"Content-Type": "text/plain"}, {"Content-Type": None},
                        {"Host": "evil.example", "Origin": "http://evil.example"}):
            named = {name.replace("-", "_"): value for name, value in headers.items()}
            self.assertEqual(self.ask("POST", self.path("run"), state, **named)[0], 403, headers)
        self.assertEqual(self.ask("POST", "/run", state)[0], 403)
        self.assertFalse(mark.exists())
        self.run_with(client=f"touch {mark}")
        self.assertTrue(mark.exists(), "its own page can")

    def test_only_what_is_on_the_list_is_taken(self):
        self.play("--open", *CALL)
        for state in ("", "[]", "{", "7", '"x"', '{"json": "/etc/x"}', '{"save_decisions": "/etc/x"}', '{"link": {"delay": 5}}',
                      '{"link": {"nothing": "5%"}}', '{"link": {"loss": "lots"}}', '{"link": {"change": "x"}}', '{"seed": "-1"}', '{"seed": 1}',
                      '{"faults": "drop"}', '{"faults": [{"what": "drop", "packet": "client nothing#1"}]}',
                      '{"faults": [{"what": "for", "packet": "client data#1"}]}', '{"faults": [{"what": "drop", "packet": "client data#1", "more": "x"}]}',
                      '{"virtual": "yes"}', '{"client": "no-such-program"}', '{"client": "\'"}', '{"server": null}'):
            code, text, _ = self.ask("POST", self.path("run"), state)
            self.assertEqual((code, bool(text.strip())), (400, True), state)
        self.assertEqual(self.ask("POST", self.path("scenario"), '{"faults": [{"what": "drop", "packet": "client data#1"}]}')[0], 200)

    def test_what_is_too_much_or_too_slow_ends_and_harms_nobody(self):
        self.play("--open", *CALL)
        for request in (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"POST " + self.path("run").encode() + b" HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 9000,
                        b"POST " + self.path("run").encode() + b" HTTP/1.1\r\nHost: " + self.place.encode() + b"\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 400_000,
                        b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as peer, contextlib.suppress(ConnectionError):
                peer.sendall(request)
                first = peer.recv(64)
                self.assertTrue(first == b"" or first.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), (request[:60], first))
        silent = [socket.create_connection(("127.0.0.1", self.port), timeout=20) for _ in range(20)]
        self.assertEqual(self.ask("GET", self.path())[0], 200)
        for one in silent:
            one.close()

    def test_a_run_comes_as_it_goes_and_can_be_kept(self):
        self.play("--open", *CALL, "--loss", "client:1%@1s..2s")
        faults = [{"what": "drop", "packet": "client data#3"}, {"what": "hold", "packet": "client data#5", "time": "50ms"}]
        events = self.run_with(faults=faults, seed="7", link={"delay": "8ms"})
        kinds = [one["event"] for one in events]
        self.assertEqual((kinds[0], kinds[-2:]), ("run", ["page", "end"]))
        self.assertEqual((events[0]["seed"], events[-1]["code"]), (7, 0))
        packets = [one for one in events if one["event"] == "packet"]
        self.assertEqual([one["rule"] for one in packets if one["fate"] == "lost"], ["--drop client data#3"])
        self.assertTrue(any("SENT AGAIN" in one["words"] for one in packets))
        self.assertEqual([one["n"] for one in events[-2]["run"]["packets"]], [one["n"] for one in packets])
        code, text, _ = self.ask("POST", self.path("scenario"), json.dumps({"faults": faults, "seed": "7", "link": {"delay": "8ms"}}))
        self.assertEqual(code, 200)
        kept = tomllib.loads(text)
        self.assertEqual((kept["seed"], kept["link"]["delay"], kept["fault"][1]), ("7", "8ms", {"hold": "client data#5", "for": "50ms"}))
        self.assertEqual(kept["link"]["change"], [{"at": "1s", "until": "2s", "from": "client", "loss": "1%"}])
        path = self.folder / "kept.toml"
        path.write_text(text, encoding="utf-8")
        self.assertEqual(lab("run", path, "--show", "none").returncode, 0)

    def test_who_leaves_ends_the_run_and_ctrl_c_ends_all_that_is_its_own(self):
        self.play("--open", "--server", "sleep 600", "--client", "sleep 600", "--ready", "10ms", "--timeout", "10m")
        body = b"{}"
        head = (f"POST {self.path('run')} HTTP/1.1\r\nHost: {self.place}\r\nOrigin: http://{self.place}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()

        def begin():
            peer = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            peer.sendall(head + body)
            seen = b""
            while b'"event":"run"' not in seen:
                piece = peer.recv(65536)
                self.assertTrue(piece, seen)
                seen += piece
            return peer

        peer = begin()
        first = children_of(self.program.pid)
        self.assertEqual(len(first), 1)
        peer.close()
        until = time.monotonic() + 60
        while children_of(self.program.pid) and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(children_of(self.program.pid), [], "the run ended with its page")
        other = subprocess.Popen(["sleep", "600"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        with begin():
            second = children_of(self.program.pid)
            self.program.send_signal(signal.SIGINT)
            self.assertEqual(self.program.wait(60), 0)
        self.assertFalse(any(pathlib.Path(f"/proc/{one}").exists() for one in first + second))
        self.assertIsNone(other.poll())
        self.assertEqual([one.name for one in self.folder.iterdir()], [], "nothing is left behind")

    def test_a_browser_is_opened_where_there_is_a_display(self):
        with tempfile.TemporaryDirectory() as programs:
            seen = pathlib.Path(programs, "seen")
            script = pathlib.Path(programs, "xdg-open")
            script.write_text(f'#!/bin/sh\ncat "$1" > {seen}.part\necho "$1" >> {seen}.part\nmv {seen}.part {seen}\n', encoding="ascii")
            script.chmod(0o755)
            self.play("--open", env={"DISPLAY": ":7", "PATH": f"{programs}:{os.environ['PATH']}"})
            until = time.monotonic() + 60
            while not seen.exists() and time.monotonic() < until:
                time.sleep(0.02)
            page, told = seen.read_text().rsplit("\n", 2)[0:2]
            self.assertIn(self.url, page)
            self.assertNotIn(self.token, told, "its arguments, which all may see, do not have it")

    def test_what_does_not_go_with_it_is_said(self):
        for words, said in ((["--open", "--json", "x.json"], "--json does not go with --open"), (["run", "--open", "handshake", "closing"], "one lab"),
                            (["--open", "--client", "no-such-program"], "no-such-program")):
            done = lab(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(said, done.stderr)

    @unittest.skipUnless(VIRTUAL, "needs the virtual Linux")
    @unittest.skipIf(is_sanitized(), "a sanitizer wants more addresses than the virtual Linux has")
    def test_in_virtual_time(self):
        self.play("run", "--open", "retransmit")
        events = self.run_with(virtual=True)
        packets = [one for one in events if one["event"] == "packet"]
        self.assertTrue(any(one["fate"] == "lost" for one in packets), events[-1])
        again = [one for one in self.run_with(virtual=True) if one["event"] == "packet"]
        self.assertEqual(packets, again, "the same seed, the same packets")


@unittest.skipUnless(CHROMIUM, "needs chromium")
class Page(Played):
    def open(self, **more):
        view = self.enterContext(Browser(online=True, **more))
        view.visit(self.url)
        return view

    def until(self, view, condition):
        end = time.monotonic() + 90
        while not view.run(condition):
            self.assertLess(time.monotonic(), end, f"{condition}: {view.text('#play-status')} {view.errors}")
            time.sleep(0.05)

    def run_to_end(self, view, press):
        view.run("window.before = run")
        press()
        self.until(view, "run !== window.before && document.querySelector('#play-stop').disabled")

    def test_a_packet_is_clicked_away_and_is_sent_again(self):
        self.play("--open", *CALL)
        view = self.open()
        self.assertEqual(view.count("#ladder .packet"), 0, "nothing runs by itself")
        script = "".join((ROOT / "apps/lab/page" / name).read_text() for name in ("play.js", "compare.js"))
        self.assertLessEqual(set(re.findall(r"play_words\.(\w+)|\bsay\('(\w+)'\)", script)),
                             {pair for key in view.run("Object.keys(play_words)") for pair in ((key, ""), ("", key))})
        self.run_to_end(view, lambda: view.click("#play-run"))
        self.assertEqual(view.run("packets.filter(p => p.fate === 'lost').length"), 0)
        victim = view.run("packets.find(p => p.data === 3 && p.from === 'client').n")
        view.run(f"ladder.bring(packetOf({victim}))")
        view.click(f"#ladder .packet[data-n='{victim}'] text")
        self.assertEqual(view.text(".play-actions code"), "client data#3")
        self.run_to_end(view, lambda: view.click(".play-actions [data-what=drop]"))
        self.assertEqual(view.run("packets.filter(p => p.fate === 'lost').map(p => p.rule)"), ["--drop client data#3"])
        self.assertEqual(view.run("packets.filter(p => p.resent).map(p => p.resent.of[0])"), [3])
        self.assertGreater(view.count("#compare tr.differs"), 0)
        self.assertIn("lost", view.text("#compare tr.differs"))
        address = view.run("location.href")
        if "APERTO_PAGE_SHOT" in os.environ:
            view.screenshot(os.environ["APERTO_PAGE_SHOT"])
        view.visit("about:blank")
        view.visit(address)
        self.assertEqual(view.text(".play-fault").split(), ["drop", "client", "data#3", "×"], "the state is its address")
        self.run_to_end(view, lambda: view.click("#play-run"))
        self.assertEqual(view.run("packets.filter(p => p.fate === 'lost').length"), 1)
        self.run_to_end(view, lambda: view.click("#play-run"))
        view.choose("[data-link=delay]", "8")
        self.assertIn("8", view.run("document.querySelector('[data-link=delay]').value"))
        self.assertIn("100ms", view.run("decodeURIComponent(location.hash)"))
        self.assertEqual(view.errors, [])

    def test_each_packet_has_a_name_that_names_it(self):
        self.play("--open", *CALL)
        view = self.open()
        self.run_to_end(view, lambda: view.click("#play-run"))
        sent = "packets.filter(p => !(p.faults || []).includes('copy'))"
        for what in (f"{sent}[0]", f"{sent}[1]", f"{sent}[2]", f"{sent}.find(p => p.from === 'server' && p.payload)"):
            n = view.run(f"{what}.n")
            view.run(f"choose({n}, true)")
            name, came, sequence = view.text(".play-actions code"), view.run(f"{what}.from"), view.run(f"{what}.seq")
            view.click(".play-fault button") if view.count(".play-fault") else None
            self.run_to_end(view, lambda: view.click(".play-actions [data-what=duplicate]"))
            struck = view.run("packets.filter(p => (p.faults || []).includes('duplicated')).map(p => [p.from, p.seq])")
            # Which flags go with it is another run's own.
            self.assertEqual(struck, [[came, sequence]], name)

    def test_a_mistake_is_told_on_the_page_and_a_run_is_stopped(self):
        self.play("--open", "--server", "peer serve", "--client", "sleep 300", "--timeout", "5m", language="pt_BR")
        view = self.open()
        self.assertEqual(view.run("document.documentElement.lang"), "pt-BR")
        view.click("#play-run")
        self.until(view, "!document.querySelector('#play-stop').disabled")
        view.click("#play-stop")
        self.until(view, "document.querySelector('#play-stop').disabled")
        view.choose("[data-state=client]", "no-such-program")
        view.click("#play-run")
        self.until(view, "document.querySelector('#play-status').classList.contains('wrong')")
        self.assertIn("no-such-program", view.text("#play-status"))


if __name__ == "__main__":
    unittest.main()
