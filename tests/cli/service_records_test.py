# SPDX-License-Identifier: MIT
"""The hosts of a service by its SRV records (RFC 2782), of a real name service in a network of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, require, wait_until_listening

DOMAIN = "sala.example"
RECORDS = (
    f"--srv-host=_capitals._tcp.{DOMAIN},a.{DOMAIN},9001,10,60",
    f"--srv-host=_capitals._tcp.{DOMAIN},b.{DOMAIN},9002,20,0",
    f"--address=/a.{DOMAIN}/127.0.0.1",
    f"--address=/b.{DOMAIN}/127.0.0.1",
    f"--srv-host=_nothing._tcp.{DOMAIN}",
    f"--local=/{DOMAIN}/",
)


def send(host):
    return subprocess.run([PROGRAM, "--lang", "en", "send", "--host", host, "oi"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)


def inside(folder):
    """In a network and a view of the files of its own: nothing here reaches, or changes, the machine's."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path(folder, "resolv.conf").write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", f"{folder}/resolv.conf", "/etc/resolv.conf"], check=True)
    names = subprocess.Popen(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=root",
                              "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces",
                              "--pid-file", *RECORDS], stderr=subprocess.DEVNULL)
    server = subprocess.Popen([PROGRAM, "serve", "--port", "9002", "--messages", "none"], stdout=subprocess.DEVNULL)
    try:
        wait_until_listening(53, names)
        wait_until_listening(9002, server)
        there = send(f"_capitals._tcp.{DOMAIN}")  # the first one's host refuses
        assert (there.returncode, there.stdout) == (0, "OI"), there
        nothing = send(f"_nothing._tcp.{DOMAIN}")  # the domain says so
        unknown = send(f"_unknown._tcp.{DOMAIN}")
        for refused, name in ((nothing, "_nothing"), (unknown, "_unknown")):
            assert refused.returncode == 3, refused
            assert f"could not find a service named {name}._tcp.{DOMAIN}" in refused.stderr, refused
        listed = send(f"_unknown._tcp.{DOMAIN},b.{DOMAIN}:9002")  # the next of the list
        assert (listed.returncode, listed.stdout) == (0, "OI"), listed
        server.send_signal(signal.SIGTERM)
        server.wait(LIMIT_S)
        nobody = send(f"_capitals._tcp.{DOMAIN}")
        assert nobody.returncode == 3, nobody
        first, second = nobody.stderr.index(f"a.{DOMAIN}"), nobody.stderr.index(f"b.{DOMAIN}")
        assert first < second, nobody
    finally:
        for each in (server, names):
            each.kill()
            each.wait()


class ServiceRecords(unittest.TestCase):
    def test_lead_to_the_hosts_of_the_service(self):
        require("dnsmasq")
        new = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        if subprocess.run([*new, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no network namespace can be made here")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*new, sys.executable, __file__, folder], capture_output=True, text=True,
                                  timeout=LIMIT_S, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)


if __name__ == "__main__":
    if len(sys.argv) == 2 and Path(sys.argv[1]).is_dir():
        inside(sys.argv[1])
    else:
        unittest.main()
