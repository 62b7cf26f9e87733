"""fetch.py ADDRESS PORT: reads what it is sent, as long as something comes."""

import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
time.sleep(3600)
