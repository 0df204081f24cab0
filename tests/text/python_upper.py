# SPDX-License-Identifier: MIT
"""What Python's str.upper() makes of every code point and of seeded strings, for the test beside this file.

Writes to standard output: a line with the Unicode version; for each code point but the surrogates one byte (bit 7:
assigned, below: size) and the capitals; then, to the end, strings and their capitals, each with its size in two bytes.
"""
import random
import sys
import unicodedata

SEED = 45
STRINGS = 20_000


def scalar_values():
    yield from range(0xD800)
    yield from range(0xE000, 0x110000)


def with_size(text):
    data = text.encode()
    return len(data).to_bytes(2, "little") + data


def main():
    out = sys.stdout.buffer
    out.write(unicodedata.unidata_version.encode() + b"\n")
    table = bytearray()
    for code_point in scalar_values():
        upper = chr(code_point).upper().encode()
        assigned = unicodedata.category(chr(code_point)) != "Cn"
        table.append(len(upper) | (0x80 if assigned else 0))
        table += upper
    out.write(table)

    # Letters with case, marks that follow them, and what may stand between: where context could matter, were there any.
    cased = [chr(c) for c in scalar_values() if chr(c).upper() != chr(c) or chr(c).lower() != chr(c)]
    marks = [chr(c) for c in range(0x300, 0x370)] + list(" .:'\u00ad\u00b7\u2019\u200d\u0387\u05f4")
    choose = random.Random(SEED)
    for _ in range(STRINGS):
        text = "".join(choose.choice(marks if choose.random() < 0.3 else cased) for _ in range(choose.randrange(1, 40)))
        out.write(with_size(text) + with_size(text.upper()))


main()
