# SPDX-License-Identifier: MIT
"""A load of TLS by Python's ssl: tls_load.py PORT CA SECONDS full|resumed|bulk. Tells as JSON how much there was, in what time.

What is compared is the server's own CPU, so that the load may be as slow as it likes."""

import json
import socket
import ssl
import sys
import time

REQUEST = b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main():
    port, authority, seconds, how = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    def connect(session=None):
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost", session=session)

    buffer = bytearray(1 << 20)

    def take_reply(peer):
        """The bytes of the body."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(65536)
        head, body = head.split(b"\r\n\r\n", 1)
        [size] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        left = size - len(body)
        while left > 0:
            left -= peer.recv_into(buffer)
        return size

    session, units, slowest, resumed = None, 0, [], 0
    bulk = connect() if how == "bulk" else None
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        at = time.monotonic()
        if bulk:
            bulk.sendall(REQUEST)
            units += take_reply(bulk) / (1 << 20)
        else:
            peer = connect(session)
            peer.sendall(REQUEST)
            take_reply(peer)
            resumed += peer.session_reused
            session = peer.session if how == "resumed" else None
            peer.close()
            units += 1
        slowest.append(time.monotonic() - at)
    took = time.monotonic() - began
    if how == "resumed" and resumed < units - 2:
        sys.exit(f"only {resumed} of {units} sessions were resumed")
    slowest.sort()
    print(json.dumps({"units": units, "seconds": took, "p99_us": slowest[int(len(slowest) * 0.99)] * 1e6}))


main()
