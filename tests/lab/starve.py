"""starve.py ADDRESS PORT LIMIT COUNT: may open LIMIT files, and opens up to COUNT connections."""

import resource
import socket
import sys
import time

limit, count = int(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
# A listener of the caller says that it has begun; it has to be open before nothing else can be.
done = socket.create_server(("127.0.0.1", 4))
kept = []
while True:
    try:
        if len(kept) < count:
            kept.append(socket.create_connection((sys.argv[1], int(sys.argv[2]))))
            continue
    except OSError:
        pass
    time.sleep(0.05)
