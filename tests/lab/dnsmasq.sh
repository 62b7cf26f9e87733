#!/bin/sh
# dnsmasq.sh LISTEN OPTION...: a real dnsmasq that knows only what its options say; they are its long options without the dashes.
set -eu
listen=$1
shift
for option in "$@"; do
    shift
    set -- "$@" "--$option"
done
exec dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=nobody --pid-file= --log-facility=- \
    --listen-address="$listen" --bind-interfaces --local-ttl=60 "$@"
