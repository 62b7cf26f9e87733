#!/bin/sh
# openssl.sh DIR LISTEN CERTIFICATE OPTION...: OpenSSL's own server with DIR/CERTIFICATE.pem, which answers requests with its state.
set -eu
dir=$1 listen=$2 certificate=$3
shift 3
exec openssl s_server -accept "$listen" -cert "$dir/$certificate.pem" -key "$dir/$certificate.key" -cert_chain "$dir/$certificate.pem" \
    -www -quiet "$@" < /dev/null
