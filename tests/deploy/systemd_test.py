# SPDX-License-Identifier: MIT
"""The units, as they are shipped and as docs/operating.md has them, run by a real systemd, which is the judge: of when the service is
there, of its reload, its watchdog, its restarts, its sockets, its upgrades and its end."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, PROGRAM, is_sanitized, require  # noqa: E402

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
UNIT = ROOT / "deploy/systemd/aperto.service"
TARGET = "[Unit]\nDescription=What the test needs\nDefaultDependencies=no\nRequires=systemd-journald.socket\n"
LOOK_S = 0.05


def refusal():
    """Why no systemd can be started here, if so."""
    if os.geteuid() != 0:
        return "systemd as a first process wants root"
    done = subprocess.run(["unshare", "--mount", "--pid", "--cgroup", "--net", "--fork", "mount", "-t", "proc", "proc", "/proc"],
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


def documented(heading, name):
    """The lines of the unit `name`, or of the drop-in where it is empty, that docs/operating.md has under this heading."""
    text = (ROOT / "docs/operating.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = text.split(f"    # {name}\n")[1] if name else text[text.index("    [Service]"):]
    unit = []
    for line in lines.splitlines():
        if (line and not line.startswith("    ")) or line.startswith("    # "):
            break
        unit.append(line[4:])
    return "\n".join(unit) + "\n"


class Machine:
    """A systemd of its own with these files beside those of the machine."""

    def __init__(self, folder, files):
        self.folder = Path(folder)
        for name, text in {"etc/systemd/system/try.target": TARGET, **files}.items():
            path = self.folder / "added" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.folder / "added/usr/bin").mkdir(parents=True)
        shutil.copy(PROGRAM, self.folder / "added/usr/bin/aperto")
        self.process = subprocess.Popen(["unshare", "--mount", Path(__file__).parent / "boot_systemd", folder],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        first = self.folder / "first"
        self.wait(lambda: first.exists() or self.process.poll() is not None, "a first process")
        if not first.exists():
            raise AssertionError(self.process.stdout.read())
        self.first = first.read_text().strip()
        self.wait(lambda: "active" == self.run("systemctl", "is-active", "try.target", check=False).strip(), "systemd")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=LIMIT_S)

    def run(self, *words, check=True, text=None):
        done = subprocess.run(["nsenter", "--target", self.first, "--all", "--root", "--wd", *words], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, input=text)
        if check and done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log_text()}")
        return done.stdout

    def log_text(self):
        return self.run("journalctl", "--no-pager", "-n", "60", "-o", "short-monotonic", check=False)

    def wait(self, whether, what):
        until = time.monotonic() + LIMIT_S
        while not whether():
            if time.monotonic() > until:
                raise AssertionError(f"{what} did not come\n{self.log_text()}")
            time.sleep(LOOK_S)

    def show(self, *properties):
        told = self.run("systemctl", "show", "aperto", "-p", ",".join(properties))
        found = dict(line.split("=", 1) for line in told.splitlines())
        return found[properties[0]] if len(properties) == 1 else [found[each] for each in properties]

    def events(self, name):
        """What the service has told the journal: the entries, and each one's own JSON."""
        found = []
        for line in self.run("journalctl", "-u", "aperto", "-o", "json", "--no-pager").splitlines():
            entry = json.loads(line)
            with contextlib.suppress(ValueError, TypeError):
                told = json.loads(entry["MESSAGE"])
                if told.get("event") == name:
                    found.append((entry, told))
        return found

    def ask(self, text="hello", *options):
        return self.run("aperto", "send", "--host", "127.0.0.1", "--port", "9999", *options, text).strip()


@contextlib.contextmanager
def machine(files):
    with tempfile.TemporaryDirectory() as folder, Machine(folder, files) as one:
        yield one


CONFIG = (ROOT / "deploy/aperto.toml").read_text()


@unittest.skipIf(refusal(), refusal())
class Systemd(unittest.TestCase):
    def setUp(self):
        require("systemctl", "journalctl", "nsenter", "unshare", "ip")
        if is_sanitized():
            self.skipTest("a sanitizer wants more than the unit allows")

    def shipped(self, dropin=""):
        files = {"etc/systemd/system/aperto.service": UNIT.read_text(), "etc/aperto/aperto.toml": CONFIG}
        if dropin:
            files["etc/systemd/system/aperto.service.d/own.conf"] = dropin
        return machine(files)

    def test_the_shipped_unit_starts_serves_reloads_and_stops(self):
        with self.shipped() as here:
            here.run("systemctl", "start", "aperto")
            self.assertEqual(here.ask(), "HELLO")
            main, user = here.show("MainPID", "DynamicUser")
            self.assertEqual(user, "yes")
            status = here.run("cat", f"/proc/{main}/status")
            self.assertNotIn("Uid:\t0\t", status)
            self.assertIn("CapEff:\t0000000000000000\n", status)
            ((entry, listening),) = here.events("listening")
            self.assertEqual(listening["engine"], "uring")
            self.assertEqual(entry["PRIORITY"], "5")
            self.assertEqual(int(main), listening["pid"])

            here.run("sh", "-c", "cat > /etc/aperto/aperto.toml", text=CONFIG + '\nmax-connections = 7\n')
            here.run("systemctl", "reload", "aperto")
            here.wait(lambda: here.events("reloaded"), "a reload")
            self.assertEqual(here.show("ActiveState", "MainPID"), ["active", main])
            here.run("sh", "-c", "cat > /etc/aperto/aperto.toml", text="max-connections = many\n")
            here.run("systemctl", "reload", "aperto")
            here.wait(lambda: here.events("reload_refused"), "a refused reload")
            self.assertEqual(here.ask(), "HELLO")

            here.run("systemctl", "stop", "aperto")
            self.assertEqual(here.show("ActiveState", "Result", "ExecMainStatus", "NRestarts"), ["inactive", "success", "0", "0"])
            self.assertEqual(len(here.events("stopped")), 1)

    def test_one_that_was_killed_or_hangs_is_started_again(self):
        with self.shipped("[Service]\nWatchdogSec=2s\n") as here:
            here.run("systemctl", "start", "aperto")
            main = here.show("MainPID")
            here.run("kill", "-KILL", main)
            here.wait(lambda: here.show("NRestarts", "ActiveState") == ["1", "active"], "a restart")
            main = here.show("MainPID")
            time.sleep(3)  # more than the watchdog's time: it is told in time
            self.assertEqual(here.show("MainPID", "NRestarts"), [main, "1"])
            here.run("kill", "-STOP", main)
            here.wait(lambda: here.show("NRestarts", "ActiveState") == ["2", "active"], "the watchdog")
            self.assertIn("watchdog", here.log_text().lower())
            self.assertEqual(here.ask(), "HELLO")

    def test_its_sockets_may_be_systemds(self):
        with machine({"etc/systemd/system/aperto.service": documented("Under systemd", "aperto.service"),
                        "etc/systemd/system/aperto.socket": documented("Under systemd", "aperto.socket")}) as here:
            here.run("systemctl", "start", "aperto.socket")
            self.assertEqual(here.show("ActiveState"), "inactive")
            self.assertEqual(here.ask(), "HELLO")  # starts it
            here.run("systemctl", "restart", "aperto")
            self.assertEqual(here.ask("again"), "AGAIN")
            journal = here.run("aperto", "journal", "/var/lib/aperto/book.db")
            self.assertIn("hello", journal)
            self.assertIn("again", journal)

    def test_a_reload_may_be_an_upgrade(self):
        """The drop-in of docs/operating.md: what follows is a process of the unit's, and systemd knows which is the main one."""
        dropin = documented("Upgrades", "") + "ExecPaths=/bin/sh\nWatchdogSec=4s\n"
        with self.shipped(dropin) as here:
            here.run("systemctl", "start", "aperto")
            for upgrade in range(3):
                before = here.show("MainPID")
                here.run("systemctl", "reload", "aperto")
                here.wait(lambda: here.show("MainPID", "ActiveState")[0] not in ("0", before), "an upgrade")
                here.wait(lambda: not here.run("sh", "-c", f"kill -0 {before} 2> /dev/null && echo there; true"), "the old one's end")
                self.assertEqual(here.show("ActiveState", "NRestarts"), ["active", "0"], upgrade)
                self.assertEqual(here.ask(), "HELLO")
            time.sleep(5)  # more than the watchdog's time: the new one's tells are taken
            self.assertEqual(here.show("ActiveState", "NRestarts"), ["active", "0"])
            here.run("systemctl", "stop", "aperto")
            self.assertEqual(here.show("ActiveState", "Result"), ["inactive", "success"])


if __name__ == "__main__":
    unittest.main()
