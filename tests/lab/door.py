"""door.py ADDRESS PORT resets|closes|waits: what becomes of a connection that was accepted and says nothing."""

import socket
import struct
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
kept = []
while True:
    client, _ = listener.accept()
    if sys.argv[3] == "waits":
        kept.append(client)
        continue
    if sys.argv[3] == "resets":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
