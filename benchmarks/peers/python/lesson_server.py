# SPDX-License-Identifier: MIT
"""The lesson's server: one client at a time, one message each."""

import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("", int(sys.argv[1])))
server.listen(128)
while True:
    client, address = server.accept()
    sentence = client.recv(1024).decode()
    client.send(sentence.upper().encode())
    client.close()
