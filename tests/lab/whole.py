"""whole.py ADDRESS PORT: answers every request, whatever its method, with a page of 60 KB, all of whose packets are full."""

import socket
import sys
import threading

PAGE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60000


def answer(client):
    with client:
        try:
            client.recv(65536)
            client.sendall(PAGE)
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=answer, args=(connection,), daemon=True).start()
