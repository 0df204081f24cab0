# SPDX-License-Identifier: MIT
"""The page a run leaves behind works in a browser without a network; and as a person uses it, where npm brings playwright-core and axe-core
(tests/lab/page/)."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from browser import CHROMIUM, Browser
from lab_support import FULL, LABS, ROOT, lab, needs

PEERS = ["--server", "peer serve --upper", "--delay", "5ms", "--drop", "client data#5", "--duplicate", "client data#9"]
PLAY = ROOT / "tests/lab/page"


def setUpModule():
    needs(CHROMIUM, "chromium-headless-shell or chromium")


class Folder(unittest.TestCase):
    def make(self, language="en", size="60000", peers=PEERS, more=()):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        page = pathlib.Path(folder.name) / "run.html"
        done = lab(*peers, "--client", f"peer call --bytes {size}", "--html", page, "--show", "none", *more, language=language)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return page

    def lesson(self, name, language="en", folder=None):
        folder = folder or self.enterContext(tempfile.TemporaryDirectory())
        page = pathlib.Path(folder) / f"{name}.{language}.html"
        lab("run", LABS / f"{name}.toml", "--html", page, "--show", "none", "--no-pause", language=language)
        return page


class Page(Folder):
    def open(self, page):
        view = self.enterContext(Browser())
        view.open(page)
        view.settle()
        return view

    def test_it_is_alone_and_without_mistakes(self):
        page = self.make()
        text = page.read_text()
        # Names of XML, and where D3 says that it is from.
        self.assertNotRegex(re.sub(r"http://www\.w3\.org/|// https://d3js\.org\S*", "", text), r"https?://", "it refers to nothing outside")
        view = self.open(page)
        self.assertGreater(view.count("#ladder .packet"), 8)
        self.assertIn("checksums equal", view.text("#summary"))
        self.assertRegex(view.text("#headline"), r"60,000 B went to the server .*whole and in order; packets lost on the wire: 1 of .*1 segment was sent again")
        self.assertEqual(view.errors + view.requests, [])
        if "APERTO_PAGE_SHOT" in os.environ:
            view.screenshot(os.environ["APERTO_PAGE_SHOT"])

    def test_a_label_tells_of_its_packet_and_the_keys_go_on_from_there(self):
        view = self.open(self.make())
        view.click("#ladder .packet.kind-lost text")
        self.assertIn("--drop client data#5", view.text("#details"))
        view.press("Home")
        self.assertIn("SYN: the client asks to connect", view.text("#details"))
        self.assertIn("1,460 B", view.text("#details .field[data-name=MSS]"))
        view.press("ArrowDown")
        self.assertIn("SYN/ACK: the server accepts", view.text("#details"))
        view.press("End")
        self.assertEqual(view.count("#ladder .packet.chosen"), 1)

    def test_the_header_is_what_the_wire_carried(self):
        """Against the packet's other record: the fields that the page reads from its bytes are those that `--json` has."""
        view = self.open(self.make())
        for n in view.run("packets.slice(0, 40).map(p => p.n)"):
            p = view.run(f"choose({n}, true), packetOf({n})")
            fields = view.run("Object.fromEntries([...document.querySelectorAll('#details .field')].filter(f => f.querySelector('b'))"
                              ".map(f => [f.dataset.name, (f.querySelector('span') || f.querySelector('i')).textContent]))")
            self.assertEqual(int(fields["Source Port"]), p["sport"])
            self.assertEqual(int(fields["Sequence Number"].split()[0]), p["raw_seq"])
            self.assertEqual(int(fields["Window"].split()[0]), p["raw_window"])
            self.assertEqual(fields["Total Length"], f"{p['length']:,} B")
            flags = {flag for flag in ("SYN", "ACK", "FIN", "RST", "PSH") if fields[flag] == "1"}
            self.assertEqual(flags, set(re.split("[ /]", p["flags"])))
            self.assertEqual(int(fields["TTL"]), p["ttl"])

    def test_time_is_true(self):
        """Every arrow begins and ends where its packet's times lie on one straight scale."""
        view = self.open(self.make())
        lines = view.run("ladder.packetsInView().filter(p => p.fate !== 'lost').flatMap(p => (l => [[p.sent_us, l[1]], [p.arrived_us, l[3]]])(ladder.line(p)))")
        (t0, y0), (t1, y1) = min(lines), max(lines)
        for t, y in lines:
            self.assertAlmostEqual(y, y0 + (t - t0) / (t1 - t0) * (y1 - y0), delta=0.01)

    def test_what_a_program_sends_stays_text(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        page = pathlib.Path(folder) / "run.html"
        lab("--server", "peer serve", "--client", "aperto send --host server --port 9999 '<!--<script></script><b>'", "--html", page, "--show", "none")
        view = self.open(page)
        view.run("choose(packets.find(p => p.payload > 0).n, true)")
        self.assertIn("<!--<script></script><b>", view.text("#details"))
        self.assertEqual(view.errors, [])

    def test_filters_leave_what_they_say(self):
        view = self.open(self.make())
        view.choose("#filter", "again")
        self.assertEqual(view.count("#ladder .packet.kind-again"), view.count("#ladder .packet"))
        view.choose("#filter", "all")
        self.assertEqual(view.run("shown.length"), view.run("packets.length"))

    def test_it_takes_another_run_and_whoever_adds_to_it(self):
        view = self.open(self.make())
        view.run("(page_hooks.packet_actions = p => [made('button', {id: 'lose'}, 'lose ' + p.n)], page_hooks.shown = r => window.told = r.packets.length,"
                 " show_panel('wire').append('sliders'), 0)")
        self.assertEqual(view.text("#tab-panel"), "wire")
        view.run("choose(3, false)")
        self.assertEqual(view.text("#lose"), "lose 3")
        view.run("show_run({...run, packets: run.packets.slice(0, 10), headline: 'ten'})")
        view.settle()
        self.assertEqual(view.run("window.told"), 10)
        self.assertEqual(view.text("#headline"), "ten")
        self.assertEqual(view.text("#lose"), "lose 3", "what is chosen stays")
        self.assertEqual(view.errors, [])

    def test_what_is_left_out_is_told(self):
        """One packet more than the page takes, as the page is told of it."""
        view = self.open(self.make())
        view.run("show_run({...run, left_out: 1234})")
        view.settle()
        self.assertIn("not on this page: 1,234", view.text("#count"))

    def test_no_word_is_missing_in_either_language(self):
        for language, lang in (("en", "en"), ("pt_BR", "pt-BR")):
            page = self.make(language, more=["--samples", "5ms"])
            view = self.open(page)
            self.assertEqual(view.run("document.documentElement.lang"), lang)
            known = view.run("words")
            others = ("d3-notice.js", "play.js", "compare.js")  # the last two are of the page that `lab --open` serves
            script = "".join(path.read_text() for path in (ROOT / "apps/lab/page").glob("*.js") if path.name not in others)
            for key in set(re.findall(r"words\.(\w+)", script)) | set(re.findall(r'data-(?:word|label)="(\w+)"', page.read_text())):
                self.assertIn(key, known)
            for key in set(re.findall(r"'((?:ip|tcp|opt)_\w+)'", script)) - {"tcp_"}:
                self.assertRegex(known[key], r"RFC \d+|does not know|conhece", key)
            self.assertNotIn("undefined", view.run("document.body.innerText"))
            self.assertEqual(view.errors, [])
        english, portuguese = (json.loads(re.search(r'<script id="words"[^>]*>(.*?)</script>', self.make(one).read_text(), re.S)[1])
                               for one in ("en", "pt_BR"))
        self.assertEqual(english.keys(), portuguese.keys())
        same = {key for key in english if english[key] == portuguese[key]}
        self.assertLessEqual(same, {"ms", "bytes", "n_bytes", "mark_sack", "mark_keepalive", "header", "resent_tail-probe", "resent_fast"}, "these are the same in both")


def modules():
    """The folder with playwright-core and axe-core, which npm fills once; None where it cannot."""
    if "APERTO_NODE_MODULES" in os.environ:
        return os.environ["APERTO_NODE_MODULES"]
    folder = pathlib.Path(os.environ.get("APERTO_BUILD_DIR", ROOT / "build/release")) / "page-test"
    if not (shutil.which("npm") and shutil.which("node")):
        return None
    folder.mkdir(exist_ok=True)
    wanted = (PLAY / "package-lock.json").read_text()
    if not (folder / "node_modules/axe-core").is_dir() or (folder / "package-lock.json").read_text() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PLAY / name, folder)
        try:
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0:
            return None
    return str(folder)


class Played(Folder):
    """With mouse, fingers and keys, by playwright-core; looked over by axe-core."""

    @classmethod
    def setUpClass(cls):
        cls.modules = modules()
        if cls.modules is None:
            raise unittest.SkipTest("npm brings no playwright-core here")

    def play(self, stories, page, timeout=200, **more):
        done = subprocess.run(["node", PLAY / "play.mjs", stories, page, CHROMIUM], capture_output=True, text=True, timeout=timeout,
                              env={**os.environ, "APERTO_NODE_MODULES": self.modules, **more})
        print(done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_lesson_s_page(self):
        self.play("zoom,touch,brush,click,apart,keep,axe", self.lesson("retransmit"))

    @unittest.skipUnless(FULL, "APERTO_LAB_FULL=1")
    def test_every_lesson_in_both_languages(self):
        for language in ("en", "pt_BR"):
            for lesson in sorted(LABS.glob("*.toml")):
                with self.subTest(lesson=lesson.stem, language=language):
                    self.play("apart,axe", self.lesson(lesson.stem, language), APERTO_AXE="all")

    @unittest.skipUnless(FULL, "APERTO_LAB_FULL=1: 100,000 packets")
    def test_a_hundred_thousand_packets_are_fluid(self):
        page = self.make(size="130MB", peers=["--server", "peer serve"])
        self.play("fluid", page, APERTO_FRAME_MS="50")


if __name__ == "__main__":
    unittest.main()
