# SPDX-License-Identifier: MIT
"""The installed tree is all that someone else's project needs: through CMake and through pkg-config."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

BUILD = os.environ["APERTO_BUILD_DIR"]
ROOT = Path(os.environ["APERTO_SOURCE_DIR"])
CONSUMER = Path(__file__).parent / "consumer"


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\nexited {done.returncode}:\n{done.stdout}")
    return done.stdout


def listening_port(process, seconds=10):
    """The port a process listens on, from its descriptors and the kernel's socket tables (proc(5))."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise AssertionError(f"the server exited {process.returncode} before it listened")
        folder = Path(f"/proc/{process.pid}/fd")
        links = []
        for descriptor in folder.iterdir():
            try:
                links.append(os.readlink(descriptor))
            except FileNotFoundError:
                pass
        inodes = {m[1] for link in links if (m := re.fullmatch(r"socket:\[(\d+)\]", link))}
        for table in ("tcp", "tcp6"):
            for row in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
                columns = row.split()
                if columns[3] == "0A" and columns[9] in inodes:
                    return int(columns[1].rsplit(":", 1)[1], 16)
        os.sched_yield()
    raise AssertionError(f"the server did not listen within {seconds} s")


class WhatRunBuilds(unittest.TestCase):
    def test_it_is_all_that_an_installation_takes(self):
        """./run and then `cmake --install`: every file of the build folder that is installed is among what ./run makes."""
        [targets] = re.findall(r"^build release (.*)$", (ROOT / "run").read_text(), re.MULTILINE)
        commands = run("ninja", "-C", BUILD, "-t", "commands", *targets.split())
        rules = "".join(path.read_text() for path in Path(BUILD).glob("**/cmake_install.cmake"))
        installed = set(re.findall(rf'"{re.escape(BUILD)}/([^"]+)"', rules))
        by_ninja = {line.split(":")[0] for line in run("ninja", "-C", BUILD, "-t", "targets", "all").splitlines()}
        wanted = {name for name in installed if name in by_ninja}
        self.assertLessEqual({"aperto", "lib/libaperto.a", "lib/libaperto_journal.a", "share/pages/man"}, wanted)
        self.assertEqual({name for name in wanted if not re.search(rf"[ /]{re.escape(name)}\b", commands)}, set())


class InstalledTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.prefix = Path(cls.folder.name) / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def answers_in_capitals(self, program):
        server = subprocess.Popen([program], stdout=subprocess.DEVNULL)
        try:
            with socket.create_connection(("localhost", listening_port(server)), timeout=10) as client:
                client.sendall("texto original, olá".encode())
                client.shutdown(socket.SHUT_WR)
                reply = client.makefile("rb").read().decode()
            server.send_signal(signal.SIGTERM)
            status = server.wait(timeout=10)
        finally:
            server.kill()
            server.wait()
        self.assertEqual(reply, "TEXTO ORIGINAL, OLÁ")
        self.assertEqual(status, 0, "SIGTERM ends it cleanly")

    def test_find_package_builds_the_five_line_server(self):
        build = Path(self.folder.name) / "build"
        run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        self.answers_in_capitals(build / "consumer")
        self.answers_in_capitals(build / "recorder")
        with sqlite3.connect(build / "recorder.db") as book:
            self.assertEqual(book.execute("SELECT message FROM messages").fetchall()[0], ("texto original, olá".encode(),))
        book.close()

    def test_pkg_config_and_the_compiler_alone_build_it_too(self):
        [pc_file] = self.prefix.rglob("aperto.pc")
        environment = {**os.environ, "PKG_CONFIG_PATH": str(pc_file.parent)}
        flags = run("pkg-config", "--cflags", "--libs", "aperto", env=environment).split()
        program = Path(self.folder.name) / "by-hand"
        run("g++", "-std=c++20", CONSUMER / "consumer.cpp", "-o", program, *flags)
        self.answers_in_capitals(program)
        flags = run("pkg-config", "--cflags", "--libs", "aperto-journal", env=environment).split()
        run("g++", "-std=c++20", CONSUMER / "recorder.cpp", "-o", program, *flags)
        self.answers_in_capitals(program)

    def test_the_installed_program_speaks_portuguese(self):
        program = self.prefix / "bin" / "aperto"
        english = run(program, "--lang", "en", "--help")
        portuguese = run(program, "--lang", "pt_BR", "--help", env={"PATH": os.environ["PATH"]})
        self.assertNotEqual(english, portuguese)


if __name__ == "__main__":
    unittest.main()
