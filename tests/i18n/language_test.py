# SPDX-License-Identifier: MIT
"""The program speaks the reader's language, on a machine where that locale was never generated too."""

import os
import subprocess
import unittest

PROGRAM = os.environ["APERTO_BIN"]


def help_in(*arguments, **environment):
    done = subprocess.run(
        [PROGRAM, *arguments, "--help"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


class Language(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.english = help_in("--lang", "en")
        cls.portuguese = help_in("--lang", "pt_BR")

    def test_the_two_languages_differ(self):
        self.assertEqual(self.english[0], 0)
        self.assertEqual(self.portuguese[0], 0)
        self.assertNotEqual(self.english, self.portuguese)

    def test_the_option_takes_every_spelling(self):
        for spelling in ("pt-BR", "pt", "pt_BR.UTF-8", "pt_PT"):
            self.assertEqual(help_in("--lang", spelling), self.portuguese, spelling)
            self.assertEqual(help_in("--lang", spelling, LANG="C"), self.portuguese, spelling)

    def test_the_environment_decides_without_the_option(self):
        for environment in (
            {"LANG": "pt_BR.UTF-8"},
            {"LC_ALL": "pt_BR"},
            {"LC_MESSAGES": "pt_BR.UTF-8", "LANG": "en_US.UTF-8"},
            {"LANGUAGE": "pt_BR", "LANG": "C.UTF-8"},
            {"LANGUAGE": "fr:pt_BR", "LANG": "de_DE.UTF-8"},
        ):
            self.assertEqual(help_in(**environment), self.portuguese, environment)

    def test_otherwise_it_is_english(self):
        for environment in ({}, {"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LC_ALL": "C", "LANG": "pt_BR"}, {"LANG": "de_DE"}):
            self.assertEqual(help_in(**environment), self.english, environment)

    def test_the_option_wins_over_the_environment(self):
        self.assertEqual(help_in("--lang", "en", LANG="pt_BR.UTF-8"), self.english)


if __name__ == "__main__":
    unittest.main()
