"""stranger.py ADDRESS PORT PAUSE: a datagram that nobody asked for every PAUSE seconds, without end."""

import socket
import sys
import time

stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
# A listener of the stranger says that it has begun.
done = socket.create_server(("127.0.0.1", 4))
while True:
    stranger.sendto(b"x" * 40, (sys.argv[1], int(sys.argv[2])))
    time.sleep(float(sys.argv[3]))
