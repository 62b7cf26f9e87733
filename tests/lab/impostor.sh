#!/bin/sh
# impostor.sh DEVICE GATEWAY ADDRESS: a further host on the router's segment behind DEVICE, with an ADDRESS that another host has.
set -eu
device=$1 gateway=$2 address=$3
ip link add br0 type bridge
ip addr flush dev "$device"
ip link set "$device" master br0
ip addr add "$gateway/24" dev br0
ip link set br0 up
ip link add y1 type veth peer name y0
ip link set y1 master br0
ip link set y1 up
me=$$
# This very process becomes the host; its link follows it there.
(until ip link set y0 netns $me && ! ip link show y0; do sleep 0.1; done > /dev/null 2>&1) &
exec unshare -n sh -c "until ip link show y0 > /dev/null 2>&1; do sleep 0.1; done; ip addr add $address/24 dev y0; ip link set y0 up; exec sleep 120"
