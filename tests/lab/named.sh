#!/bin/sh
# named.sh DIR LISTEN ZONE=RECORD;RECORD...: a real BIND that serves zones and nothing else.
# RECORD is as in a zone file (TTL 300, relative to ZONE); `.` is the root zone. The zone's own server is `ns` at LISTEN, unless there is another
# `@ NS`. With `SIGNED_FROM` and `SIGNED_TO` in the environment (as dnssec-signzone takes them) zones are signed, and DIR/ZONE.anchor holds the
# trust anchor; `TAMPER`, for sed, changes them afterwards. A signal HUP (DIR/named-LISTEN.pid) reads the zones again.
set -eu
dir=$1 listen=$2
shift 2
root=$dir/named-$listen
mkdir -p "$root"
conf=$root/named.conf
cat > "$conf" <<CONF
options {
    directory "$root"; pid-file "$dir/named-$listen.pid"; session-keyfile "$root/session.key";
    listen-on { $listen; }; listen-on-v6 { none; }; query-source address $listen;
    recursion no; empty-zones-enable no; notify no; dnssec-validation no; max-udp-size 4096; check-names primary ignore;
};
controls { };
CONF
for spec in "$@"; do
    zone=${spec%%=*} records=${spec#*=}
    file=$root/$(echo "$zone" | sed 's/^\.$/root/').zone
    {
        printf '$TTL 300\n'
        case $zone in .) printf '$ORIGIN .\n' ;; *) printf '$ORIGIN %s.\n' "$zone" ;; esac
        echo "@ SOA ns root 1 300 300 300 300"
        case $records in *'@ NS'*) ;; *) printf '@ NS ns\nns A %s\n' "$listen" ;; esac
        echo "$records" | tr ';' '\n' | sed 's/^ *//'
    } > "$file"
    if [ -n "${SIGNED_TO:-}" ]; then
        key=$(cd "$root" && dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$zone")
        cat "$root/$key.key" >> "$file"
        grep DNSKEY "$root/$key.key" | grep -v '^;' > "$dir/$zone.anchor"
        (cd "$root" && dnssec-signzone -P -z -q -s "$SIGNED_FROM" -e "$SIGNED_TO" -o "$zone" -f "$file.signed" "$file" "$key") > /dev/null
        file=$file.signed
        if [ -n "${TAMPER:-}" ]; then sed -i "$TAMPER" "$file"; fi
    fi
    echo "zone \"$zone\" { type primary; file \"$file\"; };" >> "$conf"
done
exec named -f -c "$conf" -n 1
