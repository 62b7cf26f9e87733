#!/bin/sh
# nginx.sh DIR LISTEN CERTIFICATE|- STATUS [DIRECTIVES]: a real nginx that answers every request with STATUS, over TLS with
# DIR/CERTIFICATE.pem.
set -eu
dir=$1 listen=$2 certificate=$3 status=$4 directives=${5-}
root=$dir/nginx-$(echo "$listen" | tr ':.' '__')
mkdir -p "$root"
ssl= tls=
if [ "$certificate" != - ]; then
    ssl=' ssl'
    tls="ssl_certificate $dir/$certificate.pem; ssl_certificate_key $dir/$certificate.key;"
fi
cat > "$root/nginx.conf" <<CONF
daemon off;
worker_processes 1;
user root;
pid $root/pid;
error_log $root/error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $root; proxy_temp_path $root; fastcgi_temp_path $root; uwsgi_temp_path $root; scgi_temp_path $root;
    server { listen $listen$ssl; $tls $directives location / { return $status "answer\n"; } }
}
CONF
exec nginx -p "$root" -e "$root/error.log" -c "$root/nginx.conf"
