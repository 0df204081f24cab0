# SPDX-License-Identifier: MIT
"""The configuration file: the same names as the options, and what is wrong in it said with its place."""

import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

APERTO = os.environ.get("APERTO_BIN", "build/release/aperto")
ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
PLAIN = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}


def run(*arguments):
    return subprocess.run([APERTO, *arguments], capture_output=True, text=True, env=PLAIN, timeout=20)


class Config(unittest.TestCase):
    def write(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.name

    def check(self, text):
        path = self.write(text)
        done = run("serve", "--check", path)
        return done.returncode, (done.stdout + done.stderr).replace(path, "FILE")

    def listening(self, *arguments):
        """What the server says of itself, with these arguments."""
        server = subprocess.Popen([APERTO, "serve", "--log", "json", *arguments], stdout=subprocess.PIPE, text=True, env=PLAIN)
        with server, server.stdout:
            line = json.loads(server.stdout.readline())
            server.send_signal(signal.SIGTERM)
            server.wait(10)
        return line

    def test_every_option_of_serve_is_a_key(self):
        code, said = self.check("""
            service = "echo"
            host = "127.0.0.1"
            port = 0
            framing = "line"
            once = false
            workers = 2
            engine = "epoll"
            messages = "none"
            log = "json"
            log-level = "notice"
            log-file = "/var/log/aperto/aperto.log"
            max-connections = 100
            max-connections-per-address = 10
            accept-rate = 50
            exempt = "127.0.0.0/8"
            allow = ["127.0.0.0/8", "::1"]
            deny = ["203.0.113.0/24,198.51.100.0/24"]
            backlog = 128
            max-message = "64KiB"
            high-water = 65536
            memory-budget = "64MiB"
            handshake-deadline = "5s"
            idle-timeout = "2m"
            message-deadline = 10
            write-deadline = 2.5
            keepalive = "30s"
            user-timeout = "30s"
            drain-delay = "0s"
            drain-grace = "100ms"
            drain-spread = "1s"
            drain-deadline = "5s"
            """)
        self.assertEqual((code, said), (0, "FILE: nothing is wrong\n"))

    def test_what_makes_no_sense_together_is_wrong_too(self):
        code, said = self.check('cert = "there.pem"\n')
        self.assertEqual(code, 2)
        self.assertIn("--cert is of no use without --tls", said)
        self.assertEqual(self.check('tls = true\ncert = "there.pem"\n')[0], 0)

    def test_what_is_wrong_is_said_with_its_place_and_what_was_meant(self):
        code, said = self.check('port = 70000\nidel-timeout = "2m"\n\ndeny = ["203.0.113.0/24", "203.0.113.7/24"]\n'
                                'framing = "lines"\nonce = 1\nconfig = "other.toml"\n[limits]\n')
        self.assertEqual(code, 2)
        for expected in ("FILE:1:8: --port takes a whole number from 0 to 65535",
                         'FILE:2:1: there is no key "idel-timeout"; did you mean idle-timeout?',
                         'FILE:4:27: --deny takes ranges of addresses',
                         "The address has bits set past the length",
                         'FILE:5:11: --framing takes one of stream|line|length|raw, not "lines"',
                         "FILE:6:8: once is either true or false",
                         'FILE:7:1: there is no key "config"',
                         'FILE:8:2: there is no key "limits"'):
            self.assertIn(expected, said)

    def test_a_file_that_is_not_toml_or_not_there(self):
        code, said = self.check("port = 1\nport 2\n")
        self.assertEqual(code, 2)
        self.assertIn("FILE:2:", said)
        self.assertIn("this is not TOML", said)
        missing = run("serve", "--check", "/nowhere/aperto.toml")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("could not read /nowhere/aperto.toml: No such file or directory", missing.stderr)

    def test_a_list_is_for_options_that_may_be_given_several_times(self):
        code, said = self.check('port = [7231, 7232]\nframing = ["line"]\nservice = ["echo"]\nhost = {a = 1}\n'
                                'workers = true\nidle-timeout = 07:30:00\ndeny = [["10.0.0.0/8"]]\n')
        self.assertEqual(code, 2)
        for expected in ("FILE:1:8: port takes one text or one number, not a list",
                         "FILE:2:11: framing takes one text or one number, not a list",
                         "FILE:3:11: service takes one text or one number, not a list",
                         "FILE:4:8: host takes one text or one number, not a table",
                         "FILE:5:11: workers takes one text or one number, not true or false",
                         "FILE:6:16: idle-timeout takes one text or one number, not a date or a time of day",
                         "FILE:7:9: deny takes one text or one number, not a list"):
            self.assertIn(expected, said)

    def test_a_nul_in_a_text_is_refused(self):
        code, said = self.check('host = "127.0.0.1\\u0000x"\n')
        self.assertEqual((code, said.strip()),
                         (2, 'error: FILE:1:8: --host takes a text without a NUL in it, not "127.0.0.1\\x00x"\n'
                             '       See  aperto serve --help'))

    def test_what_has_no_end_is_read_no_further_than_the_largest_file(self):
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen([APERTO, "serve", "--check", "/dev/zero"], stdout=said, stderr=said, env=PLAIN)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(child.returncode, 2)
            self.assertLess(used.ru_maxrss, 512 * 1024, "KiB of memory at the most")
            said.seek(0)
            self.assertIn("could not read /dev/zero: it is larger than 4MiB", said.read())
        code, said = self.check("# " + "x" * (4 * 1024 * 1024 - 3) + "\n")
        self.assertEqual((code, said), (0, "FILE: nothing is wrong\n"))
        code, said = self.check("# " + "x" * (4 * 1024 * 1024 - 2) + "\n")
        self.assertEqual(code, 2)
        self.assertIn("could not read FILE: it is larger than 4MiB", said)
        self.assertIn("could not read /tmp: Is a directory", run("serve", "--check", "/tmp").stderr)

    def test_a_pipe_is_read_to_its_end(self):
        reading, writing = os.pipe()
        os.write(writing, b"port = 70000\n")
        os.close(writing)
        done = subprocess.run([APERTO, "serve", "--check", f"/dev/fd/{reading}"], capture_output=True, text=True, env=PLAIN,
                              timeout=20, pass_fds=[reading])
        os.close(reading)
        self.assertIn("--port takes a whole number from 0 to 65535", done.stderr)

    def test_an_empty_file_changes_nothing(self):
        self.assertEqual(self.check(""), (0, "FILE: nothing is wrong\n"))

    def test_a_server_takes_the_file_and_the_command_line_has_the_last_word(self):
        path = self.write('host = "127.0.0.1"\nport = 0\nengine = "epoll"\nworkers = 1\n')
        told = self.listening("--config", path)
        self.assertEqual((told["address"], told["engine"], told["workers"]), ("127.0.0.1", "epoll", 1))
        told = self.listening("--workers", "2", f"--config={path}")
        self.assertEqual((told["engine"], told["workers"]), ("epoll", 2))

    def test_a_server_does_not_start_from_a_wrong_file(self):
        done = run("serve", "--config", self.write("prot = 7000\n"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean port?", done.stderr)

    def test_the_reference_of_all_options_is_current(self):
        made = run("--lang", "en", "completion", "options").stdout
        self.assertIn("| `--deny` | `RANGES` | nobody |", made)
        self.assertEqual((ROOT / "docs" / "options.md").read_text(), made,
                         "docs/options.md: write it anew with `aperto completion options`")


if __name__ == "__main__":
    unittest.main()
