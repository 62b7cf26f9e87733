"""raw.py ADDRESS PORT TEXT: answers every request with TEXT, escapes in it read as Python reads them, and closes."""

import socket
import sys

text = sys.argv[3].encode().decode("unicode_escape").encode("latin-1")
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    client, _ = listener.accept()
    if client.recv(4096):
        client.sendall(text)
    client.close()
