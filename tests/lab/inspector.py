"""inspector.py ADDRESS PORT REMOTE PORT WORD: passes connections on, except those whose first bytes hold WORD, which it resets."""

import socket
import struct
import sys
import threading

own, remote, word = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4])), sys.argv[5].encode()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def pass_on(source, sink):
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def inspect(client):
    first = client.recv(65536)
    # A TLS record tells its length: the whole of it is looked at.
    while len(first) > 5 and first[0] == 22 and len(first) < 5 + int.from_bytes(first[3:5], "big"):
        first += client.recv(65536)
    if word in first:
        return reset(client)
    server = socket.create_connection(remote)
    server.sendall(first)
    threading.Thread(target=pass_on, args=(client, server), daemon=True).start()
    pass_on(server, client)
    server.close()
    client.close()


listener = socket.create_server(own)
while True:
    threading.Thread(target=inspect, args=(listener.accept()[0],), daemon=True).start()
