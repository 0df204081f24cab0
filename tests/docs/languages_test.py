# SPDX-License-Identifier: MIT
"""What a student reads is there in both languages, and says the same: the same sections with the same commands, files,
options, RFCs, links and tables. A sentence can be translated badly, but none can be left out that names any of these."""

import os
import re
import unittest
from collections import Counter
from pathlib import Path

import markdown

ROOT = Path(os.environ["APERTO_SOURCE_DIR"])
PAIRS = {
    "README.md": "README.pt-BR.md",
    "docs/lab.md": "docs/laboratorio.md",
    "docs/lecture.md": "docs/aula.md",
    "docs/virtual.md": "docs/linux-virtual.md",
    "docs/tutorial.md": "docs/bate-papo.md",
}
LESSONS = {str(one.relative_to(ROOT)): str(one.relative_to(ROOT)).replace(".en.md", ".pt_BR.md")
           for one in sorted((ROOT / "labs").glob("*.en.md"))}
# Every section of an RFC that a lesson names, and what it is about: looked up, once, by who wrote the sentence.
SECTIONS = {
    "5681": {"3.1": "slow start and congestion avoidance", "3.2": "fast retransmit, fast recovery", "4.1": "restarting idle connections",
             "4.2": "generating acknowledgments"},
    "6298": {"2.1": "before a round trip is known: 1 s", "2.2": "the first one", "2.3": "each further one", "2.4": "at least 1 s",
             "3": "Karn's algorithm", "5.5": "the timer doubles"},
    "7323": {"2.2": "window scale, and the SYN's window that has none"},
    "8985": {"6.2": "upon receiving an ACK: what was sent after what, and how long to wait", "7": "tail loss probe"},
    "9293": {"3.1": "header, checksum", "3.4": "sequence numbers", "3.4.1": "the first one", "3.5": "establishing a connection",
             "3.5.3": "reset processing", "3.6.1": "half-closed, RST on unread data, TIME-WAIT", "3.7.1": "MSS option",
             "3.7.4": "Nagle", "3.8.4": "keepalive", "3.8.6": "window", "3.8.6.1": "zero-window probes", "3.8.6.3": "delayed ACK",
             "3.10.7.1": "segment arrives, CLOSED"},
}
WHOLE = {"959", "1191", "2883", "4253", "4821", "5321", "6928", "6937", "9112", "9438"}  # named without a section
# For those who work on the program, not for those who learn with it.
ENGLISH_ALONE = {"docs/lab.md": {"Tests and measurements"}, "docs/virtual.md": {"In CI", "Measured"}}

HEADING = re.compile(r"^(#+) (.+)$")
CODE = re.compile(r"```.*?```", re.DOTALL)
NAMES = {  # what is the same in every language, as it stands in the prose
    "options": re.compile(r"--[a-z][a-z-]+"),
    "RFCs": re.compile(r"RFC (\d+)"),
    "files and keys": re.compile(r"`([a-z][\w.-]*[_.-][\w.-]*)`"),
}


def sections(text):
    """(level, title, content) of each; what looks like a heading inside a code block is none."""
    found, inside = [[0, "", []]], False
    for line in text.splitlines():
        inside ^= line.startswith("```")
        match = None if inside else HEADING.match(line)
        if match:
            found.append([len(match[1]), match[2], []])
        else:
            found[-1][2].append(line)
    return [(level, title, "\n".join(lines)) for level, title, lines in found]


def of_both(english):
    left_out = ENGLISH_ALONE.get(english, set())
    ours = [one for one in sections((ROOT / english).read_text()) if one[1] not in left_out]
    return ours, sections((ROOT / PAIRS[english]).read_text())


def without_words(block):
    """A block's commands and settings, without comments, without what they print, without the language asked for."""
    if block.language in ("sh", "console"):
        lines = [one for command in markdown.commands(block) for one in command.text.splitlines()]
    else:
        lines = block.text.splitlines()
    marks = "//" if block.language == "cpp" else "#"
    bare = (re.sub(rf"(^|\s+){marks}(\s.*)?$", "", line) for line in lines)
    return [re.sub(r" --lang pt_BR\b", "", line) for line in bare if line]


def how_tested(block):
    """A program that stands in the English page is tested there; what a server prints is in its language."""
    if block.directive in {f"from {english}" for english in PAIRS}:
        return ""
    return re.sub(r"^background .*", "background", block.directive)


def rows(text):
    """The first cell of each row of a table, where that is something typed."""
    tables = [line for line in CODE.sub("", text).splitlines() if line.startswith("| ")]
    return [first if "`" in first or first.isdigit() else "" for first in (line.split(" | ")[0][2:] for line in tables)]


def pairs_of_sections():
    """(where, the English words, the Portuguese ones) of each section."""
    return [(f"{english}: {ours[1]}", ours[2], theirs[2]) for english in PAIRS for ours, theirs in zip(*of_both(english))]


def cited(text):
    """(RFC, section or nothing) of each."""
    return Counter(re.findall(r"RFC (\d+)(?:,? (\d+(?:\.\d+)*))?(?![,.]?\d)", re.sub(r"\s+", " ", text)))


class Lessons(unittest.TestCase):
    def test_both_languages_have_the_same_choices_points_commands_and_citations(self):
        self.assertEqual(len(LESSONS), 16)
        for english, portuguese in LESSONS.items():
            with self.subTest(lesson=english):
                ours, theirs = ((ROOT / one).read_text() for one in (english, portuguese))
                for what in (r"^\d\. ", r"^   [a-z]\) ", r"^- ", r"^---$"):
                    self.assertEqual(*(len(re.findall(what, text, re.M)) for text in (ours, theirs)), what)
                tried = [re.findall(r"aperto (?:lab|send) .*?(?=   |$)", text, re.M) for text in (ours, theirs)]
                self.assertEqual(*([re.sub(r"window|janela|hello|olá", "", one) for one in some] for some in tried))
                self.assertEqual(cited(ours), cited(theirs))

    def test_what_they_cite_is_about_that(self):
        """A number that nobody looked up is a mistake until it stands in the table above."""
        for path in [*LESSONS, *LESSONS.values(), "docs/lecture.md", "docs/aula.md"]:
            for number, section in cited((ROOT / path).read_text()):
                with self.subTest(document=path, rfc=number, section=section):
                    self.assertIn(section, SECTIONS.get(number, {})) if section else self.assertIn(number, {*SECTIONS, *WHOLE})


def spans(text):
    """How many words stand in the typewriter's letters."""
    return len(re.findall(r"`[^`\n]+`", CODE.sub("", text)))


class SameInBothLanguages(unittest.TestCase):
    def test_the_sections_are_the_same(self):
        for english in PAIRS:
            ours, theirs = of_both(english)
            with self.subTest(document=english):
                self.assertEqual([one[0] for one in ours], [one[0] for one in theirs],
                                 [one[1] for one in ours] + [one[1] for one in theirs])

    def test_what_is_left_out_is_there(self):
        for english, titles in ENGLISH_ALONE.items():
            self.assertLessEqual(titles, {one[1] for one in sections((ROOT / english).read_text())})

    def test_the_commands_and_files_are_the_same(self):
        for where, ours, theirs in pairs_of_sections():
            with self.subTest(where):
                both = [[(block.language, how_tested(block), without_words(block)) for block in markdown.blocks("", text)]
                        for text in (ours, theirs)]
                self.assertEqual(*both)

    def test_nothing_that_has_a_name_is_left_out(self):
        for where, ours, theirs in pairs_of_sections():
            with self.subTest(where):
                for what, pattern in NAMES.items():
                    both = [Counter(pattern.findall(CODE.sub("", text).replace(" --lang pt_BR", ""))) for text in (ours, theirs)]
                    self.assertEqual(*(sorted(one.items()) for one in both), what)

    def test_as_much_is_named_in_both(self):
        for where, ours, theirs in pairs_of_sections():
            with self.subTest(where):
                self.assertEqual(spans(ours), spans(theirs))

    def test_the_tables_have_the_same_rows(self):
        for where, ours, theirs in pairs_of_sections():
            with self.subTest(where):
                self.assertEqual(rows(ours), rows(theirs))

    def test_the_lists_have_as_many_points(self):
        for where, ours, theirs in pairs_of_sections():
            with self.subTest(where):
                points = [len(re.findall(r"^(?:- |\d+\. )", CODE.sub("", text), re.M)) for text in (ours, theirs)]
                self.assertEqual(*points)

    def test_who_reads_portuguese_is_led_to_portuguese(self):
        """A page in Portuguese links to what there is in Portuguese, but for the one link to itself in English."""
        for english, portuguese in PAIRS.items():
            text = (ROOT / portuguese).read_text()
            there = {Path(one).name for one in PAIRS} - {Path(english).name}
            with self.subTest(document=portuguese):
                linked = [Path(one).name for one in markdown.local_links(text)]
                self.assertEqual([one for one in linked if one in there], [])
                self.assertIn(Path(english).name, linked)
                self.assertIn(Path(portuguese).name, [Path(one).name for one in markdown.local_links((ROOT / english).read_text())])


if __name__ == "__main__":
    unittest.main()
