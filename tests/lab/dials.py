"""dials.py ADDRESS PORT: opens a connection four times a second, asks something on it and gives up after 1.5 s, and says so with a listener of
its own."""

import socket
import sys
import threading
import time

done = socket.create_server(("127.0.0.1", 4))


def ask():
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            connection.recv(1000)
    except OSError:
        pass


while True:
    threading.Thread(target=ask, daemon=True).start()
    time.sleep(0.25)
