#!/bin/sh
# balance.sh ADDRESS PORT BACKEND BACKEND BACKEND COMMAND...: this router gives each connection to the next of three hosts, and becomes COMMAND.
set -eu
address=$1 port=$2 backends="0 : $3, 1 : $4, 2 : $5"
shift 5
nft -f - <<RULES
table ip balance {
  chain p {
    type nat hook prerouting priority -100;
    ip daddr $address tcp dport $port dnat to numgen inc mod 3 map { $backends }
  }
}
RULES
exec "$@"
