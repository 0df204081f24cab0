# SPDX-License-Identifier: MIT
"""Completions and the manual page are what the program makes of its own description, and the shells take them."""

import re
import subprocess
import unittest

from surroundings import LIMIT_S, ROOT, require, run

FILES = {"bash": "completions/aperto.bash", "zsh": "completions/_aperto", "fish": "completions/aperto.fish", "man": "docs/aperto.1"}


def complete_in_bash(*words):
    """What bash offers for the last of these words."""
    script = f"source {ROOT / FILES['bash']}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _aperto; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.stderr == "", done.stderr
    return done.stdout.split()


class Completion(unittest.TestCase):
    def test_the_files_are_up_to_date(self):
        for shell, path in FILES.items():
            made = run("--lang", "en", "completion", shell).stdout
            self.assertEqual((ROOT / path).read_text(), made, f"aperto --lang en completion {shell} > {path}")

    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(complete_in_bash("aperto", "se"), ["serve", "send"])
        self.assertEqual(complete_in_bash("aperto", "serve", "--eng"), ["--engine"])
        self.assertEqual(complete_in_bash("aperto", "serve", "--engine", "''"), ["auto", "uring", "epoll"])
        self.assertEqual(complete_in_bash("aperto", "serve", "u"), ["upper"])
        self.assertEqual(complete_in_bash("aperto", "send", "--framing", "l"), ["line", "length"])
        self.assertEqual(complete_in_bash("aperto", "send", "--timeout", "''"), [])

    def test_no_option_of_any_command_is_missing(self):
        """Each that a help text lists, in every completion and in the manual page."""
        texts = {shell: run("--lang", "en", "completion", shell).stdout for shell in FILES}
        seen = 0
        for words in (["serve"], ["send"], ["demo"], ["bench"], ["lab"], ["lab", "run"]):
            listed = run("--lang", "en", *words, "--help").stdout
            options = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", "\n".join(
                match[1] for match in re.finditer(r"^ +((?:-\w, ?)?--[a-z].*?)(?:  |$)", listed, re.MULTILINE))))
            seen += len(options)
            bash = re.search(rf"^    {words[0]}:\*\) words='(.*)' ;;$", texts["bash"], re.MULTILINE)[1].split()
            zsh = re.search(rf"^        {words[0]}\) _arguments (.*?);;$", texts["zsh"], re.MULTILINE | re.DOTALL)[1]
            fish = re.findall(rf"^complete -c aperto(?: -n '__fish_seen_subcommand_from {words[0]}')? .*$", texts["fish"], re.MULTILINE)
            manual = texts["man"].replace("\\-", "-").split(f".SS aperto {words[0]} ")[1].split(".SS ")[0].split(".SH ")[0]
            for option in options:
                self.assertIn(option, bash, f"bash, {words}")
                self.assertRegex(zsh, rf"['{{,]{option}['}}\[]", f"zsh, {words}")
                self.assertTrue(any(re.search(rf" -l {option[2:]}( |$)", line) for line in fish), f"fish, {words}, {option}")
                if option not in ("--help", "--lang"):
                    self.assertRegex(manual, rf"\\fB{option}\\fR", f"the manual page, {words}")
        self.assertGreater(seen, 100)

    def test_bash_completes_what_lab_and_bench_take(self):
        self.assertEqual(complete_in_bash("aperto", "lab", "r"), ["run"])
        self.assertEqual(complete_in_bash("aperto", "lab", "--asc"), ["--ascii"])
        self.assertEqual(complete_in_bash("aperto", "lab", "--pcap-view", "''"), ["sent", "client", "server"])
        self.assertEqual(complete_in_bash("aperto", "bench", "--expect", "u"), ["upper"])
        self.assertEqual(complete_in_bash("aperto", "bench", "--size", "''"), [])

    def test_the_other_shells_read_theirs(self):
        for shell in ("zsh", "fish"):
            require(shell)
            done = subprocess.run([shell, "-n", ROOT / FILES[shell]], capture_output=True, text=True, timeout=LIMIT_S)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_fish_completes(self):
        require("fish")
        script = f"source {ROOT / FILES['fish']}; complete -C 'aperto serve --engine '"
        done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual([line.split('\t')[0] for line in done.stdout.splitlines()], ["auto", "epoll", "uring"])


if __name__ == "__main__":
    unittest.main()
