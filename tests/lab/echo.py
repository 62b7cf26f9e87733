"""echo.py ADDRESS PORT all|small|some|none|ntp: sends back every datagram, those of at most 1,000 bytes, four of five, or none; or tells the time."""

import socket
import sys

service = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
service.bind((sys.argv[1], int(sys.argv[2])))
# A listener says that it is bound.
ready = socket.create_server(("127.0.0.1", 4))
count = 0
while True:
    datagram, peer = service.recvfrom(65536)
    count += 1
    if sys.argv[3] == "all" or sys.argv[3] == "small" and len(datagram) <= 1000 or sys.argv[3] == "some" and count % 5:
        service.sendto(datagram, peer)
    elif sys.argv[3] == "ntp" and len(datagram) == 48:
        # A server of stratum 2; the origin timestamp is the client's.
        service.sendto(bytes((0x24, 2, 6, 0xEC)) + bytes(20) + datagram[40:48] + bytes(16), peer)
