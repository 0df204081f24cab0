# SPDX-License-Identifier: MIT
"""./bench --mail: aperto-mail beside Postfix, both of which have a letter on the disk before they say 250: letters a second, CPU a
letter and syncs a letter, by Postfix's own load generator, smtp-source.

Postfix runs from a configuration of its own, on loopback alone, and keeps letters in its queue (they are held there), which is what it
syncs before its 250; aperto-mail keeps them in a Maildir. The CPU is that of all processes of each."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from loads import Load
from peers import BUILT, Peer, aperto_program
from summary import Results, count, microseconds

CLIENTS = 64
LETTER_BYTES = 4096
LETTERS = 4000
LIMIT_S = 300
MASTER = """\
{port} inet n - n - {clients} smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
error unix - - n - - error
retry unix - - n - - error
"""
# Whatever would look something up or write a log line more than the default is as Debian has it.
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = here.example
mydestination = b.example
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_recipient_restrictions = check_recipient_access static:HOLD, reject_unauth_destination
smtpd_client_connection_count_limit = 0
default_process_limit = 200
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


def wait_for(port):
    until = time.monotonic() + 60
    while not answers(port):
        if time.monotonic() > until:
            raise SystemExit("error: the mail server does not start")
        time.sleep(0.05)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for one in found:
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(word) for word in task.read_text().split()]
    return found


def cpu_s(pid):
    """Of all of them, and of those that they have waited for."""
    ticks = 0
    for one in family(pid):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


class Aperto:
    title = "aperto-mail"

    def __init__(self, folder):
        self.port = free_port()
        self.process = subprocess.Popen([f"{aperto_program()}-mail", "--host", "127.0.0.1", "--port", str(self.port), folder / "box"],
                                        stdin=subprocess.DEVNULL)
        wait_for(self.port)

    def end(self):
        self.process.terminate()
        self.process.wait(LIMIT_S)


class Postfix:
    title = "Postfix"

    def __init__(self, folder):
        self.port = free_port()
        self.folder = folder
        folder.chmod(0o755)
        config = folder / "config"
        for name in (config, folder / "queue", folder / "data"):
            name.mkdir()
        (config / "main.cf").write_text(MAIN.format(folder=folder))
        (config / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{self.port}", clients=CLIENTS + 10))
        shutil.chown(folder / "data", "postfix")
        self.control("check")
        self.process = subprocess.Popen(["/usr/lib/postfix/sbin/master", "-c", config, "-d"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def control(self, what):
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder / "config", what], check=True, capture_output=True, timeout=LIMIT_S)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT_S)


def send(port, letters):
    subprocess.run(["/usr/sbin/smtp-source", "-s", str(CLIENTS), "-m", str(letters), "-l", str(LETTER_BYTES), "-d", "-f", "a@a.example",
                    "-t", "b@b.example", f"inet:127.0.0.1:{port}"], check=True, timeout=LIMIT_S)


def count_syncs(server, folder, letters):
    trace = folder / "syncs"
    with subprocess.Popen(["strace", "-f", "-e", "trace=fsync,fdatasync,syncfs", "-o", trace,
                           *(word for one in family(server.process.pid) for word in ("-p", str(one)))],
                          stderr=subprocess.DEVNULL) as tracing:
        time.sleep(1)
        send(server.port, letters)
        tracing.terminate()
    return len(re.findall(r"(?:fsync|fdatasync|syncfs)\(", trace.read_text())) / letters


def measure_one(kind, letters, folder):
    folder.mkdir()
    server = kind(folder)
    try:
        send(server.port, letters // 10)
        before, began = cpu_s(server.process.pid), time.monotonic()
        send(server.port, letters)
        took, used = time.monotonic() - began, cpu_s(server.process.pid) - before
        syncs = count_syncs(server, folder, letters // 10) if shutil.which("strace") else None
    finally:
        server.end()
    return {"requests_per_second": letters / took, "cpu_us": used / letters * 1e6, "syncs": syncs}


def table(results, load):
    """As docs/performance.md has it."""
    ours, theirs = (peer.key for peer in results.peers)
    yield "| | letters a second | CPU a letter | syncs a letter |"
    yield "|---|---|---|---|"
    for peer in results.peers:
        rate, cpu, syncs = (results.middle(load.key, peer.key, figure) for figure in ("requests_per_second", "cpu_us", "syncs"))
        yield f"| {peer.title} | {count(rate)} | {microseconds(cpu)} | {'–' if syncs is None else f'{syncs:.2f}'} |"
    rate, cpu, syncs = (results.ratio(load.key, ours, theirs, figure) for figure in ("requests_per_second", "cpu_us", "syncs"))
    yield f"| ours / theirs, of each round | {rate} | {cpu} | {syncs or '–'} |"


def run(rounds, say, progress, letters=LETTERS):
    """The two take turns; prints a table, and gives the samples."""
    load = Load("mail", f"{LETTER_BYTES} bytes a letter, one at a time on each of {CLIENTS} connections, {letters} letters a round")
    kinds = {kind.title: kind for kind in (Aperto, Postfix)}
    samples = {title: [] for title in kinds}
    # Where the build is rather than in /tmp, which may be memory. Nothing is removed before the end: for five minutes ext4 looks at
    # each inode that was just freed whenever a file is made (recently_deleted), and the next server's letters would pay for that.
    with tempfile.TemporaryDirectory(dir=BUILT) as name:
        whole = pathlib.Path(name)
        whole.chmod(0o755)
        for number in range(rounds):
            for title, kind in kinds.items():
                progress(f"{load.title}, round {number + 1} of {rounds}: {title}")
                samples[title].append(measure_one(kind, letters, whole / f"{kind.__name__}-{number}"))
    progress("")
    say(load.title + "\n")
    results = Results([Peer(title, title, ()) for title in kinds], {load.key: samples})
    say("\n".join(table(results, load)))
    return samples
