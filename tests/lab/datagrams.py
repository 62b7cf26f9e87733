"""datagrams.py ADDRESS PORT reads|sleeps: a socket with a small buffer gets a datagram every few milliseconds, and reads them or sleeps."""

import socket
import sys
import threading
import time

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
receiver.bind((sys.argv[1], int(sys.argv[2])))


def send():
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        sender.sendto(b"x" * 500, receiver.getsockname())
        time.sleep(0.005)


threading.Thread(target=send, daemon=True).start()
while sys.argv[3] == "reads":
    receiver.recv(4096)
time.sleep(3600)
