# SPDX-License-Identifier: MIT
"""C++ as a list of tokens: enough to tell code from comments, texts and declarations, and no more.

The sources are as clang-format leaves them, which is what tells `a < b` from `vector<int>` and `a && b` from
`thing&& moved`: an operator between two values has a space on both sides."""

import re
from dataclasses import dataclass

PATTERNS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)
      | (?P<text>(?:u8|[uUL])?(?:R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'))
      | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><<=|>>=|<=>|\.\.\.|->\*|::|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])
      | (?P<space>\s+)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
OPENING, CLOSING = "([{", ")]}"
# What `{` opens after one of these in its head is no code of its own.
SCOPES = {"class", "struct", "union", "enum", "namespace", "extern"}


@dataclass
class Token:
    kind: str  # directive, text, number, word or sign
    text: str
    line: int  # from 0
    column: int  # from 0
    spaced: bool  # a space or an end of line on both sides
    in_code: bool = False  # within a function's body, and not within an assertion
    partner: int = -1  # the index of the bracket that belongs to this one

    @property
    def end(self):
        return self.column + len(self.text)


def tokenize(source):
    """The tokens of a file, without comments; each knows whether it is code, and each bracket its partner."""
    tokens, line, line_begin = [], 0, 0
    for found in PATTERNS.finditer(source):
        kind, text = found.lastgroup if found.lastgroup != "mark" else "text", found[0]
        if kind not in ("space", "comment"):
            before, after = source[found.start() - 1 : found.start()], source[found.end() : found.end() + 1]
            spaced = (not before or before.isspace()) and (not after or after.isspace())
            tokens.append(Token(kind, text, line, found.start() - line_begin, spaced))
        if "\n" in text:
            line += text.count("\n")
            line_begin = found.start() + text.rindex("\n") + 1
    join_brackets(tokens)
    find_code(tokens)
    return tokens


def join_brackets(tokens):
    open_ones = []
    for at, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in OPENING:
            open_ones.append(at)
        elif token.text in CLOSING and open_ones:
            token.partner = open_ones.pop()
            tokens[token.partner].partner = at


def find_code(tokens):
    """Marks what stands in bodies of functions; not what is asserted, which the tests do not have to hold."""
    at = 0
    while at < len(tokens):
        if tokens[at].text == "{" and tokens[at].kind == "sign" and opens_code(tokens, at):
            mark_code(tokens, at + 1, tokens[at].partner)
            at = tokens[at].partner
        at += 1


def opens_code(tokens, brace):
    """`{` begins the body of a function: its head has parameters, and is no type, namespace or value."""
    parameters = False
    at = brace - 1
    while at >= 0 and tokens[at].text not in (";", "{", "}") and tokens[at].kind != "directive":
        token = tokens[at]
        if token.text in ")]" and token.kind == "sign" and token.partner >= 0:
            parameters = parameters or token.text == ")"
            at = token.partner
        elif token.text in SCOPES or (token.text == "=" and tokens[at - 1].text != "operator"):
            return False
        at -= 1
    return parameters and tokens[brace].partner > brace


def mark_code(tokens, begin, end):
    at = begin
    while at < end:
        token = tokens[at]
        if token.text in ("assert", "static_assert") and tokens[at + 1].text == "(":
            at = tokens[at + 1].partner
        elif token.text == "[" and tokens[at + 1].text == "[":  # an attribute
            at = token.partner
        else:
            token.in_code = token.kind != "directive"
        at += 1
