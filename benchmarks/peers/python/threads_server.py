# SPDX-License-Identifier: MIT
"""socketserver.ThreadingTCPServer: a thread a connection."""

import socketserver
import sys

framing = sys.argv[2]


class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data.upper())


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Lengths(socketserver.StreamRequestHandler):
    def handle(self):
        while header := self.rfile.read(4):
            self.wfile.write(header + self.rfile.read(int.from_bytes(header, "big")).upper())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 4096


for handler in (Stream, Lines, Lengths):
    handler.disable_nagle_algorithm = True

Server(("0.0.0.0", int(sys.argv[1])), {"line": Lines, "length": Lengths}.get(framing, Stream)).serve_forever()
