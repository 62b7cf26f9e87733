#!/bin/sh
# hijacker.sh DIR LISTEN UPSTREAM ADDRESS: a real BIND that forwards to UPSTREAM and, as some providers do, answers ADDRESS where a name does not exist.
set -eu
dir=$1 listen=$2 upstream=$3 address=$4
root=$dir/named-$listen
mkdir -p "$root"
printf '$TTL 60\n@ SOA ns. root. 1 60 60 60 60\n@ NS ns.\n*. A %s\n' "$address" > "$root/redirect.zone"
cat > "$root/named.conf" <<CONF
options {
    directory "$root"; pid-file none; session-keyfile "$root/session.key";
    listen-on { $listen; }; listen-on-v6 { none; }; query-source address $listen;
    recursion yes; allow-recursion { any; }; allow-query-cache { any; }; forward only; forwarders { $upstream; }; dnssec-validation no; empty-zones-enable no;
};
controls { };
zone "." { type redirect; file "$root/redirect.zone"; allow-query { any; }; };
CONF
exec named -f -c "$root/named.conf" -n 1
