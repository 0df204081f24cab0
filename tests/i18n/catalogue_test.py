# SPDX-License-Identifier: MIT
"""Every sentence in the sources has its translation, no translation is stale, and none breaks a placeholder."""

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))


def entries(catalogue):
    """{msgid: (msgid_plural or None, [msgstr, …], is_fuzzy)} of a PO text, its header left out."""
    text = subprocess.run(
        ["msgcat", "--no-wrap", "--force-po", "-"], input=catalogue, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    found = {}
    for block in text.split("\n\n"):
        fields, current, fuzzy = {}, None, False
        for line in block.splitlines():
            if line.startswith("#"):
                fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
                continue
            key, _, quoted = line.partition('"')
            current = key.strip() or current
            fields[current] = fields.get(current, "") + quoted.removesuffix('"')
        if fields.get("msgid"):
            translations = [text for key, text in fields.items() if key.startswith("msgstr")]
            found[fields["msgid"]] = (fields.get("msgid_plural"), translations, fuzzy)
    return found


def placeholders(sentence):
    """The {} and {name} fields of a {fmt} sentence; a numbered field stands for a plain one."""
    fields = re.findall(r"\{[^{}]*\}", sentence.replace("{{", "").replace("}}", ""))
    return sorted(re.sub(r"^\{\d+", "{", field) for field in fields)


class Catalogues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        template = subprocess.run([ROOT / "tools/extract-messages"], stdout=subprocess.PIPE, text=True, check=True)
        cls.sentences = entries(template.stdout)
        cls.catalogues = sorted((ROOT / "po").glob("*.po"))
        cls.translated = {path.name: entries(path.read_text()) for path in cls.catalogues}

    def test_there_is_a_catalogue(self):
        self.assertIn("pt_BR.po", self.translated)

    def test_every_sentence_is_translated(self):
        for name, catalogue in self.translated.items():
            missing = [
                sentence
                for sentence in self.sentences
                if sentence not in catalogue or catalogue[sentence][2] or not all(catalogue[sentence][1])
            ]
            self.assertEqual(missing, [], f"without a translation in {name}: run tools/update-catalogues")

    def test_no_translation_is_stale(self):
        for name, catalogue in self.translated.items():
            stale = sorted(catalogue.keys() - self.sentences.keys())
            self.assertEqual(stale, [], f"in {name} but in no source: run tools/update-catalogues")

    def test_placeholders_survive_translation(self):
        for catalogue in self.translated.values():
            for sentence, (many, translations, _) in catalogue.items():
                if many is None:
                    self.assertEqual(placeholders(sentence), placeholders(translations[0]), sentence)
                    continue
                for translation in translations:
                    self.assertLessEqual(set(placeholders(translation)), set(placeholders(many)), sentence)

    def test_what_is_counted_has_a_singular(self):
        counted = re.compile(r"\{\d?\} (?:idle |more )?(bytes|clients|connections|lines|messages|packets|requests|round trips|"
                             r"segments|times|workers)\b")
        never_one = re.compile(r"\(MSS\)|\bMTU\b|units of|requests a second")  # a size or a rate that is always larger
        for sentence, (many, _, _) in self.sentences.items():
            if counted.search(sentence) and not never_one.search(sentence):
                self.assertIsNotNone(many, f"1 of them is one, not several: {sentence}")

    def test_msgfmt_finds_nothing_wrong(self):
        for path in self.catalogues:
            done = subprocess.run(
                ["msgfmt", "--check", "--output-file=/dev/null", path],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
