# SPDX-License-Identifier: MIT
"""The page a run leaves behind works in a browser without a network: scrolled, zoomed, filtered and clicked."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lab_support import ROOT, lab, works_here

PLAYWRIGHT = "playwright-core@1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def driver_folder():
    """Where playwright-core is, fetched once into the build tree; None where it cannot be had."""
    folder = pathlib.Path(os.environ.get("APERTO_BUILD_DIR", ROOT / "build")) / "npm"
    if not (folder / "node_modules/playwright-core").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        done = subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", PLAYWRIGHT], capture_output=True)
        if done.returncode != 0:
            return None
    return folder


@unittest.skipUnless(works_here() and CHROMIUM and shutil.which("node") and shutil.which("npm"), "needs the lab, chromium, node and npm")
class Page(unittest.TestCase):
    def look(self, language):
        driver = driver_folder()
        if driver is None:
            self.skipTest("playwright-core cannot be fetched")
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "run.html"
            done = lab("--server", "peer serve --upper", "--client", "peer call --bytes 60000", "--delay", "5ms", "--drop", "client data#5",
                       "--duplicate", "client data#9", "--html", page, "--show", "none", language=language)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            text = page.read_text()
            self.assertNotRegex(text.replace("http://www.w3.org/2000/svg", ""), r"https?://", "it refers to nothing outside")
            done = subprocess.run(["node", pathlib.Path(__file__).with_name("page_click.mjs"), driver, CHROMIUM, page,
                                   *([os.environ["APERTO_PAGE_SHOT"]] if "APERTO_PAGE_SHOT" in os.environ else [])],
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

    def test_clicking_scrolling_zooming_and_filtering(self):
        saw = self.look("en")
        self.assertEqual(saw["errors"], [])
        self.assertEqual(saw["requests"], [])
        self.assertGreater(saw["arrows"], 15)
        self.assertIn("--drop client data#5", saw["lost"])
        self.assertIn("SYN: the client asks to connect", saw["first"])
        self.assertIn("mss: 1460", saw["first"])
        self.assertGreaterEqual(saw["again_arrows"], 1)
        self.assertTrue(saw["zoomed"])
        self.assertTrue(saw["scrolled"])
        self.assertGreater(saw["dots"], 40)
        self.assertGreater(saw["dots_server"], 40)
        self.assertEqual(saw["window_lines"], 2)
        self.assertEqual(saw["language"], "en")

    def test_in_portuguese(self):
        saw = self.look("pt_BR")
        self.assertEqual(saw["language"], "pt-BR")
        self.assertIn("cliente", saw["first"])


if __name__ == "__main__":
    unittest.main()
