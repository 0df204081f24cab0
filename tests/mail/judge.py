# SPDX-License-Identifier: MIT
"""Judges aperto-mail as a client that sees its Maildir: python3 judge.py BOX. Several letters at once by Python's smtplib, then each
that was said to be kept must be there, whole and once, and nothing else. Ends with 0 if so, and tells else what was wrong."""
import mailbox
import random
import smtplib
import sys
import threading

CLIENTS = 4
LETTERS = 3


def send(number, kept):
    with smtplib.SMTP("server", 2525, local_hostname="client", timeout=250) as client:
        for count in range(LETTERS):
            lines = random.choice((1, 10, 100, 1000))
            body = f"Subject: {number}.{count}\r\n\r\n" + "".join(f".{i} of {lines}\r\n..\r\n" for i in range(lines))
            client.sendmail("a@client", ["b@server"], body)
            kept.append(body.replace("\r\n", "\n").encode())


def without_trace(whole):
    lines = whole.split(b"\n")
    if not lines[0].startswith(b"Return-Path: ") or not lines[1].startswith(b"Received: from client "):
        sys.exit(f"WRONG: no trace on top of {whole[:200]}")
    first = next(at for at in range(2, len(lines)) if not lines[at].startswith(b"\t"))
    return b"\n".join(lines[first:])


def main(box):
    kept = []
    clients = [threading.Thread(target=send, args=(number, kept)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    there = mailbox.Maildir(box, create=False)
    found = sorted(without_trace(there.get_bytes(key)) for key in there.keys())
    if len(kept) != CLIENTS * LETTERS or found != sorted(kept):
        sys.exit(f"WRONG: {len(kept)} were said to be kept, {len(found)} are there")
    print("well")


if __name__ == "__main__":
    main(sys.argv[1])
