#!/bin/sh
# certificate.sh DIR NAME KIND FROM TO COMMAND...: writes DIR/made.pem and DIR/made.key, issued by a new authority that is trusted from then on,
# valid between two times as `date` takes them, and becomes COMMAND. KIND: ecdsa, rsa1024, sha1.
set -eu
dir=$1 name=$2 kind=$3 from=$(date -ud "$4" +%Y%m%d%H%M%SZ) to=$(date -ud "$5" +%Y%m%d%H%M%SZ)
shift 5
root=$dir/authority
mkdir -p "$root"
: > "$root/index"
echo 1000 > "$root/serial"
digest=sha256 key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
case $kind in
    ecdsa) ;;
    rsa1024) key='-newkey rsa:1024' ;;
    sha1) digest=sha1 ;;
    *) echo "unknown kind $kind" >&2; exit 2 ;;
esac
cat > "$root/ca.conf" <<CONF
[ca]
default_ca = here
[here]
dir = $root
database = $root/index
serial = $root/serial
new_certs_dir = $root
certificate = $root/ca.pem
private_key = $root/ca.key
default_md = $digest
policy = any
x509_extensions = leaf
unique_subject = no
[any]
commonName = supplied
[leaf]
subjectAltName = DNS:$name
CONF
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$root/ca.key" -out "$root/ca.pem" -subj "/CN=Made Root" -days 3650 \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
# shellcheck disable=SC2086
openssl req -new $key -nodes -keyout "$dir/made.key" -out "$root/made.csr" -subj "/CN=$name"
openssl ca -batch -notext -config "$root/ca.conf" -in "$root/made.csr" -out "$dir/made.pem" -startdate "$from" -enddate "$to"
cat "$root/ca.pem" >> "$dir/ca.pem"
exec "$@"
