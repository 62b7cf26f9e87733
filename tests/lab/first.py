"""first.py ADDRESS PORT late|busy: a server whose first answer is late, or 503, and all later ones are prompt and 200."""

import itertools
import socket
import sys
import threading
import time


def answer(client, number):
    first = number == 0
    client.recv(4096)
    if first and sys.argv[3] == "late":
        time.sleep(1.5)
    status = b"503 Service Unavailable" if first and sys.argv[3] == "busy" else b"200 OK"
    client.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    client.close()


asked = itertools.count()


def serve(client):
    # A connection that asks nothing is not the first request.
    if client.recv(1, socket.MSG_PEEK):
        answer(client, next(asked))


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
