# SPDX-License-Identifier: MIT
"""TLS with others on the other side: openssl, Python's ssl, ncat, curl; and testssl.sh, which looks for weaknesses."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from programs import ENGINES, LIMIT_S, PROGRAM, Server, require

TEXT = "olá, mundo\n".encode()
CAPITALS = "OLÁ, MUNDO\n".encode()


def make_files(folder):
    subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost", "127.0.0.1", "::1"], check=True,
                   stdout=subprocess.DEVNULL)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        make_files(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def file(self, name):
        return str(Path(self.folder.name) / name)

    def server(self, engine="epoll", *options):
        return Server("upper", engine, "line", "--tls", "--cert", self.file("cert.pem"), "--key", self.file("key.pem"),
                      *options)

    def context(self, version=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=self.file("ca.pem"))
        context.minimum_version = context.maximum_version = version
        return context


class ForeignClients(Tls):
    def test_openssl_and_ncat_have_their_answer(self):
        require("openssl", "ncat")
        for engine in ENGINES:
            with self.server(engine) as server:
                where = f"localhost:{server.port}"
                trust = ["-CAfile", self.file("ca.pem"), "-verify_return_error"]
                for name, command in {
                    "openssl, 1.3": ["openssl", "s_client", "-connect", where, "-tls1_3", "-quiet", "-no_ign_eof", *trust],
                    "openssl, 1.2": ["openssl", "s_client", "-connect", where, "-tls1_2", "-quiet", "-no_ign_eof", *trust],
                    "ncat": ["ncat", "--ssl", "--ssl-verify", "--ssl-trustfile", self.file("ca.pem"), "localhost",
                             str(server.port)],
                }.items():
                    with self.subTest(client=name, engine=engine):
                        # Kept open until the answer is there: at the end of its input openssl goes at once.
                        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                              stderr=subprocess.DEVNULL) as client:
                            client.stdin.write(TEXT)
                            client.stdin.flush()
                            self.assertEqual(client.stdout.readline(), CAPITALS)
                            client.stdin.close()
                            client.wait(LIMIT_S)

    def test_python_in_both_versions(self):
        for engine in ENGINES:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(engine=engine, version=version), self.server(engine) as server:
                    with self.context(version).wrap_socket(server.connect(), server_hostname="localhost") as client:
                        much = b"x" * 500_000 + b"\n"
                        client.sendall(much)
                        with client.makefile("rb") as replies:
                            self.assertEqual(replies.readline(), much.upper())
                        client.unwrap()
                    self.assertEqual(server.wait_for("closed")["reason"], "client")

    def test_an_end_without_notice_is_cut_short(self):
        with self.server() as server:
            with self.context().wrap_socket(server.connect(), server_hostname="localhost") as client:
                client.sendall(TEXT)
                self.assertEqual(client.recv(100), CAPITALS)
            closed = server.wait_for("closed")
            self.assertEqual((closed["reason"], closed["tls"]), ("cut_short", "TLSv1.3"))

    def test_a_client_certificate_is_wanted(self):
        with self.server("epoll", "--client-ca", self.file("ca.pem")) as server:
            context = self.context()
            with context.wrap_socket(server.connect(), server_hostname="localhost") as client:
                with self.assertRaisesRegex(ssl.SSLError, "certificate required"):
                    client.recv(1)
            context.load_cert_chain(self.file("cert.pem"), self.file("key.pem"))
            with context.wrap_socket(server.connect(), server_hostname="localhost") as client:
                client.sendall(TEXT)
                self.assertEqual(client.recv(100), CAPITALS)
                client.unwrap()
            self.assertEqual(server.wait_for("closed", 2)["certificate"], "CN=localhost")

    def test_hangup_reads_the_certificate_again_and_drops_nobody(self):
        with tempfile.TemporaryDirectory() as other, self.server() as server:
            make_files(other)
            with self.context().wrap_socket(server.connect(), server_hostname="localhost") as client:
                # A key that does not belong to it: refused, and told.
                kept = {name: Path(self.file(name)).read_bytes() for name in ("cert.pem", "key.pem")}
                Path(self.file("cert.pem")).write_bytes((Path(other) / "cert.pem").read_bytes())
                server._process.send_signal(1)
                self.assertIn("does not belong", server.wait_for("certificate_refused")["advice"])
                Path(self.file("key.pem")).write_bytes((Path(other) / "key.pem").read_bytes())
                server._process.send_signal(1)
                server.wait_for("certificate", 2)
                for name, text in kept.items():
                    Path(self.file(name)).write_bytes(text)
                client.sendall(TEXT)
                self.assertEqual(client.recv(100), CAPITALS)
                fresh = ssl.create_default_context(cafile=str(Path(other) / "ca.pem"))
                with fresh.wrap_socket(server.connect(), server_hostname="localhost") as next_client:
                    next_client.sendall(TEXT)
                    self.assertEqual(next_client.recv(100), CAPITALS)


def send(port, *options, text="olá"):
    return subprocess.run([PROGRAM, "--lang", "en", "send", "--host", "localhost", "--port", str(port), "--framing", "line",
                           "--tls", *options, text], capture_output=True, timeout=LIMIT_S, check=False)


@contextlib.contextmanager
def answering(context):
    """Python's server: one client after the other, each line back in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as peer:
                    peer.sendall(peer.recv(100).upper())
                    peer.unwrap()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


class ForeignServers(Tls):
    def test_python(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = context.maximum_version = version
            context.load_cert_chain(self.file("cert.pem"), self.file("key.pem"))
            with self.subTest(version=version), answering(context) as port:
                good = send(port, "--ca", self.file("ca.pem"), "--facts", text="abc")
                self.assertEqual(good.stdout, b"ABC\n", good.stderr)
                self.assertIn(b"certificate of CN=localhost", good.stderr)
                stranger = send(port)
                self.assertEqual(stranger.returncode, 3, stranger.stderr)
                self.assertIn(b"from an authority that is not trusted here", stranger.stderr)
                loud = send(port, "--insecure", text="abc")
                self.assertEqual(loud.stdout, b"ABC\n", loud.stderr)
                self.assertIn(b"warning: --insecure", loud.stderr)

    def test_openssl(self):
        require("openssl")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", self.file("cert.pem"), "-key",
                   self.file("key.pem"), "-rev", "-naccept", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            while b"ACCEPT" not in server.stdout.readline():
                self.assertIsNone(server.poll())
            done = send(port, "--ca", self.file("ca.pem"), text="abc")
            self.assertEqual(done.stdout, b"cba\n", done.stderr)
            server.wait(LIMIT_S)


class Weaknesses(Tls):
    # What is graded is how strong it is, not whom the certificate is by: that authority is made here, for a first try.
    ABOUT_THE_CERTIFICATE = re.compile(r"cert_trust|cert_chain_of_trust|cert_revocation|cert_caIssuers|cert_crlDistributionPoints|"
                                       r"cert_ocspURL|OCSP|DNS_CAArecord|cert_extlifeSpan|cert_notBefore|certificate_transparency")

    def test_testssl_finds_nothing_above_low(self):
        require("testssl", "openssl")
        report = Path(self.folder.name) / "report.json"
        with self.server() as server:
            subprocess.run(["testssl", "--quiet", "--warnings", "off", "--color", "0", "--openssl-timeout", "10",
                            "--jsonfile", str(report), "--protocols", "--server-defaults",
                            "--vulnerable", f"localhost:{server.port}"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=240, check=False)
            findings = json.loads(report.read_text())
        self.assertGreater(len(findings), 30)
        bad = {one["id"]: one["finding"] for one in findings
               if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL") and not self.ABOUT_THE_CERTIFICATE.search(one["id"])}
        self.assertEqual(bad, {})


if __name__ == "__main__":
    unittest.main()
