"""fill.py: fills this namespace's connection tracking with established flows of nobody, up to the maximum."""

import socket
import struct

most = int(open("/proc/sys/net/netfilter/nf_conntrack_max").read())


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def nested(kind, *values):
    return attribute(kind | 0x8000, b"".join(values))


def flow(kind, source, target, ports):
    addresses = nested(1, attribute(1, source), attribute(2, target))
    return nested(kind, addresses, nested(2, attribute(1, b"\6"), attribute(2, ports[:2]), attribute(3, ports[2:])))


def message(port):
    ours, theirs = source(0), bytes((198, 19, 0, 1))
    port, service = struct.pack("!H", port), struct.pack("!H", 80)
    body = b"\2\0\0\0" + flow(1, ours, theirs, port + service) + flow(2, theirs, ours, service + port)
    # Status: seen a reply, assured, confirmed; an hour; state ESTABLISHED.
    body += attribute(3, struct.pack("!I", 0xE)) + attribute(7, struct.pack("!I", 3600)) + nested(4, nested(1, attribute(1, b"\3")))
    # IPCTNL_MSG_CT_NEW, as a request to create.
    return struct.pack("=IHHII", 16 + len(body), 0x100, 0x401, 0, 0) + body


def source(number):
    return bytes((198, 18, 1, number))


ports = range(1024, 51024)
batches = [b"".join(map(message, ports[start : start + 200])) for start in range(0, len(ports), 200)]
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
for number in range(most // len(ports) + 1):
    for batch in batches:
        kernel.send(batch.replace(source(0), source(number)))
