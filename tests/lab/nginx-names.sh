#!/bin/sh
# nginx-names.sh DIR LISTEN DEFAULT NAME CERTIFICATE: a real nginx with DIR/CERTIFICATE.pem for NAME. What it does for other names is
# DEFAULT: a certificate of DIR, or `reject` for the alert unrecognized_name.
set -eu
dir=$1 listen=$2 default=$3 name=$4 certificate=$5
root=$dir/nginx-names
mkdir -p "$root"
case $default in
    reject) other='ssl_reject_handshake on;' ;;
    *) other="ssl_certificate $dir/$default.pem; ssl_certificate_key $dir/$default.key;" ;;
esac
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
    server { listen $listen ssl default_server; server_name _; $other location / { return 200 "other\n"; } }
    server {
        listen $listen ssl; server_name $name;
        ssl_certificate $dir/$certificate.pem; ssl_certificate_key $dir/$certificate.key;
        location / { return 200 "answer\n"; }
    }
}
CONF
exec nginx -p "$root" -e "$root/error.log" -c "$root/nginx.conf"
