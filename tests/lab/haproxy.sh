#!/bin/sh
# haproxy.sh DIR LISTEN BACKEND...: a real HAProxy that gives each request to the next BACKEND, of which it checks nothing.
set -eu
dir=$1 listen=$2
shift 2
conf=$dir/haproxy-$listen.conf
{
    printf 'global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n'
    printf 'frontend f\n  bind %s\n  default_backend b\nbackend b\n  balance roundrobin\n' "$listen"
    for backend in "$@"; do printf '  server %s %s\n' "$backend" "$backend"; done
} > "$conf"
exec haproxy -db -q -f "$conf"
