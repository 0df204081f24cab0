# SPDX-License-Identifier: MIT
"""./bench --files: aperto-files beside nc, rsync and scp, a file of 1 GB over loopback into a folder on the machine's disk: the CPU of
both ends, with all their processes, and the time. What is sent is in the page cache, what comes is removed again.

nc moves the bytes and nothing more; `nc and sums` has `openssl dgst -sha256` read the file at both ends, which is what aperto-files adds.
rsync's daemon is without encryption, as aperto-files --plain is; scp and rsync over ssh are with it, by a server of OpenSSH's with a key
of its own, on loopback alone."""

import contextlib
import getpass
import os
import pathlib
import resource
import subprocess
import tempfile
import time

import measure
from loads import Load
from peers import BUILT, Peer, aperto_program
from summary import Results, microseconds

BYTES = 1_000_000_000
LIMIT_S = 300
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
Subsystem sftp internal-sftp
"""
RSYNCD = """\
use chroot = no
[in]
path = {sink}
read only = no
uid = {uid}
gid = {gid}
"""


class Failed(Exception):
    """A way that does not bring the file over."""


def run(*words, **how):
    subprocess.run([str(word) for word in words], check=True, stdin=how.pop("stdin", subprocess.DEVNULL), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=LIMIT_S, **how)


@contextlib.contextmanager
def serving(*words, **how):
    """A server from its start to its end, which comes when it has nothing more to do."""
    with subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=how.pop("stdout", subprocess.DEVNULL),
                          stderr=subprocess.DEVNULL, **how) as process:
        try:
            yield process
            until = time.monotonic() + LIMIT_S
            while process.poll() is None and time.monotonic() < until and pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().strip():
                time.sleep(0.01)  # they are waited for, and counted
        finally:
            process.terminate()


def is_listening(port):
    """By what the kernel says, since who connects would be served."""
    table = pathlib.Path("/proc/net/tcp").read_text() + pathlib.Path("/proc/net/tcp6").read_text()
    return any(f":{port:04X} " in line.split("00000000:0000 0A")[0] for line in table.splitlines() if " 0A " in line)


def wait_for(port):
    until = time.monotonic() + 30
    while not is_listening(port):
        if time.monotonic() > until:
            raise Failed("it does not listen")
        time.sleep(0.02)


class Folder:
    """What all ways share: the file, where it goes, and the keys of those that need some."""

    def __init__(self, path):
        self.path = path
        self.sink = path / "sink"
        self.sink.mkdir()
        self.source = path / "file"
        with open(self.source, "wb") as out:
            for _ in range(BYTES // 1_000_000):
                out.write(os.urandom(1_000_000))
        for name in ("host", "client"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path / name)
        self.ssh = ["-i", path / "client", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                    f"UserKnownHostsFile={path}/known_hosts"]

    def came(self):
        return next(self.sink.iterdir(), None)


def by_aperto(here, port, *more):
    program = f"{aperto_program()}-files"
    with serving(program, "serve", "--host", "127.0.0.1", "--port", port, "--keys", here.path / "keys", *more, here.sink):
        wait_for(port)
        run(program, "put", "--known", here.path / "known", *more, here.source, f"127.0.0.1:{port}")


def by_aperto_plain(here, port):
    by_aperto(here, port, "--plain")


def by_nc(here, port):
    with open(here.sink / "file", "wb") as out, open(here.source, "rb") as source, \
            serving("nc", "-l", "127.0.0.1", port, stdout=out) as server:
        wait_for(port)
        run("nc", "-N", "127.0.0.1", port, stdin=source)
        server.wait(LIMIT_S)


def by_nc_and_sums(here, port):
    by_nc(here, port)
    for file in (here.source, here.sink / "file"):
        run("openssl", "dgst", "-sha256", file)


def by_rsync(here, port):
    config = here.path / "rsyncd.conf"
    config.write_text(RSYNCD.format(sink=here.sink, uid=os.getuid(), gid=os.getgid()))
    with serving("rsync", "--daemon", "--no-detach", "--address", "127.0.0.1", "--port", port, "--config", config):
        wait_for(port)
        run("rsync", "-t", here.source, f"rsync://127.0.0.1:{port}/in/")


@contextlib.contextmanager
def sshd(here, port):
    if os.getuid() == 0:
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # it wants to live there
    config = here.path / "sshd_config"
    config.write_text(SSHD.format(port=port, folder=here.path))
    with serving("/usr/sbin/sshd", "-D", "-f", config):
        wait_for(port)
        yield


def by_scp(here, port):
    with sshd(here, port):
        run("scp", *here.ssh, "-P", port, here.source, f"{getpass.getuser()}@127.0.0.1:{here.sink}/file")


def by_rsync_and_ssh(here, port):
    with sshd(here, port):
        shell = " ".join(str(word) for word in ["ssh", *here.ssh, "-p", port])
        run("rsync", "-t", "-e", shell, here.source, f"{getpass.getuser()}@127.0.0.1:{here.sink}/file")


WAYS = {"aperto-files --plain": by_aperto_plain, "nc": by_nc, "nc and sums": by_nc_and_sums, "rsync, its daemon": by_rsync,
        "aperto-files": by_aperto, "scp": by_scp, "rsync over ssh": by_rsync_and_ssh}
# Who does the like of what.
BESIDE = {"nc": "aperto-files --plain", "nc and sums": "aperto-files --plain", "rsync, its daemon": "aperto-files --plain",
          "scp": "aperto-files", "rsync over ssh": "aperto-files"}


def measure_one(way, here):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        way(here, measure.free_port())
    except (subprocess.CalledProcessError, FileNotFoundError) as wrong:
        raise Failed(str(wrong)) from wrong
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    came = here.came()
    if came is None or subprocess.run(["cmp", "-s", here.source, came], check=False).returncode != 0:
        raise Failed("it is another file that has come")
    came.unlink()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_us": used * 1e6 * 1e9 / BYTES, "took_us": took * 1e6 * 1e9 / BYTES}


def table(results, load):
    """As docs/performance.md has it."""
    yield "| a GB | CPU of both ends | time | CPU of ours to its, in a round | time likewise |"
    yield "|---|---|---|---|---|"
    for title in WAYS:
        cells = [microseconds(results.middle(load.key, title, figure)) for figure in ("cpu_us", "took_us")]
        ours = BESIDE.get(title)
        cells += [str(results.ratio(load.key, ours, title, figure) or "–") if ours else "" for figure in ("cpu_us", "took_us")]
        yield f"| {title if ours else f'**{title}**'} | " + " | ".join(cells) + " |"


def run_files(rounds, say, progress):
    """The ways take turns; prints a table, and gives the samples."""
    load = Load("files", "a file of 1 GB")
    samples = {title: [] for title in WAYS}
    # Where the build is rather than in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=BUILT) as name:
        here = Folder(pathlib.Path(name))
        with serving(f"{aperto_program()}-files", "serve", "--host", "127.0.0.1", "--port", "0", "--keys", here.path / "keys", here.sink):
            time.sleep(1)  # it makes its pair of certificate and key
        measure_one(by_nc, here)  # who is first pays for the memory of the page cache
        for number in range(rounds):
            for title, way in WAYS.items():
                progress(f"{load.title}, round {number + 1} of {rounds}: {title}")
                try:
                    samples[title].append(measure_one(way, here))
                except Failed as failed:
                    say(f"    {title}: {failed}")
                    samples[title].append(None)
    progress("")
    say("\n".join(table(Results([Peer(title, title, ()) for title in WAYS], {load.key: samples}), load)))
    return samples
