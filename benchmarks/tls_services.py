# SPDX-License-Identifier: MIT
"""The TLS of `./bench --services`: examples/tls_file beside nginx, which gives the same file, and HAProxy, which gives a reply of
its own. Handshakes in full and resumed, each with one small request; and bulk, CPU a mebibyte."""

import json
import subprocess
import sys

from peers import BUILT, SOURCES, Peer, aperto_program

FOLDER = BUILT / "tls"
SMALL_BYTES = 64
BULK_BYTES = 32 << 20


def make_files():
    """What the servers need; each run may find it there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "ca.pem").exists():
        subprocess.run([aperto_program(), "cert", "--dir", str(FOLDER), "localhost"], check=True, stdout=subprocess.DEVNULL)
    (FOLDER / "pair.pem").write_text((FOLDER / "cert.pem").read_text() + (FOLDER / "key.pem").read_text())
    for name, size in (("small", SMALL_BYTES), ("bulk", BULK_BYTES)):
        (FOLDER / name).mkdir(exist_ok=True)
        (FOLDER / name / "file").write_bytes(b"x" * size)


def peers(examples, size):
    """`size`: "small" or "bulk", which file is given."""
    file, pair = FOLDER / size / "file", (str(FOLDER / "cert.pem"), str(FOLDER / "key.pem"))
    ours = Peer("tls_file", "examples/tls_file", (str(examples / "tls_file"), "{port}", *pair, str(file)), "ours")
    fill_in = f"sed -e s,PORT,{{port}}, -e s,FOLDER,{FOLDER},g -e s,SIZE,{size}, {SOURCES / 'nginx-tls.conf'} > {FOLDER}/nginx.conf"
    nginx = Peer("nginx", "nginx", ("sh", "-c", f"{fill_in} && exec /usr/sbin/nginx -c {FOLDER}/nginx.conf"), needs="/usr/sbin/nginx")
    haproxy = Peer("haproxy", "HAProxy", ("env", "PORT={port}", f"PAIR={FOLDER / 'pair.pem'}", "/usr/sbin/haproxy", "-db", "-f",
                                          str(SOURCES / "haproxy-tls.cfg")), needs="/usr/sbin/haproxy")
    return ours, nginx, haproxy


def load(how, run, cpu_ns):
    def take(server, seconds, core):
        before = cpu_ns(server.process)
        told = json.loads(run([sys.executable, str(SOURCES.parent / "tls_load.py"), str(server.port), str(FOLDER / "ca.pem"),
                               str(seconds), how], core, seconds))
        spent = cpu_ns(server.process) - before
        return {"requests_per_second": told["units"] / told["seconds"], "p99_us": told["p99_us"],
                "cpu_us": spent / 1e3 / told["units"]}
    return take
