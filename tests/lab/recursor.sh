#!/bin/sh
# recursor.sh DIR LISTEN ROOT [ANCHOR]: a real Unbound that resolves by itself, with the root zone at ROOT; it validates where ANCHOR, a file with
# a trust anchor, is given.
set -eu
dir=$1 listen=$2 root=$3 anchor=${4:-}
conf=$dir/recursor-$listen.conf
printf '. 3600 NS ns.\nns. 3600 A %s\n' "$root" > "$dir/root.hints"
cat > "$conf" <<CONF
server:
  do-daemonize: no
  chroot: ""
  username: ""
  pidfile: ""
  directory: "/tmp"
  use-syslog: no
  num-threads: 1
  so-rcvbuf: 0
  interface: $listen
  outgoing-interface: $listen
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  ede: yes
  qname-minimisation: no
  root-hints: "$dir/root.hints"
  module-config: "${anchor:+validator }iterator"
${anchor:+  trust-anchor-file: "$anchor"}
CONF
exec unbound -d -c "$conf"
