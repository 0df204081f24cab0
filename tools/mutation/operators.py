# SPDX-License-Identifier: MIT
"""What is changed to see whether a test notices: each mutant is one edit of one line."""

import hashlib
import re
from dataclasses import dataclass

from mutation.tokens import tokenize

ROOMS = ("core", "io", "net", "server")
FLIPPED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
INTEGER = re.compile(r"(0[xX][0-9a-fA-F']+|[0-9][0-9']*)([uUlLzZ]*)")
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
# What a statement that may be left out does not begin with: these declare, or lead elsewhere.
NOT_REMOVED = {
    "return", "co_return", "co_yield", "throw", "goto", "break", "continue", "case", "default", "if", "else", "for",
    "while", "do", "switch", "try", "catch", "using", "typedef", "template", "friend", "static", "const",
    "constexpr", "auto", "operator", "delete", "new",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    file: str  # from the project's folder
    line: int  # from 1; no part of the id, so that lines may move
    operator: str
    before: str
    after: str
    id: str

    @property
    def room(self):
        return self.file.split("/")[1]

    def diff(self):
        return f"{self.file}:{self.line} [{self.operator}] {self.id}\n- {self.before.strip()}\n+ {self.after.strip()}"

    def apply(self, source):
        """The source with this mutant in it."""
        lines = source.split("\n")
        assert lines[self.line - 1] == self.before
        lines[self.line - 1] = self.after
        return "\n".join(lines)


def mutants_of(file, source):
    """All mutants of one file, in its order. Ids are of what a line says, not of where it is."""
    lines, found, seen = source.split("\n"), [], {}
    occurrence = {}  # the how many-th line of this text it is
    ordinals = []
    for text in lines:
        occurrence[text.strip()] = occurrence.get(text.strip(), 0) + 1
        ordinals.append(occurrence[text.strip()])
    for operator, line, begin, end, replacement in sorted(edits(tokenize(source)), key=lambda each: each[1:4]):
        before = lines[line]
        after = before[:begin] + replacement + before[end:]
        if after == before or (line, after) in seen:
            continue
        seen[line, after] = True
        indent = len(before) - len(before.lstrip())
        said = f"{file}\n{before.strip()}\n{ordinals[line]}\n{operator}\n{begin - indent}\n{replacement}"
        identity = hashlib.sha256(said.encode()).hexdigest()[:10]
        found.append(Mutant(file, line + 1, operator, before, after, identity))
    return found


def edits(tokens):
    """(operator, line, first column, column past the last, replacement)"""
    for at, token in enumerate(tokens):
        if not token.in_code:
            continue
        if token.text in ("if", "while") and token.kind == "word":
            yield from of_condition(tokens, at)
        if token.kind == "sign" and token.spaced:
            yield from of_operator(tokens, at)
        if token.kind == "number":
            yield from of_number(tokens, at)
        if token.text in ("return", "co_return") and tokens[at + 2].text == ";":
            yield from of_returned(tokens[at + 1])
        yield from of_statement(tokens, at)


def edit(operator, first, last, replacement):
    """Of the text from one token to another, where they are in one line."""
    if first.line == last.line:
        yield operator, first.line, first.column, last.end, replacement


def of_condition(tokens, at):
    """`if (x)`: x negated, taken for true, for false. `while (x)` is not made to run for ever."""
    opening = at + 1
    if tokens[opening].text != "(":  # if constexpr
        return
    first, last = opening + 1, tokens[opening].partner - 1
    inner = list(top_level(tokens, first, last))
    for each in inner:
        if tokens[each].text == ";":  # after what it declares
            first = each + 1
    if first > last or any(tokens[each].text in ASSIGNMENTS for each in inner if each >= first):
        return
    begin, end = tokens[first], tokens[last]
    simple = not any(tokens[each].text in ("&&", "||", "==", "!=") for each in inner if each >= first)
    if simple or any(tokens[each].text in ("&&", "||") for each in inner if each >= first):
        if begin.text == "!" and simple:
            yield from edit("negated", begin, begin, "")
        elif begin.line == end.line:
            yield "negated", begin.line, begin.column, end.end, f"!({spelled(tokens, first, last)})"
    if tokens[at].text == "if":
        yield from edit("always", begin, end, "true")
    yield from edit("never", begin, end, "false")


def spelled(tokens, first, last):
    """The text of tokens of one line, with a space where there was one."""
    text = tokens[first].text
    for before, token in zip(tokens[first:last], tokens[first + 1 : last + 1]):
        text += (" " if token.column > before.end else "") + token.text
    return text


def top_level(tokens, first, last):
    """The indices from first to last that are in no bracket between them."""
    at = first
    while at <= last:
        yield at
        at = tokens[at].partner + 1 if is_opening(tokens[at]) and tokens[at].partner > at else at + 1


def is_opening(token):
    return token.kind == "sign" and token.text in ("(", "[", "{")


def of_operator(tokens, at):
    token = tokens[at]
    if token.text in FLIPPED:
        yield from edit("bound", token, token, FLIPPED[token.text])
    elif token.text in ("==", "!="):
        yield from edit("negated", token, token, "!=" if token.text == "==" else "==")
    elif token.text in ("&&", "||"):
        # An operand that is dropped is one that decides nothing.
        neutral = "true" if token.text == "&&" else "false"
        for first, last in operands(tokens, at):
            yield from edit("dropped", tokens[first], tokens[last], neutral)


def operands(tokens, at):
    """The first and last token of what stands left and right of && or ||."""
    weaker = {"&&": {"&&", "||"}, "||": {"||"}}[tokens[at].text]
    edges = weaker | ASSIGNMENTS | {"(", "[", "{", ")", "]", "}", ";", ",", "?", ":", "return", "co_return"}
    left = at - 1
    while tokens[left].text not in edges or tokens[left].text in (")", "]", "}"):
        left = (tokens[left].partner if tokens[left].text in (")", "]", "}") else left) - 1
    yield left + 1, at - 1
    right = at + 1
    while tokens[right].text not in edges or is_opening(tokens[right]):
        right = (tokens[right].partner if is_opening(tokens[right]) else right) + 1
    yield at + 1, right - 1


def of_number(tokens, at):
    token = tokens[at]
    whole = INTEGER.fullmatch(token.text)
    before, after = tokens[at - 1], tokens[at + 1]
    in_template = (before.text == "<" and not before.spaced) or (after.text == ">" and not after.spaced)
    if not whole or in_template:
        return
    digits, suffix = whole[1].replace("'", ""), whole[2]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if len(digits) > 1 and digits[0] == "0" else 10
    value = int(digits, base)
    changed = 1 - value if value in (0, 1) else value + 1
    is_bound = value == 1 and before.text in ("+", "-") and before.spaced
    text = {16: f"0x{changed:X}", 10: str(changed), 8: f"0{changed:o}"}[base]
    yield from edit("bound" if is_bound else "constant", token, token, text + suffix)


def of_returned(value):
    if value.text in ("true", "false"):
        yield from edit("returned", value, value, "false" if value.text == "true" else "true")


def of_statement(tokens, at):
    """A whole call or assignment, left out."""
    first, previous = tokens[at], tokens[at - 1]
    if previous.text not in (";", "{", "}", ")", "else", "do") or first.text in NOT_REMOVED:
        return
    if previous.text == ")" and not follows_condition(tokens, at - 1):
        return
    does_something, before = first.text in ("++", "--"), None
    for last in top_level(tokens, at, len(tokens) - 1):
        token = tokens[last]
        if token.text == ";":
            break
        if token.text in ("}", ")", "]") or (not does_something and declares(before, token)):
            return
        does_something = does_something or token.text in ASSIGNMENTS or token.text == "("
        before = token
    if does_something and before.text not in ("default", "delete"):
        yield from edit("removed", first, tokens[last], "{}")


def follows_condition(tokens, closing):
    """`if (x) call();` rather than `cast(x) call`."""
    opening = tokens[closing].partner
    return opening > 0 and tokens[opening - 1].text in ("if", "for", "while", "switch", "constexpr")


def declares(before, token):
    """The next token, before anything is called or assigned, is one of a declaration or of a value."""
    if token.text in ("<", ">", "&", "&&", "{", "?", ":") or token.kind in ("text", "number", "directive"):
        return True
    if before is None:
        return token.kind == "sign" and token.text not in ("++", "--", "*", "(", "::")
    return token.text == "*" or (token.kind == "word" and before.kind == "word" and before.text != "co_await")
