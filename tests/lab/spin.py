"""spin.py ADDRESS PORT idle|busy: listens, takes nothing, and does nothing or keeps a processor busy."""

import socket
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)
while sys.argv[3] == "busy":
    pass
time.sleep(3600)
