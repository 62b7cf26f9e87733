//! The servers and how each is started.

use std::path::Path;

use anyhow::{Context, Result};
use sonde_tests::binaries::tool;

use super::world::SERVER;

/// One process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// http 8001; https 8443 (h2), 8444 (TLS 1.2 only, P-384).
    Nginx,
    /// http 9001; https 9443 (h2).
    Haproxy,
    /// `s_server` with a certificate of this kind, on this port, with further arguments.
    Openssl(&'static str, u16, &'static [&'static str]),
    /// The server of `tests/peer`.
    Go,
    /// TLS on request.
    Postgres,
}

impl Server {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Openssl(kind, port, _) => format!("openssl-{kind}-{port}"),
            other => format!("{other:?}"),
        }
    }

    pub(crate) fn ports(self) -> Vec<u16> {
        match self {
            Self::Nginx => vec![8001, 8443, 8444],
            Self::Haproxy => vec![9001, 9443],
            Self::Openssl(_, port, _) => vec![port],
            Self::Go => vec![6001, 6443, 6002],
            Self::Postgres => vec![5432],
        }
    }

    /// Its command line; its configuration is written into `dir`.
    pub(crate) fn command(self, dir: &Path) -> Result<Vec<String>> {
        let path = |name: &str| dir.join(name).display().to_string();
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        Ok(match self {
            Self::Nginx => {
                std::fs::write(dir.join("page.html"), "x".repeat(12_345))?;
                let text = NGINX.replace("DIR", &dir.display().to_string()).replace("SERVER", SERVER);
                std::fs::write(dir.join("nginx.conf"), text)?;
                words(&["nginx", "-p", &path(""), "-c", &path("nginx.conf"), "-e", &path("nginx-error.log")])
            }
            Self::Haproxy => {
                let pair =
                    std::fs::read_to_string(dir.join("good.pem"))? + &std::fs::read_to_string(dir.join("good.key"))?;
                std::fs::write(dir.join("pair.pem"), pair)?;
                let text = HAPROXY.replace("DIR", &dir.display().to_string()).replace("SERVER", SERVER);
                std::fs::write(dir.join("haproxy.cfg"), text)?;
                words(&["haproxy", "-db", "-f", &path("haproxy.cfg")])
            }
            Self::Openssl(kind, port, more) => {
                let (chain, key) = (path(&format!("{kind}.pem")), path(&format!("{kind}.key")));
                let accept = format!("{SERVER}:{port}");
                let mut command = words(&["openssl", "s_server", "-accept", &accept, "-cert", &chain]);
                command.extend(words(&["-key", &key, "-www", "-quiet"]));
                // Not read from the file of the leaf; and an empty file is an error.
                if !matches!(kind, "incomplete" | "selfsigned") {
                    command.extend(words(&["-cert_chain", &path(&format!("{kind}-above.pem"))]));
                }
                command.extend(more.iter().map(|word| word.replace("DIR", &dir.display().to_string())));
                command
            }
            Self::Go => {
                let peer = tool("dial-peer").context("tests/run builds target/tools/dial-peer")?;
                let peer = peer.display().to_string();
                words(&[&peer, SERVER, &path("p384.pem"), &path("p384.key"), &path("clients.pem")])
            }
            Self::Postgres => {
                let script = POSTGRES.replace("DIR", &dir.display().to_string()).replace("SERVER", SERVER);
                words(&["sh", "-c", &script])
            }
        })
    }
}

const NGINX: &str = "
daemon off; master_process off; worker_processes 1; pid DIR/nginx.pid;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path DIR/nginx-body; proxy_temp_path DIR/nginx-proxy;
    fastcgi_temp_path DIR/nginx-fastcgi; uwsgi_temp_path DIR/nginx-uwsgi; scgi_temp_path DIR/nginx-scgi;
    default_type text/html; root DIR;
    server {
        listen SERVER:8001;
        location = /old { return 301 http://SERVER:8001/older; }
        location = /older { return 302 /page.html; }
        location = /up { return 308 https://SERVER:8443/page.html; }
        location = /teapot { return 418 short; }
    }
    server {
        listen SERVER:8443 ssl http2; ssl_certificate DIR/good.pem; ssl_certificate_key DIR/good.key;
        ssl_protocols TLSv1.2 TLSv1.3;
    }
    server {
        listen SERVER:8444 ssl; ssl_certificate DIR/p384.pem; ssl_certificate_key DIR/p384.key;
        ssl_protocols TLSv1.2; ssl_ecdh_curve secp384r1; ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;
    }
}
";

const HAPROXY: &str = "
global
    maxconn 64
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend plain
    bind SERVER:9001
    http-request redirect code 303 location https://SERVER:9443/answer if { path /form }
    http-request return status 429 content-type text/plain hdr retry-after 7 string slow-down
frontend secure
    bind SERVER:9443 ssl crt DIR/pair.pem alpn h2,http/1.1 curves P-384 ciphersuites TLS_CHACHA20_POLY1305_SHA256
    http-request return status 403 content-type application/json string {}
";

/// It refuses to run as root, and to use a key that others may read.
const POSTGRES: &str = "
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chmod 711 DIR
install -d -o postgres -g postgres -m 700 DIR/postgres
install -o postgres -g postgres -m 600 DIR/good.pem DIR/good.key DIR/postgres/
as='setpriv --reuid=postgres --regid=postgres --clear-groups'
$as $bin/initdb -D DIR/postgres/data -A trust --no-sync --no-locale >/dev/null
exec $as $bin/postgres -D DIR/postgres/data -p 5432 -c listen_addresses=SERVER -c unix_socket_directories= -c ssl=on \
    -c ssl_cert_file=DIR/postgres/good.pem -c ssl_key_file=DIR/postgres/good.key
";
