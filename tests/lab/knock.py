"""knock.py ADDRESS PORT [anew]: sends a datagram ten times a second, each from a port of its own with `anew`, and says so with a listener of
its own."""

import socket
import sys
import time

done = socket.create_server(("127.0.0.1", 4))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    if len(sys.argv) > 3:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sender.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
    except OSError:
        pass
    time.sleep(0.1)
