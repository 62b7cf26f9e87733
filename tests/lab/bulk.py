"""bulk.py ADDRESS PORT BULK: sends without end to who connects to the port BULK, with a full window and whatever the round trip says, until
others have connected to PORT twice; then the line is free."""

import socket
import struct
import sys
import threading
import time

asked = threading.Event()


def send(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 160_000)
    client.settimeout(0.05)
    while not asked.is_set():
        try:
            client.send(b"x" * 65536)
        except TimeoutError:
            pass
    # What has not been sent is not sent any more.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def serve(listener):
    while True:
        threading.Thread(target=send, args=(listener.accept()[0],), daemon=True).start()


target = socket.create_server((sys.argv[1], int(sys.argv[2])))
threading.Thread(target=serve, args=(socket.create_server((sys.argv[1], int(sys.argv[3]))),), daemon=True).start()
kept = []
while True:
    kept.append(target.accept()[0])
    if len(kept) > 1:
        asked.set()
