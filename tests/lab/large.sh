#!/bin/sh
# large.sh NAME COUNT: COUNT TXT records of 200 bytes, as `named.sh` takes them.
set -eu
name=$1 count=$2
fill=$(printf '%0190d' 0)
while [ "$count" -gt 0 ]; do
    printf '%s TXT "%s-%s";' "$name" "$count" "$fill"
    count=$((count - 1))
done
