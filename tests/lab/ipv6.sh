#!/bin/sh
# ipv6.sh DEVICE ADDRESS GATEWAY|- COMMAND...: gives this host an IPv6 address and default route, and becomes COMMAND.
set -eu
device=$1 address=$2 gateway=$3
shift 3
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip -6 addr add "$address" dev "$device" nodad
[ "$gateway" = - ] || ip -6 route add default via "$gateway"
exec "$@"
