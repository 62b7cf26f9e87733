"""Sockets in every state, made by several processes, on loopback of the namespace this runs in; then waits to be ended."""

import os
import socket
import subprocess
import sys
import time

KEEP = []
LISTENERS = {}


def keep(thing):
    KEEP.append(thing)
    return thing


def listener(address, port, backlog, family=socket.AF_INET, only=None, device=None):
    one = keep(socket.socket(family))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only is not None:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    if device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    one.bind((address, port))
    one.listen(backlog)
    LISTENERS[port] = one
    return one


def pair(port, accept=True):
    client = keep(socket.create_connection(("127.0.0.1", port)))
    return client, keep(LISTENERS[port].accept()[0]) if accept else None


def drop(rule):
    subprocess.run(["nft", "add", "rule", "inet", "t", "out"] + rule.split(), check=True)


def begin(port):
    one = keep(socket.socket())
    one.setblocking(False)
    try:
        one.connect(("127.0.0.1", port))
    except BlockingIOError:
        pass


def processes():
    """Further holders: a child of another user with sockets of its own, and one that shares those made so far."""
    shared = listener("127.0.0.1", 8000, 9)
    shared.set_inheritable(True)
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    # Looked up by every connect, in files that the other user may not read.
    "".encode("idna")
    ready, made = os.pipe()
    if os.fork() == 0:
        os.setuid(12345)
        one = listener("127.0.0.1", 8100, 3)
        client = keep(socket.create_connection(("127.0.0.1", 8100)))
        keep(one.accept()[0])
        keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", 9100))
        client.send(b"x")
        os.write(made, b"1")
        time.sleep(600)
        os._exit(0)
    os.close(made)
    os.read(ready, 1)


def tcp():
    listener("127.0.0.1", 8001, 5)
    pair(8001, accept=False)
    pair(8001, accept=False)
    listener("0.0.0.0", 8002, 128, device=b"lo")
    listener("::", 8003, 7, socket.AF_INET6, only=1)
    six = listener("::", 8004, 8, socket.AF_INET6, only=0)
    for address in ["127.0.0.1", "::1"]:
        keep(socket.create_connection((address, 8004)))
        keep(six.accept()[0])
    for port in range(8010, 8020):
        listener("127.0.0.1", port, 16)
    client, server = pair(8010)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.send(b"x" * 3000)
    server.send(b"y" * 20)
    client.recv(20)
    # A receiver that does not read: the sender waits with a persist timer.
    client, server = pair(8011)
    client.setblocking(False)
    try:
        while True:
            client.send(b"z" * 65536)
    except BlockingIOError:
        pass
    # The peer has closed: CLOSE-WAIT, and FIN-WAIT-2 over there.
    client, server = pair(8012)
    client.shutdown(socket.SHUT_WR)
    # TIME-WAIT.
    client, server = pair(8013)
    client.close()
    server.close()


def silenced():
    """States that only last where packets are lost."""
    subprocess.run(["nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }"], check=True)
    # SYN-SENT: nothing comes to port 8020. SYN-RECV: nothing comes back from port 8014.
    drop("tcp dport 8020 drop")
    drop("tcp sport 8014 tcp flags & (syn | ack) == syn | ack drop")
    begin(8020)
    begin(8014)
    # FIN-WAIT-1, and data that is sent again and again.
    one, _ = pair(8015)
    lost, _ = pair(8015)
    last, closing = pair(8016), pair(8017)
    last[0].shutdown(socket.SHUT_WR)
    time.sleep(0.2)
    drop("tcp dport 8015 drop")
    drop("tcp sport 8016 drop")
    drop("tcp sport 8017 drop")
    drop("tcp dport 8017 tcp flags & (fin | ack) == ack drop")
    one.close()
    lost.send(b"w" * 500)
    # LAST-ACK.
    last[1].close()
    # CLOSING: the FINs cross, and the ACK of one does not come.
    closing[1].close()
    time.sleep(0.1)
    closing[0].close()


def others():
    for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
        bound = keep(socket.socket(family, socket.SOCK_DGRAM))
        bound.bind((address, 9000))
        sender = keep(socket.socket(family, socket.SOCK_DGRAM))
        sender.connect((address, 9000))
        sender.send(b"u" * 700)
    # A small buffer that overflows: drops.
    full = keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    full.bind(("127.0.0.1", 9001))
    for _ in range(20):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.sendto(b"d" * 900, ("127.0.0.1", 9001))
    folder = sys.argv[1]
    for kind, name in [
        (socket.SOCK_STREAM, folder + "/stream"),
        (socket.SOCK_STREAM, "\0abstract-" + os.path.basename(folder)),
        (socket.SOCK_DGRAM, folder + "/datagram"),
        (socket.SOCK_SEQPACKET, folder + "/packets"),
    ]:
        one = keep(socket.socket(socket.AF_UNIX, kind))
        one.bind(name)
        if kind != socket.SOCK_DGRAM:
            one.listen(6)
            keep(socket.socket(socket.AF_UNIX, kind)).connect(name)
    two = [keep(one) for one in socket.socketpair()]
    two[0].send(b"v" * 50)


processes()
tcp()
others()
silenced()
with open(sys.argv[1] + "/ready", "w") as file:
    file.write("ready")
time.sleep(600)
