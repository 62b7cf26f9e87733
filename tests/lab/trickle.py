"""trickle.py ADDRESS PORT: begins every answer and sends a byte of its body each second."""

import socket
import sys
import threading
import time


def answer(client):
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        client.sendall(b".")
        time.sleep(1)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
