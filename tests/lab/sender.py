"""sender.py ADDRESS PORT BYTES PAUSE: one connection that sends BYTES every PAUSE seconds, without end."""

import socket
import sys
import time

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
payload, pause = b"z" * int(sys.argv[3]), float(sys.argv[4])
# A listener of the sender says that it is connected.
done = socket.create_server(("127.0.0.1", 4))
while True:
    connection.sendall(payload)
    time.sleep(pause)
