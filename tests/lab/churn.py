"""churn.py ADDRESS PORT BUCKETS: opens connections and closes each first, some hundred a second, without end, while the kernel of this namespace
keeps at most BUCKETS closed ones (0: its default)."""

import socket
import sys
import time

if sys.argv[3] != "0":
    with open("/proc/sys/net/ipv4/tcp_max_tw_buckets", "w") as limit:
        limit.write(sys.argv[3])
remote, begun, done = (sys.argv[1], int(sys.argv[2])), time.monotonic(), None
while True:
    with socket.create_connection(remote) as connection:
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    if done is None and time.monotonic() > begun + 1:
        # A listener of this host says that it is under way.
        done = socket.create_server(("127.0.0.1", 4))
    time.sleep(0.003)
