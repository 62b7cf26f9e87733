"""curt.py ADDRESS PORT: reads the first byte of a request and closes with the rest unread, which sends RST."""

import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    client, _ = listener.accept()
    client.recv(1)
    client.close()
