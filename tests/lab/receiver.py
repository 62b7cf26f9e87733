"""receiver.py ADDRESS PORT BUFFER reads|sleeps|closes: takes connections with a receive buffer of BUFFER bytes (0: the default), and reads what
comes, leaves it there, or reads once and closes."""

import socket
import sys
import threading
import time

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if sys.argv[3] != "0":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[3]))
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(64)


def take(connection):
    while sys.argv[4] == "reads" and connection.recv(65536):
        pass
    if sys.argv[4] == "closes":
        connection.recv(65536)
        connection.close()
    time.sleep(3600)


while True:
    threading.Thread(target=take, args=(listener.accept()[0],), daemon=True).start()
