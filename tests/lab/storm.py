"""storm.py ADDRESS PORT COUNT: opens COUNT connections, one after the other, and closes each first; then keeps still. Where no local port is
left it goes on trying."""

import errno
import socket
import sys
import time

remote, left, done = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), None
while left > 0:
    try:
        with socket.create_connection(remote) as connection:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        left -= 1
    except OSError as problem:
        if problem.errno != errno.EADDRNOTAVAIL:
            raise
        # A listener of this host says that it is done.
        done = done or socket.create_server(("127.0.0.1", 4))
        time.sleep(0.002)
done = done or socket.create_server(("127.0.0.1", 4))
time.sleep(3600)
