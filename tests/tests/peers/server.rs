//! The peers and their configurations: what each offers, with its own address.

use std::path::Path;

use anyhow::Result;
use sonde_core::observation::dns::Transport;

/// A DNS server of Debian's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// named, authoritative.
    Bind,
    /// knotd, authoritative. Its QUIC needs an XDP socket, which a veth device offers as well.
    Knot,
    /// A validating resolver over zones of its own.
    Unbound,
    /// A forwarder to BIND, with names of its own.
    Dnsmasq,
}

/// A zone of `zone/records.zone`.
pub(crate) struct Zone {
    pub(crate) name: &'static str,
    /// Options of dnssec-signzone.
    pub(crate) signing: Option<&'static str>,
}

/// What is served. The signatures of `bogus.example` expired long ago.
pub(crate) const ZONES: [Zone; 4] = [
    Zone { name: "rich.example", signing: None },
    Zone { name: "signed.example", signing: Some("") },
    Zone { name: "nsec3.example", signing: Some("-3 aabbccdd -H 0") },
    Zone { name: "bogus.example", signing: Some("-s 20200101000000 -e 20200201000000 -P") },
];

impl Server {
    pub(crate) fn address(self) -> &'static str {
        match self {
            Self::Bind => "192.0.2.1",
            Self::Knot => "192.0.2.2",
            Self::Unbound => "192.0.2.3",
            Self::Dnsmasq => "192.0.2.4",
        }
    }

    /// What this version offers: see the crate's tests for the versions.
    pub(crate) fn transports(self) -> &'static [Transport] {
        match self {
            Self::Bind | Self::Unbound => &[Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Https],
            Self::Knot => &[Transport::Udp, Transport::Tcp, Transport::Quic],
            Self::Dnsmasq => &[Transport::Udp, Transport::Tcp],
        }
    }

    pub(crate) fn tcp_ports(self) -> impl Iterator<Item = u16> {
        let tcp = |transport: &&Transport| !matches!(transport, Transport::Udp | Transport::Quic);
        self.transports().iter().filter(tcp).map(|transport| transport.default_port())
    }

    /// Seconds by which a TTL may count down between two questions: those who cache count.
    pub(crate) fn ages(self) -> bool {
        matches!(self, Self::Unbound | Self::Dnsmasq)
    }

    /// The zones that must be there before the first question.
    pub(crate) fn zones(self) -> &'static [&'static str] {
        match self {
            Self::Bind | Self::Knot => &["rich.example", "signed.example", "nsec3.example", "bogus.example"],
            Self::Unbound => &["rich.example", "signed.example", "nsec3.example"],
            Self::Dnsmasq => &["rich.example", "signed.example"],
        }
    }

    /// Writes its configuration to `dir` and says how it is started.
    pub(crate) fn command(self, dir: &Path) -> Result<(&'static str, Vec<String>)> {
        let path = dir.join(format!("{self:?}.conf"));
        let path_text = path.display().to_string();
        std::fs::create_dir_all(dir.join("knot"))?;
        std::fs::write(&path, self.configuration().replace("{dir}", &dir.display().to_string()))?;
        let words: &[&str] = match self {
            Self::Bind => &["-g", "-n", "1", "-c", &path_text],
            Self::Knot => &["-c", &path_text],
            Self::Unbound => &["-dd", "-c", &path_text],
            Self::Dnsmasq => &["--keep-in-foreground", "--log-facility=-", "-C", &path_text],
        };
        let program = match self {
            Self::Bind => "named",
            Self::Knot => "knotd",
            Self::Unbound => "unbound",
            Self::Dnsmasq => "dnsmasq",
        };
        Ok((program, words.iter().map(|&word| word.to_owned()).collect()))
    }

    fn configuration(self) -> String {
        match self {
            Self::Bind => {
                let zone = |zone: &Zone| format!("zone \"{0}\" {{ type primary; file \"{0}\"; }};\n", zone.name);
                BIND.to_owned() + &ZONES.iter().map(zone).collect::<String>()
            }
            Self::Knot => {
                let zone = |zone: &Zone| format!("  - domain: {0}\n    file: {{dir}}/{0}\n", zone.name);
                KNOT.to_owned() + &ZONES.iter().map(zone).collect::<String>()
            }
            Self::Unbound => {
                let zone = |zone: &Zone| {
                    let how = "for-downstream: no\n  for-upstream: yes\n  fallback-enabled: no\n";
                    format!("auth-zone:\n  name: {0}\n  zonefile: \"{{dir}}/{0}\"\n  {how}", zone.name)
                };
                UNBOUND.to_owned() + &ZONES.iter().map(zone).collect::<String>()
            }
            Self::Dnsmasq => DNSMASQ.to_owned(),
        }
    }
}

const BIND: &str = r#"
tls peers { cert-file "{dir}/good.pem"; key-file "{dir}/good.key"; };
http peers { endpoints { "/dns-query"; }; };
options {
  directory "{dir}"; pid-file none; session-keyfile none;
  listen-on port 53 { 192.0.2.1; };
  listen-on port 853 tls peers { 192.0.2.1; };
  listen-on port 443 tls peers http peers { 192.0.2.1; };
  listen-on-v6 port 53 { 2001:db8:53::1; };
  listen-on-v6 port 853 tls peers { 2001:db8:53::1; };
  listen-on-v6 port 443 tls peers http peers { 2001:db8:53::1; };
  recursion no; dnssec-validation no; notify no;
  server-id "bind-peer"; version "peer";
  response-padding { any; } block-size 468;
  rrset-order { order none; };
  check-names primary ignore; check-integrity no;
};
controls { };
"#;

const KNOT: &str = r"
server:
    rundir: {dir}/knot
    user: root:root
    listen: [ 192.0.2.2@53 ]
    nsid: knot-peer
    version: peer
    cert-file: {dir}/good.pem
    key-file: {dir}/good.key
xdp:
    listen: 192.0.2.2@5300
    quic: on
    quic-port: 853
    udp: off
    tcp: off
database:
    storage: {dir}/knot
log:
  - target: stderr
    any: info
mod-cookies:
  - id: default
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    global-module: mod-cookies/default
zone:
";

const UNBOUND: &str = r#"
server:
  directory: "{dir}"
  pidfile: ""
  chroot: ""
  username: ""
  use-syslog: no
  num-threads: 1
  interface: 192.0.2.3@53
  interface: 192.0.2.3@853
  interface: 192.0.2.3@443
  tls-port: 853
  https-port: 443
  tls-service-key: "{dir}/good.key"
  tls-service-pem: "{dir}/good.pem"
  access-control: 0.0.0.0/0 allow
  module-config: "validator iterator"
  trust-anchor-file: "{dir}/dsset-signed.example."
  trust-anchor-file: "{dir}/dsset-bogus.example."
  nsid: "ascii_unbound-peer"
  identity: "peer"
  version: "peer"
  ede: yes
  edns-tcp-keepalive: yes
  rrset-roundrobin: no
  minimal-responses: no
  local-zone: "refused.example." refuse
  local-zone: "static.example." static
remote-control:
  control-enable: no
"#;

const DNSMASQ: &str = r#"
no-resolv
no-hosts
no-round-robin
user=root
port=53
listen-address=192.0.2.4
bind-interfaces
pid-file=
server=/example/192.0.2.1
local=/peer/
local-ttl=300
host-record=local.peer,192.0.2.44,2001:db8::44
txt-record=text.peer,"one","two strings"
srv-host=_sip._tcp.peer,local.peer,5060,10,20
mx-host=peer,local.peer,10
caa-record=peer,0,issue,ca.example
ptr-record=ptr.peer,local.peer
naptr-record=naptr.peer,100,50,s,SIP+D2U,,_sip._udp.peer
cname=alias.peer,local.peer
dns-rr=unknown.peer,65400,deadbeef
"#;
