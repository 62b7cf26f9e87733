"""hoard.py ADDRESS PORT [ENOUGH]: accepts connections, keeps them, and neither reads from nor closes any; the accept queue is filled no further
than ENOUGH descriptors allow."""

import resource
import socket
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), int(sys.argv[3])))
kept = []
while True:
    try:
        kept.append(listener.accept()[0])
    except OSError:
        time.sleep(0.1)
