# SPDX-License-Identifier: MIT
"""The container: built by a real buildah from deploy/container, and run by it without root, without a shell, on what it has."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, ask, free_port, require  # noqa: E402

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))


class Images:
    """A store of images of this test's own."""

    def __init__(self, folder):
        self.folder = folder
        self.buildah = ["buildah", "--storage-driver", "vfs", "--root", f"{folder}/images", "--runroot", f"{folder}/run"]

    def run(self, *words):
        done = subprocess.run([*self.buildah, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def start(self, container, *words):
        """What the image says is run is not what buildah runs: the test takes it from the image itself."""
        return subprocess.Popen([*self.buildah, "run", "--isolation", "chroot", "--network", "host", container, "--", *words],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextlib.contextmanager
def serving(images, container, words):
    process = images.start(container, *words)
    try:
        line = process.stdout.readline()
        assert '"listening"' in line, line + process.stdout.read()
        yield json.loads(line)
    finally:
        # buildah is not the server's parent alone: what it started ends with the signal that the image names.
        pid = server_of(words)
        os.kill(pid, 15)
        rest = process.stdout.read()
        process.stdout.close()
        assert process.wait(LIMIT_S) == 0, rest


def server_of(words):
    """The process whose words these are, by /proc."""
    wanted = "\0".join(words).encode() + b"\0"
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == wanted:
                return int(entry.name)
    raise AssertionError("the server is not there")


class Container(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "buildah without root wants ranges of users")
    def test_it_is_small_runs_as_nobody_and_serves(self):
        require("buildah")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([ROOT / "tools/container-root", f"{folder}/root"], check=True, timeout=LIMIT_S,
                           env={**os.environ, "APERTO_PACKAGES": "installed"})
            self.look_through(Path(folder, "root"))
            images = Images(folder)
            images.run("build", "--isolation", "chroot", "--file", ROOT / "deploy/container/Containerfile", "--tag", "aperto",
                       f"{folder}/root")
            told = json.loads(images.run("inspect", "--type", "image", "aperto"))["OCIv1"]["config"]
            self.assertEqual((told["User"], told["Entrypoint"], told["StopSignal"]),
                             ("65532:65532", ["/usr/bin/aperto"], "SIGTERM"))
            container = images.run("from", "localhost/aperto")
            self.serve(images, container, told["Entrypoint"] + told["Cmd"])

    def look_through(self, root):
        files = [path for path in root.rglob("*") if path.is_file()]
        self.assertLess(sum(path.stat().st_size for path in files), 30_000_000)
        self.assertEqual([path.name for path in files if path.stat().st_mode & 0o6000], [])
        programs = [path.name for path in (root / "usr/bin").iterdir()]
        self.assertEqual(programs, ["aperto"])
        self.assertFalse((root / "bin").exists())

    def serve(self, images, container, words):
        port, admin = free_port(), free_port()
        words = [word.replace("0.0.0.0:9100", f"127.0.0.1:{admin}").replace("10s", "1s") for word in words]
        words += ["--port", str(port)]
        with serving(images, container, words) as listening:
            self.assertEqual(ask(port, b"texto original")[:2], (0, b"TEXTO ORIGINAL"))
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=LIMIT_S) as answer:
                self.assertEqual(answer.status, 200)
            status = Path(f"/proc/{server_of(words)}/status").read_text()
            self.assertIn("Uid:\t65532\t65532\t65532\t65532", status)
            self.assertIn("NoNewPrivs:\t1", status)
            self.assertIn("version", listening)


if __name__ == "__main__":
    unittest.main()
