# SPDX-License-Identifier: MIT
"""asyncio: a Protocol for the stream (its quickest way), streams with readline and readexactly for messages."""

import asyncio
import socket
import sys


class Stream(asyncio.Protocol):
    def connection_made(self, transport):
        self.write = transport.write

    def data_received(self, data):
        self.write(data.upper())


async def serve_lines(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def serve_lengths(reader, writer):
    try:
        while True:
            header = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(header, "big"))
            writer.write(header + body.upper())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    port, framing = int(sys.argv[1]), sys.argv[2]
    # asyncio switches TCP_NODELAY on by itself.
    common = {"host": "0.0.0.0", "port": port, "backlog": 4096, "reuse_address": True, "family": socket.AF_INET}
    if framing == "stream":
        server = await asyncio.get_running_loop().create_server(Stream, **common)
    else:
        server = await asyncio.start_server(serve_lines if framing == "line" else serve_lengths, **common)
    await server.serve_forever()


asyncio.run(main())
