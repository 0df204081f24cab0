# SPDX-License-Identifier: MIT
"""The program speaks its reader's language, and JSON speaks English to everyone."""

import json
import os
import re
import unittest

from surroundings import Server, ask, run


def spoken_in(**variables):
    clean = {name: value for name, value in os.environ.items() if name not in ("LANG", "LANGUAGE") and not name.startswith("LC_")}
    return {**clean, **variables}


class Language(unittest.TestCase):
    def test_the_environment_decides(self):
        self.assertIn("Options:", run("--help", env=spoken_in()).stdout)
        for variables in ({"LANG": "pt_BR.UTF-8"}, {"LC_ALL": "pt_BR.UTF-8"}, {"LANGUAGE": "pt_BR", "LANG": "C.UTF-8"}):
            self.assertIn("Opções:", run("--help", env=spoken_in(**variables)).stdout, variables)

    def test_the_option_decides_over_the_environment_wherever_it_stands(self):
        for arguments in (("--lang", "pt_BR", "serve", "--help"), ("serve", "--help", "--lang=pt_BR"), ("serve", "--lang", "pt-BR", "-h")):
            self.assertIn("Opções:", run(*arguments, env=spoken_in()).stdout, arguments)
        self.assertIn("Options:", run("--lang", "en", "--help", env=spoken_in(LANG="pt_BR.UTF-8")).stdout)

    def test_an_unknown_language_is_told_of(self):
        done = run("--lang", "tlh", "--help", env=spoken_in())
        self.assertEqual(done.returncode, 2)
        self.assertIn("tlh", done.stderr)

    def test_lang_after_the_dashes_is_text(self):
        with Server() as server:
            self.assertEqual(ask(server.port, "--", "--lang", "pt_BR"), (0, b"--LANG PT_BR", ""))

    def test_errors_are_translated_and_exit_codes_are_not(self):
        done = run("--lang", "pt_BR", "send", "--port", "0", "x", env=spoken_in())
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^erro: ")

    def test_the_help_is_in_one_language(self):
        # What is typed is the same in every language: names of options, values, examples. So is the name of TLS.
        typed = re.compile(r"\s*(aperto .*|-.*|\[\w+\]|TLS:|)")
        for command in ([], ["serve"], ["send"], ["demo"], ["bench"], ["lab"], ["lab", "run"], ["lab", "list"], ["lab", "show"],
                        ["lab", "doctor"]):
            said = [run(*command, "--help", env=spoken_in(LANG=locale)).stdout.splitlines() for locale in ("C", "pt_BR.UTF-8")]
            both = [line for line in said[1] if line in said[0] and not typed.fullmatch(line)]
            self.assertEqual(both, [], command)
            portuguese = "\n".join(said[1])
            self.assertNotRegex(portuguese, r"\b(LANGUAGE|FILE|TIME|SIZE|PACKET|VALUE|TEXT|UINT|FLOAT|INT|OPTIONS|Usage|Options)\b", command)

    def test_what_is_wrong_with_the_arguments_is_told_in_the_language(self):
        for arguments, told in (
                (("lab", "--seed"), "--seed precisa de um valor"),
                (("lab", "--ascii=maybe"), "--ascii não aceita valor"),
                (("lab", "run"), "indique um laboratório ou um arquivo"),
                (("lab", "list", "--json", "x"), "não existe a opção --json"),
                (("bench", "--frobnicate"), "não existe a opção --frobnicate"),
                (("bench", "--connections", "many"), "--connections aceita um número inteiro de 1 a 1000000, não \"many\"")):
            done = run(*arguments, env=spoken_in(LANG="pt_BR.UTF-8"))
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("erro: " + told, done.stderr)

    def test_numbers_follow_the_language(self):
        with Server() as server:
            _, _, words = ask(server.port, "--lang", "pt_BR", "--facts", "x")
        self.assertRegex(words, r"\d+,\d\d ms")

    def test_json_stays_english(self):
        with Server("upper", "epoll", "stream", "--lang", "pt_BR") as server:
            ask(server.port, "x")
            self.assertEqual(server.wait_for("closed")["reason"], "client")
        json.dumps(server.events)


if __name__ == "__main__":
    unittest.main()
