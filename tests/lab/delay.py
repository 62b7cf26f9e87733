"""delay.py MS DEVICE NETWORK READY: what comes in by DEVICE for NETWORK goes on MS later; listens on the port READY once it does."""

import collections
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

delay, device, network, ready = int(sys.argv[1]) / 1000, sys.argv[2], sys.argv[3], int(sys.argv[4])
tun = os.open("/dev/net/tun", os.O_RDWR)
# IFF_TUN | IFF_NO_PI
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"long0", 0x1001))
for command in (
    "ip link set long0 up mtu 1500",
    "ip route add default dev long0 table 77",
    f"ip rule add iif {device} to {network} priority 77 lookup 77",
):
    subprocess.run(command.split(), check=True)
with open("/proc/sys/net/ipv4/conf/long0/rp_filter", "w") as strict:
    strict.write("0")
listener = socket.create_server(("127.0.0.1", ready))
waiting = collections.deque()
while True:
    left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    if select.select([tun], [], [], left)[0]:
        packet = os.read(tun, 65536)
        waiting.append((time.monotonic() + delay, packet))
    while waiting and waiting[0][0] <= time.monotonic():
        os.write(tun, waiting.popleft()[1])
