"""workers.py ADDRESS PORT COUNT [ENOUGH]: a parent that listens and waits, and COUNT workers that share its socket; each answers one connection at
a time, or keeps all that ENOUGH descriptors allow."""

import ctypes
import os
import resource
import socket
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)


def work():
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[4]), int(sys.argv[4])))
    kept = []
    while True:
        try:
            connection = listener.accept()[0]
            if len(sys.argv) > 4:
                kept.append(connection)
                continue
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()
        except OSError:
            time.sleep(0.1)


for _ in range(int(sys.argv[3])):
    if os.fork() == 0:
        # They end with their parent.
        ctypes.CDLL(None).prctl(1, 9)
        work()
time.sleep(3600)
