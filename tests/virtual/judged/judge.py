# SPDX-License-Identifier: MIT
"""Judges aperto's server as a client, and its client as a server and as whoever starts it: python3 judge.py PART [ARGUMENT].

Each part ends with 0 if nothing was lost, nothing came twice and every deadline was kept, and tells else what was wrong. Its own
randomness comes from the kernel's, so in the virtual Linux from the seed."""
import contextlib
import random
import socket
import struct
import subprocess
import sys
import threading
import time

PORT = 9999
# What the network may add to a deadline: a FIN or a reset that is lost is sent again some times.
NETWORK = 15
LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789 "


def fail(why):
    sys.exit(f"WRONG: {why}")


def connect(limit=60):
    link = socket.create_connection(("server", PORT), timeout=limit)
    link.settimeout(limit)
    return link


def read_to_end(link):
    out = bytearray()
    while piece := link.recv(65536):
        out += piece
    return bytes(out)


def compare(got, wanted, where=""):
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        fail(f"{where}{len(got)} bytes came, {len(wanted)} were due; they differ from byte {at} on: {got[at:at + 40]!r}, not {wanted[at:at + 40]!r}")


def send_in_pieces(link, data):
    at = 0
    while at < len(data):
        size = random.choice((1, 7, 100, 1460, 5000, 20000))
        link.sendall(data[at:at + size])
        at += size
        if random.random() < 0.1:
            time.sleep(random.choice((0.001, 0.02, 0.3)))
    link.shutdown(socket.SHUT_WR)


def exchange(data):
    """Sends it in pieces while it reads; ends its own side; gives what came until the other ended its."""
    with connect() as link:
        sender = threading.Thread(target=send_in_pieces, args=(link, data))
        sender.start()
        got = read_to_end(link)
        sender.join()
    return got


def some_text(size):
    return bytes(random.choices(LETTERS, k=size))


def some_lines(count):
    return b"".join(b"%d %s\n" % (i, some_text(random.choice((0, 3, 40, 700)))) for i in range(count))


def stream():
    """A stream of text, all of it answered in capitals, in order, once, though the asker has long ended its own side."""
    data = some_text(60_000)
    compare(exchange(data), data.upper())


def lines():
    data = some_lines(200)
    compare(exchange(data), data.upper())


def one_of_many(number, wrong):
    try:
        data = some_lines(20)
        if number % 2 == 0:
            compare(exchange(data), data.upper(), f"connection {number}: ")
            return
        with connect() as link:
            link.sendall(data + b"half a li")
            if number % 4 == 1:
                link.recv(100)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except SystemExit as told:
        wrong.append(str(told))
    except OSError as failed:
        wrong.append(f"connection {number}: {failed}")


def resets():
    """Every second of twelve clients resets in the middle; the others lose nothing by it."""
    wrong = []
    clients = [threading.Thread(target=one_of_many, args=(i, wrong)) for i in range(12)]
    for one in clients:
        one.start()
        time.sleep(0.01)
    for one in clients:
        one.join()
    if wrong:
        fail("; ".join(wrong))
    lines()


def ends_within(link, limit, what):
    """The server ends this connection at its deadline: not sooner, and not later than the network makes it."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        rest = read_to_end(link)
        if rest:
            fail(f"{what}: {rest[:40]!r} came, and nothing was due")
    took = time.monotonic() - began
    # The last byte may have been under way for some time when the deadline began.
    if not limit - 4 <= took <= limit + NETWORK:
        fail(f"{what}: ended after {took:.3f} s, due were {limit} s")


def deadlines():
    """--handshake-deadline 12s, --message-deadline 14s, --idle-timeout 16s, in three conversations at once."""
    wrong = []

    def run(part):
        try:
            part()
        except (SystemExit, OSError) as failed:
            wrong.append(str(failed))

    def mute():
        with connect() as link:
            ends_within(link, 12, "who says nothing")

    def half():
        with connect() as link:
            link.sendall(b"half a line")
            ends_within(link, 14, "half a message")

    def idle():
        with connect() as link:
            link.sendall(b"one\n")
            compare(link.recv(100), b"ONE\n")
            ends_within(link, 16, "who falls silent")

    parts = [threading.Thread(target=run, args=(part,)) for part in (mute, half, idle)]
    for one in parts:
        one.start()
    for one in parts:
        one.join()
    if wrong:
        fail("; ".join(wrong))


def blackhole():
    """Nothing passes from 1 s to 3 s: what was under way arrives all the same. Nothing passes for two minutes: who comes back is served."""
    began = time.monotonic()
    data = some_lines(60)
    with connect() as link:
        for line in data.splitlines(keepends=True):
            link.sendall(line)
            time.sleep(0.1)
        link.shutdown(socket.SHUT_WR)
        compare(read_to_end(link), data.upper())
    with connect() as lost:
        while time.monotonic() - began < 58:
            lost.sendall(b"here\n")
            compare(lost.recv(100), b"HERE\n")
            time.sleep(2)
        time.sleep(190 - (time.monotonic() - began))
        with contextlib.suppress(ConnectionError):
            lost.sendall(b"after\n")
            if rest := lost.recv(100):
                fail(f"the server's deadline of 20 s passed in the dark, yet {rest!r} came")
    lines()


def unread():
    """--write-deadline 6s: who asks for much and reads nothing is ended; what it had was the beginning of what was due."""
    with connect() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = some_lines(3000)
        got = bytearray()
        link.settimeout(2)
        with contextlib.suppress(OSError):
            link.sendall(data)
        time.sleep(40)
        with contextlib.suppress(OSError):
            while piece := link.recv(65536):
                got += piece
        if len(got) >= len(data):
            fail("all of it came: the deadline has not ended it")
        compare(bytes(got), data.upper()[:len(got)], "the beginning: ")
    lines()


# Below: the client. The server here is not aperto's.

def answer(link, how):
    with link, link.makefile("rb") as incoming:
        for count, line in enumerate(incoming):
            if how == "resets" and count == 30:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            reply = line.upper()
            if how == "lies" and count == 30:
                reply *= 2
            cut = random.randrange(len(reply) + 1)
            link.sendall(reply[:cut])
            time.sleep(random.choice((0, 0, 0.01)))
            link.sendall(reply[cut:])


def server(how="answers"):
    listener = socket.create_server(("", PORT))
    while True:
        link, _ = listener.accept()
        if how == "silent":
            threading.Thread(target=link.recv, args=(1,)).start()
        else:
            answer(link, how)


def send(*options, text=b""):
    began = time.monotonic()
    done = subprocess.run(["aperto", "send", "--host", "server", "--framing", "line", *options], input=text, capture_output=True)
    return done, time.monotonic() - began


def client(engine):
    text = some_lines(100)
    done, _ = send("--engine", engine, "--timeout", "60s", text=text)
    if done.returncode != 0:
        fail(f"it ended with {done.returncode}: {done.stderr.decode()}")
    compare(done.stdout, text.upper())


def client_reset(engine):
    text = some_lines(100)
    done, _ = send("--engine", engine, "--timeout", "60s", text=text)
    if done.returncode == 0:
        fail("the server reset the connection after 30 lines, and it ended with 0")
    compare(done.stdout, text.upper()[:len(done.stdout)], "the beginning: ")


def client_deadline(engine):
    """A server that never answers, then nobody there at all."""
    for what in ("silent", "nobody"):
        done, took = send("--engine", engine, "--timeout", "4s", "text")
        if done.returncode == 0 or done.stdout:
            fail(f"{what}: it ended with {done.returncode} and said {done.stdout!r}")
        if not 4 <= took <= 9:
            fail(f"{what}: --timeout 4s, and it took {took:.3f} s")
        time.sleep(30 - time.monotonic() % 30)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
    print("well")
