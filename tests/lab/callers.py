"""callers.py ADDRESS PORT COUNT open|ask|close: opens COUNT connections and keeps them open, asks something on each, or closes all but one of them."""

import socket
import sys
import time

remote, count, then = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), sys.argv[4]
kept = [socket.create_connection(remote) for _ in range(count)]
for connection in kept[1:] if then == "close" else []:
    connection.close()
for connection in kept if then == "ask" else []:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
# A listener of the caller says that it is done.
done = socket.create_server(("127.0.0.1", 4))
time.sleep(3600)
