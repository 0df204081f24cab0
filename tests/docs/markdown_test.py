# SPDX-License-Identifier: MIT
"""The reader of documents itself: what it takes for a command, and what it lets pass."""

import unittest

import markdown

DOCUMENT = """# Title

Text with a [link](docs/more.md#part) and [another](https://example.org).

```sh
$ aperto send texto
TEXTO
$ aperto send --port 1 texto
error: could not connect
(exit 3)
```

<!-- test: skip because it needs a cable -->
```sh
$ pull the cable
```

```cpp
int main() {}
```
"""


class Reading(unittest.TestCase):
    def test_blocks_come_in_order_with_their_directives(self):
        found = markdown.blocks("a.md", DOCUMENT)
        self.assertEqual([block.language for block in found], ["sh", "sh", "cpp"])
        self.assertEqual([block.directive for block in found], ["", "skip because it needs a cable", ""])
        self.assertEqual(found[0].where, "a.md:5")
        self.assertEqual(found[2].text, "int main() {}\n")

    def test_commands_have_what_they_print(self):
        first, second = markdown.commands(markdown.blocks("a.md", DOCUMENT)[0])
        self.assertEqual((first.text, first.expected), ("aperto send texto", ["TEXTO"]))
        self.assertEqual(markdown.expected_status(first), (0, ["TEXTO"]))
        self.assertEqual(markdown.expected_status(second), (3, ["error: could not connect"]))

    def test_links_of_the_project_only(self):
        self.assertEqual(markdown.local_links(DOCUMENT), ["docs/more.md"])


class Comparing(unittest.TestCase):
    def test_any_number_stands_for_any_other(self):
        self.assertIsNone(markdown.first_line_missing(["client  TEXTO  0.11 ms"], "client TEXTO   12,345.6 ms\n"))

    def test_an_ellipsis_stands_for_anything(self):
        self.assertIsNone(markdown.first_line_missing(["port … open", "…", "end"], "port 9 is open\nx\ny\nend\n"))

    def test_a_line_that_was_not_printed_is_named(self):
        self.assertEqual(markdown.first_line_missing(["one", "two"], "two\none\n"), "two")

    def test_words_are_compared_as_they_are(self):
        self.assertEqual(markdown.first_line_missing(["a.c (x)"], "abc (x)\n"), "a.c (x)")


if __name__ == "__main__":
    unittest.main()
