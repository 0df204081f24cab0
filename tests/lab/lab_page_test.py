# SPDX-License-Identifier: MIT
"""The page a run leaves behind works in a browser without a network: scrolled, zoomed, filtered, clicked, by key."""
import os
import pathlib
import re
import tempfile
import time
import unittest

from browser import CHROMIUM, Browser
from lab_support import lab, needs

PEERS = ["--server", "peer serve --upper", "--delay", "5ms", "--drop", "client data#5", "--duplicate", "client data#9"]


def setUpModule():
    needs(CHROMIUM, "chromium-headless-shell or chromium")


class Page(unittest.TestCase):
    def make(self, language="en", size="60000", peers=PEERS):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        page = pathlib.Path(folder.name) / "run.html"
        done = lab(*peers, "--client", f"peer call --bytes {size}", "--html", page, "--show", "none", language=language)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return page

    def open(self, page):
        view = self.enterContext(Browser())
        view.open(page)
        return view

    def first(self, view):
        return view.run("document.querySelector('#ladder .packet').dataset.n")

    def test_it_is_alone_and_without_mistakes(self):
        page = self.make()
        text = page.read_text()
        # Names of XML, and where D3 says that it is from.
        self.assertNotRegex(re.sub(r"http://www\.w3\.org/|// https://d3js\.org\S*", "", text), r"https?://", "it refers to nothing outside")
        view = self.open(page)
        self.assertGreater(view.count("#ladder .packet"), 8)
        self.assertIn("checksums equal", view.text("#summary"))
        self.assertEqual(view.errors + view.requests, [])
        if "APERTO_PAGE_SHOT" in os.environ:
            view.screenshot(os.environ["APERTO_PAGE_SHOT"])

    def test_a_click_tells_of_the_packet_and_the_keys_go_on_from_there(self):
        view = self.open(self.make())
        view.click("#ladder .packet.lost .row")
        self.assertIn("--drop client data#5", view.text("#details"))
        self.assertIn("cause: named", view.text("#details"))
        view.press("Home")
        self.assertIn("SYN: the client asks to connect", view.text("#details"))
        self.assertIn("mss: 1460", view.text("#details"))
        view.press("ArrowDown")
        self.assertIn("SYN/ACK: the server accepts", view.text("#details"))
        view.press("End")
        self.assertGreater(view.run("document.querySelector('#ladder-box').scrollTop"), 500, "the last packet is in view")
        self.assertEqual(view.count("#ladder .packet.chosen"), 1)

    def test_the_ladder_scrolls_zooms_and_filters(self):
        view = self.open(self.make())
        top = self.first(view)
        view.wheel("#ladder-box", 2000)
        self.assertNotEqual(self.first(view), top)
        height = "document.querySelector('#ladder').getBoundingClientRect().height"
        before = view.run(height)
        view.choose("#zoom", "60")
        self.assertGreater(view.run(height), before)
        view.choose("#filter", "again")
        again = view.count("#ladder .packet")
        self.assertGreaterEqual(again, 1)
        self.assertEqual(view.count("#ladder .packet.again"), again)

    def test_what_does_not_fit_beside_an_arrow_is_cut_between_words(self):
        view = self.open(self.make(language="pt_BR"))
        cut = 0
        for words, shown in view.run("packets.map(p => [p.words || '', lines(p.words || '')])"):
            begun = " ".join(shown)
            if begun.endswith(" …"):
                cut += 1
                self.assertTrue(words.startswith(begun.removesuffix("…")), (words, shown))
            else:
                self.assertEqual(words, begun)
        self.assertGreater(cut, 0)

    def test_what_arrives_later_stands_lower(self):
        view = self.open(self.make())
        ends = view.run("[...document.querySelectorAll('#ladder .packet:not(.lost) .hit')].map(n => "
                        "[n.getAttribute('x1') === '90', +n.getAttribute('y2'), +n.getAttribute('y1')])")
        for from_client in (True, False):
            arrivals = [one[1] for one in ends if one[0] == from_client]
            self.assertEqual(len(set(arrivals)), len(arrivals), "no two arrivals are drawn over each other")
        self.assertTrue(all(y2 > y1 for _, y2, y1 in ends))

    def test_both_graphs_follow_the_stream_that_is_chosen(self):
        view = self.open(self.make())
        for side in ("client", "server"):
            view.choose("#direction", side)
            self.assertGreater(view.count("#sequence .dot[data-n]"), 40)
            self.assertEqual(view.count("#window path"), 2)
        view.choose("#direction", "client")
        view.click("#sequence .dot.lost[data-n]")
        self.assertIn("--drop client data#5", view.text("#details"))

    def test_twenty_thousand_packets_scroll_at_once(self):
        view = self.open(self.make(size="40MB", peers=["--server", "peer serve"]))
        self.assertRegex(view.text("#count"), "20,000")
        begin = time.monotonic()
        view.run("document.querySelector('#ladder-box').scrollTop = 300000")
        view.settle()
        self.assertGreater(int(self.first(view)), 1000)
        self.assertLess(view.count("#ladder .packet"), 100, "only what is in view is in the document")
        print(f"scrolled in {time.monotonic() - begin:.3f} s")
        self.assertEqual(view.errors, [])

    def test_in_portuguese(self):
        view = self.open(self.make("pt_BR"))
        self.assertEqual(view.run("document.documentElement.lang"), "pt-BR")
        view.click("#ladder .packet .row")
        self.assertIn("cliente", view.text("#details"))


if __name__ == "__main__":
    unittest.main()
