#!/bin/sh
# unbound.sh DIR LISTEN[,LISTEN] MODE ZONE NAME ADDRESS [UPSTREAM]: a real Unbound for one zone.
# MODE: good, nxdomain (NAME does not exist), nodata (NAME has only a TXT record), refuse, servfail (its UPSTREAM does not answer).
set -eu
dir=$1 listen=$2 mode=$3 zone=$4 name=$5 address=$6 upstream=${7:-}
file=$dir/unbound-$(echo "$listen" | tr ':.,' '___').conf
{
    echo 'server:'
    echo '  do-daemonize: no'
    echo '  chroot: ""'
    echo '  username: ""'
    echo '  pidfile: ""'
    echo '  directory: "/tmp"'
    echo '  use-syslog: no'
    echo '  num-threads: 1'
    echo '  so-rcvbuf: 0'
    echo '  access-control: 0.0.0.0/0 allow'
    echo '  module-config: "iterator"'
    echo '  local-zone: "." static'
    echo "$listen" | tr ',' '\n' | sed 's/^/  interface: /'
    soa="local-data: \"$zone. 60 IN SOA ns.$zone. root.$zone. 1 60 60 60 60\""
    case $mode in
    good) printf '  local-zone: "%s." static\n  %s\n  local-data: "%s. 60 IN A %s"\n' "$zone" "$soa" "$name" "$address" ;;
    nxdomain) printf '  local-zone: "%s." static\n  %s\n  local-data: "other.%s. 60 IN A %s"\n' "$zone" "$soa" "$zone" "$address" ;;
    nodata) printf '  local-zone: "%s." static\n  %s\n  local-data: "%s. 60 IN TXT nothing"\n' "$zone" "$soa" "$name" ;;
    refuse) printf '  local-zone: "%s." refuse\n' "$zone" ;;
    servfail) printf '  local-zone: "%s." transparent\n  do-not-query-localhost: no\nforward-zone:\n  name: "%s."\n  forward-addr: %s\n' "$zone" "$zone" "$upstream" ;;
    *) echo "unknown mode $mode" >&2; exit 2 ;;
    esac
} > "$file"
exec unbound -d -c "$file"
