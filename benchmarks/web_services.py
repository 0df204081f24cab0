# SPDX-License-Identifier: MIT
"""The web of `./bench --services`: aperto-web beside nginx, Express and Python's http.server: a greeting, and a file of 1 MB.

Of the file the CPU is that of both ends: a segment that an acknowledgement lets out is sent on the time of whoever received that."""

import re
import resource
import shutil
import subprocess

import measure
from peers import BUILT, SOURCES, Peer, aperto_program

FOLDER = BUILT / "web"
EXPRESS = BUILT / "express"
FILE_BYTES = 1_000_000
UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
# What aperto-web may take of each one's CPU.
SHARES = {"nginx-web": 1.0, "express": 0.1, "http_server": 0.1}
# Of the file, both ends.
LOADS = {"hello": ("a greeting", 32), "file": ("a file of 1 MB, both ends", 16)}


def make_files():
    """What is served; and Express, by npm into the build's folder, where that can be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "file").write_bytes(bytes(i * 7 % 251 for i in range(1000)) * (FILE_BYTES // 1000))
    (FOLDER / "hello").write_text("hello, world\n")
    if not (EXPRESS / "node_modules" / "express").exists() and shutil.which("npm"):
        EXPRESS.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", str(EXPRESS), "--no-audit", "--no-fund", "--silent", "express"], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)


def peers():
    """Ours, and the others."""
    program = str(aperto_program()) + "-web"
    ours = Peer("web", "aperto-web", (program, "--host", "127.0.0.1", "--port", "{port}", "--workers", "1", str(FOLDER)), "ours")
    fill_in = f"sed -e s,PORT,{{port}}, -e s,FOLDER,{FOLDER},g {SOURCES / 'nginx-web.conf'} > {FOLDER}/nginx.conf"
    nginx = Peer("nginx-web", "nginx", ("sh", "-c", f"{fill_in} && exec /usr/sbin/nginx -c {FOLDER}/nginx.conf"), needs="/usr/sbin/nginx")
    # What is not installed is "not on this machine".
    there = "node" if (EXPRESS / "node_modules" / "express").exists() else "express (npm)"
    express = Peer("express", "Express", ("node", str(SOURCES / "express" / "express.js"), "{port}", str(FOLDER)), needs=there,
                   environment={"NODE_PATH": str(EXPRESS / "node_modules"), "NODE_ENV": "production"})
    python = Peer("http_server", "http.server", ("/usr/bin/python3", "-m", "http.server", "--protocol", "HTTP/1.1", "--bind",
                                                 "127.0.0.1", "--directory", str(FOLDER), "{port}"), needs="/usr/bin/python3")
    return ours, (nginx, express, python)


def children_us():
    """CPU of the programs that have run and ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e6


def load(path, connections, run, cpu_ns):
    def take(server, seconds, core):
        before, load_before = cpu_ns(server.process), children_us()
        told = run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency",
                    f"http://127.0.0.1:{server.port}/{path}"], core, seconds)
        used = cpu_ns(server.process) - before
        requests = int(re.search(r"(\d+) requests in", told)[1])
        if requests == 0 or "Non-2xx" in told:
            raise measure.Failed("nothing was answered" if requests == 0 else "it refused some")
        value, unit = re.search(r"\b99%\s+([\d.]+)(us|ms|s)", told).groups()
        server_us, load_us = used / 1e3 / requests, (children_us() - load_before) / requests
        return {"cpu_us": server_us + (load_us if path == "file" else 0), "server_us": server_us, "load_us": load_us,
                "requests_per_second": float(re.search(r"Requests/sec:\s*([\d.]+)", told)[1]), "p99_us": float(value) * UNITS_US[unit]}
    return take
