# SPDX-License-Identifier: MIT
"""The parts of a Markdown document that a test can hold it to: its code blocks and its links.

A code block may be preceded, on the line before, by a comment that says how to test it:

    <!-- test: skip because REASON -->   not run; the reason is printed
    <!-- test: where COMMAND -->         sh: run only where COMMAND succeeds
    <!-- test: fragment -->              cpp: declarations, compiled at file scope after the usual includes
    <!-- test: statements -->            cpp: statements, compiled inside a coroutine that has a stream `peer`
    <!-- test: from PATH -->             any: stands word for word in that file of the repository
    <!-- test: file NAME -->             any: written to NAME in the folder that the document's commands run in
    <!-- test: background until TEXT --> sh: started, waited for until TEXT is printed, left running for the
                                         blocks after it
"""

import re
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<language>[\w+-]*)")
DIRECTIVE = re.compile(r"^\s*<!-- test: (?P<what>.*?) -->\s*$")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass
class Block:
    document: str
    line: int
    language: str
    directive: str
    text: str

    @property
    def where(self):
        return f"{self.document}:{self.line}"


def blocks(document, text):
    """The fenced code blocks, in order."""
    found, directive, opened, body = [], "", None, []
    for number, line in enumerate(text.splitlines(), start=1):
        if opened:
            if line.strip() == opened["fence"]:
                block = Block(document, opened_at, opened["language"], directive, "\n".join(body) + "\n")
                found.append(block)
                directive, opened, body = "", None, []
            else:
                body.append(line.removeprefix(opened["indent"]))
        elif match := FENCE.match(line):
            opened, opened_at = match, number
        elif match := DIRECTIVE.match(line):
            directive = match["what"]
        elif line.strip():
            directive = ""
    return found


def local_links(text):
    """The targets of links that are files of the project, without their anchors."""
    outside_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    targets = (match["target"].split("#")[0] for match in LINK.finditer(outside_code))
    return [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]


@dataclass
class Command:
    text: str
    expected: list


def commands(block):
    """The commands of a block with `$ ` prompts and what the document says each prints. A block without prompts
    is one command, of which only success is expected."""
    found = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif found and line.startswith("> ") and not found[-1].expected:
            found[-1].text += "\n" + line[2:]
        elif found:
            found[-1].expected.append(line)
    return found or [Command(block.text, [])]


def expected_status(command):
    """The exit code the document shows as `(exit N)`, and the lines of output without it."""
    for line in command.expected:
        if match := re.fullmatch(r"\(exit (\d+)\)", line.strip()):
            return int(match[1]), [other for other in command.expected if other != line]
    return 0, command.expected


def loosely(line):
    """A line as a pattern: any number stands for any other, any blank for any other, … for anything."""
    words = re.sub(r"\s+", " ", line.strip())
    pattern = re.escape(words).replace(r"\ ", r"\s+").replace("…", ".*")
    return re.compile(re.sub(r"\d+(?:(?:,|\\\.)\d+)*", r"[\\d.,]+", pattern))


def first_line_missing(expected, printed):
    """The first expected line that the output does not hold, in order; None when all are there."""
    rest = iter(printed.splitlines())
    for line in expected:
        if line.strip() in ("", "…"):
            continue
        pattern = loosely(line)
        if not any(pattern.search(candidate) for candidate in rest):
            return line
    return None
