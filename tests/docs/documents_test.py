# SPDX-License-Identifier: MIT
"""Every command and every snippet in the documents works, and every link leads somewhere. See markdown.py."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import markdown

ROOT = Path(os.environ["APERTO_SOURCE_DIR"])
BUILD = Path(os.environ["APERTO_BUILD_DIR"])
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("**/*.md"))
COMMAND_SECONDS = 60
SHELLS = ("sh", "console")
IN_PORTUGUESE = ("laboratorio.md", "linux-virtual.md")  # read by who has a system in Portuguese

USUAL = """#include <aperto/aperto.hpp>
#include <aperto/stop_token.hpp>
#include <unistd.h>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
using namespace std::chrono_literals;
"""


def enter_private_network():
    """The documents' ports are then free whatever runs on this machine. Where namespaces are forbidden, the
    documents run on the machine's own network."""
    if "APERTO_PRIVATE_NETWORK" in os.environ or not shutil.which("unshare"):
        return
    isolate = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*isolate, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["APERTO_PRIVATE_NETWORK"] = "yes"
        os.execvp(isolate[0], [*isolate, sys.executable, "-B", "-m", "unittest", *sys.argv[1:]])


def bring_loopback_up():
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


class Background:
    """A command that keeps running; what it prints is kept."""

    def __init__(self, command, folder, environment):
        self.printed = ""
        self.grew = threading.Condition()
        self.process = subprocess.Popen(
            ["bash", "-e", "-c", command], cwd=folder, env=environment, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.grew:
                self.printed += line
                self.grew.notify_all()
        with self.grew:
            self.grew.notify_all()

    def wait_for(self, text):
        with self.grew:
            ended = lambda: not self.reader.is_alive() or self.process.poll() is not None
            self.grew.wait_for(lambda: text in self.printed or ended(), timeout=COMMAND_SECONDS)
            return text in self.printed

    def end(self):
        """Ends the command and whatever it started, as Ctrl-C would, and then without asking."""
        for sent in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sent)
                self.process.wait(timeout=5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Documents(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def environment(self, document):
        language = "pt_BR.UTF-8" if ".pt-BR" in document or document in IN_PORTUGUESE else "C.UTF-8"
        kept = {name: os.environ[name] for name in ("HOME", "CCACHE_DIR", "TMPDIR") if name in os.environ}
        return {**kept, "PATH": f"{BUILD}:{os.environ['PATH']}", "LANG": language, "ROOT": str(ROOT)}

    def test_links_lead_somewhere(self):
        for path in DOCUMENTS:
            for target in markdown.local_links(path.read_text()):
                with self.subTest(document=path.name, link=target):
                    self.assertTrue((path.parent / target).exists())

    def compile(self, block):
        source = block.text
        if block.directive == "fragment":
            source = USUAL + source
        elif block.directive == "statements":
            source = USUAL + "aperto::task<> snippet(aperto::stream peer) {\n" + source + "co_return;\n}\n"
        whole = "int main" in source
        (self.folder / "snippet.cpp").write_text(source)
        command = [*(["ccache"] if shutil.which("ccache") else []), "g++", "-std=c++20", "-Wall", "-Wextra",
                   "-Wno-unused", f"-I{ROOT / 'include'}", "-c", "snippet.cpp", "-o", "snippet.o"]
        self.succeeds(block, command)
        if whole:
            libraries = ["-laperto", "-luring", "-lfmt", "-pthread"]
            for header, needed in (("journal", ["-laperto_journal", "-lsqlite3"]), ("tls", ["-laperto_tls", "-lssl", "-lcrypto"])):
                if f"aperto/{header}.hpp" in source:
                    libraries = [needed[0], *libraries, *needed[1:]]
            self.succeeds(block, ["g++", "snippet.o", f"-L{BUILD / 'lib'}", *libraries, "-o", "snippet"])

    def succeeds(self, block, command):
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, f"{block.where}\n{done.stdout}")

    def test_snippets_compile(self):
        for block in all_blocks("cpp"):
            if not block.directive.startswith(("file ", "from ")):
                with self.subTest(snippet=block.where):
                    self.compile(block)

    def test_what_is_from_a_file_stands_there(self):
        found = [block for block in all_blocks() if block.directive.startswith("from ")]
        self.assertTrue(found)
        for block in found:
            with self.subTest(snippet=block.where):
                self.assertIn(block.text, (ROOT / block.directive.removeprefix("from ")).read_text())

    def run_commands(self, block, folder, environment):
        for command in markdown.commands(block):
            job = Background(command.text, folder, environment)
            try:
                status = job.process.wait(timeout=COMMAND_SECONDS)
                job.reader.join(timeout=1)
            except subprocess.TimeoutExpired:
                self.fail(f"{block.where}: not over after {COMMAND_SECONDS} s: {command.text}\n{job.printed}")
            finally:
                job.end()
            wanted, lines = markdown.expected_status(command)
            story = f"{block.where}\n$ {command.text}\n{job.printed}"
            self.assertEqual(status, wanted, story)
            self.assertIsNone(markdown.first_line_missing(lines, job.printed), f"is a line it did not print: {story}")

    def start_background(self, block, text, folder, environment):
        [command] = markdown.commands(block)
        job = Background(command.text, folder, environment)
        if not job.wait_for(text):
            job.end()
            self.fail(f"{block.where}: never printed {text!r}\n{job.printed}")
        return job

    def play(self, path, folder, running):
        environment = self.environment(path.name)
        for block in all_blocks(only=path):
            kind, _, rest = block.directive.partition(" ")
            with self.subTest(commands=block.where):
                if kind == "where" and subprocess.run(
                    ["bash", "-c", rest], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                ).returncode:
                    print(f"skipped {block.where}: not where `{rest}` fails", file=sys.stderr)
                elif kind == "file":
                    (folder / rest).parent.mkdir(parents=True, exist_ok=True)
                    (folder / rest).write_text(block.text)
                elif block.language in SHELLS and kind == "background":
                    job = self.start_background(block, rest.removeprefix("until ").strip('"'), folder, environment)
                    running.callback(job.end)
                elif block.language in SHELLS:
                    self.run_commands(block, folder, environment)

    def test_commands_do_what_the_documents_show(self):
        for path in DOCUMENTS:
            folder = self.folder / path.stem
            folder.mkdir()
            with contextlib.ExitStack() as running:
                self.play(path, folder, running)


def all_blocks(language=None, only=None):
    """The blocks to test; those to skip are named with their reason."""
    for path in [only] if only else DOCUMENTS:
        for block in markdown.blocks(str(path.relative_to(ROOT)), path.read_text()):
            if block.directive.startswith("skip because "):
                if only:
                    print(f"skipped {block.where}: {block.directive.removeprefix('skip because ')}", file=sys.stderr)
            elif language in (None, block.language):
                yield block


enter_private_network()
if "APERTO_PRIVATE_NETWORK" in os.environ:
    bring_loopback_up()

if __name__ == "__main__":
    unittest.main()
