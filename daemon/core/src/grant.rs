//! What a run may touch. Checked on the address about to be dialled, never only on the name.
//!
//! Refuses to trust a guest: what a run learns comes from calls the host made, and of those only from granted resolvers.

mod learn;
mod proxy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::target::{Host, Target, TargetKind};

/// How many ports beside its own a run may try on a target address, to tell a filter from a dead host.
pub const EXTRA_PORTS: usize = 4;

/// How many target addresses a run takes from its resolvers; more are not granted.
pub const TARGET_ADDRESSES: usize = 64;

/// How many resolvers a run takes from its configuration. glibc itself reads three (`MAXNS`), systemd's files list more.
pub const RESOLVERS: usize = 16;

/// How many servers of the target's zones a run takes from its resolvers, names and addresses each.
pub const AUTHORITIES: usize = 64;

/// How many proxies a run takes from environments, names and endpoints each.
pub const PROXIES: usize = 16;

/// How many processes a caller names.
pub const PROCESSES: usize = 64;

/// How many endpoints a run holds: those named by the caller, and for a `host` target this host's own listeners.
pub const ENDPOINTS: usize = 4096;

/// The grants of one run. They grow as the run's own resolvers answer for the target's name.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// The target's port.
    target_port: Option<u16>,
    /// The target's addresses in the order they were learnt.
    order: Vec<IpAddr>,
    /// Ports beside the target's own that were tried, by target address; at most [`EXTRA_PORTS`] each.
    extra: BTreeMap<IpAddr, BTreeSet<u16>>,
    /// The configured resolvers, port 53.
    resolvers: BTreeSet<IpAddr>,
    /// The servers of zones that hold the target's name, as its resolvers name them; lower case, without final dots.
    authority_names: BTreeSet<String>,
    /// Their addresses, port 53.
    authorities: BTreeSet<IpAddr>,
    /// The caller asked for its checks by name, so a walk down the delegation of the target's name is what it wants.
    walks: bool,
    /// The search list of the configuration, lower case, without final dots.
    search: Vec<String>,
    /// Proxies that the environment names, by name: lower case, without final dots.
    proxy_names: BTreeMap<String, BTreeSet<u16>>,
    /// Proxies that the environment names, as endpoints.
    proxies: BTreeSet<SocketAddr>,
    /// Named by the caller, or listeners of this host where the target is `host`.
    endpoints: BTreeSet<SocketAddr>,
    /// Named by the caller.
    processes: BTreeSet<u32>,
}

/// Why a destination is not granted; the text names it and what is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is not granted to this run; granted are {granted}")]
pub struct Denial {
    /// What was asked for.
    pub wanted: String,
    /// What would have been allowed.
    pub granted: String,
}

impl Grants {
    /// For a target with this port.
    pub fn new(target_port: Option<u16>) -> Self {
        Self { target_port, ..Self::default() }
    }

    /// What a target grants before anything is learnt: its literal address, its one server, a listener's loopback.
    pub fn for_target(target: &Target) -> Self {
        let mut grants = Self::new(target.port().map(crate::target::Port::number));
        if let Some(Host::Address(address)) = target.host() {
            grants.add_target(*address);
        }
        match target.kind {
            TargetKind::Dns { server: Some(server), .. } => grants.add_resolver(server),
            TargetKind::Listener { .. } => {
                grants.add_target(Ipv4Addr::LOCALHOST.into());
                grants.add_target(Ipv6Addr::LOCALHOST.into());
            }
            TargetKind::Process { pid } => grants.add_process(pid),
            _ => {}
        }
        grants
    }

    /// The target's literal address, or one its resolvers returned in this run.
    pub fn add_target(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        if self.order.len() < TARGET_ADDRESSES && !self.order.contains(&address) {
            self.order.push(address);
        }
    }

    /// A configured resolver.
    pub fn add_resolver(&mut self, address: IpAddr) {
        if self.resolvers.len() < RESOLVERS {
            self.resolvers.insert(address.to_canonical());
        }
    }

    /// A server of a zone that holds the target's name.
    pub fn add_authority(&mut self, address: IpAddr) {
        if self.authorities.len() < AUTHORITIES {
            self.authorities.insert(address.to_canonical());
        }
    }

    /// The caller named the checks to run: a walk of the target's name may ask whatever servers the delegation names.
    pub fn allow_walks(&mut self) {
        self.walks = true;
    }

    /// An endpoint named by the caller.
    pub fn add_endpoint(&mut self, endpoint: SocketAddr) {
        if self.endpoints.len() < ENDPOINTS {
            self.endpoints.insert(canonical(endpoint));
        }
    }

    /// Asks for a TCP dial; counts an extra port. IPv4-in-IPv6 is unmapped first.
    pub fn dial(&mut self, endpoint: SocketAddr) -> Result<(), Denial> {
        let endpoint = canonical(endpoint);
        let (address, port) = (endpoint.ip(), endpoint.port());
        if port == 0 {
            return Err(self.denial(endpoint));
        }
        if self.fixed(endpoint) {
            return Ok(());
        }
        if !self.order.contains(&address) {
            return Err(self.denial(endpoint));
        }
        let tried = self.extra.entry(address).or_default();
        if tried.contains(&port) {
            return Ok(());
        }
        if tried.len() >= EXTRA_PORTS {
            return Err(self.denial(endpoint));
        }
        tried.insert(port);
        Ok(())
    }

    /// Asks to look for the next hop towards an address: one that may be dialled on some port, or a resolver.
    pub fn approach(&self, address: IpAddr) -> Result<(), Denial> {
        let address = address.to_canonical();
        if self.has_a_port_of(address) || self.resolvers.contains(&address) {
            return Ok(());
        }
        Err(self.denial_of("the next hop towards", address))
    }

    /// Asks for ICMP echo of an address: the target's, or that of an endpoint named by the caller.
    pub fn echo(&self, address: IpAddr) -> Result<(), Denial> {
        let address = address.to_canonical();
        if self.has_a_port_of(address) {
            return Ok(());
        }
        Err(self.denial_of("an echo of", address))
    }

    /// Asks for a DNS exchange with a server: a resolver on the ports of its transports, a server of the target's zones on port
    /// 53, or an endpoint that is granted anyway.
    pub fn query(&mut self, server: SocketAddr) -> Result<(), Denial> {
        let server = canonical(server);
        let (address, port) = (server.ip(), server.port());
        let granted = port != 0
            && (self.fixed(server)
                || (RESOLVER_PORTS.contains(&port) && self.resolvers.contains(&address))
                || (port == DNS_PORT && self.authorities.contains(&address)));
        if granted { Ok(()) } else { Err(self.denial(server)) }
    }

    /// Asks for a walk down the delegation of `name`, from these roots (none: IANA's).
    pub fn walk(&self, target: &Target, name: &str, roots: &[SocketAddr]) -> Result<(), Denial> {
        let named = |root: &SocketAddr| self.endpoints.contains(&canonical(*root));
        if let Some(root) = roots.iter().find(|root| !named(root)) {
            return Err(self.denial(*root));
        }
        if self.walks && self.is_target(target, name) {
            return Ok(());
        }
        let granted =
            if self.walks { "a walk of the target's own name" } else { "no walk: ask for the check by its name" };
        Err(Denial { wanted: format!("a walk of {name:?}"), granted: granted.to_owned() })
    }

    /// Granted only as a proxy, which can reach what this run may not.
    pub fn is_only_proxy(&self, endpoint: SocketAddr) -> bool {
        let endpoint = canonical(endpoint);
        let is_resolver = endpoint.port() == DNS_PORT && self.resolvers.contains(&endpoint.ip());
        let otherwise = is_resolver || self.endpoints.contains(&endpoint) || self.order.contains(&endpoint.ip());
        self.proxies.contains(&endpoint) && !otherwise
    }

    /// A process that the caller named: what its files and its environment say is learnt from.
    pub fn add_process(&mut self, pid: u32) {
        if self.processes.len() < PROCESSES {
            self.processes.insert(pid);
        }
    }

    /// The target addresses, in the order they were learnt.
    pub fn targets(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.order.iter().copied()
    }

    /// The target addresses, in the order they were learnt: what a guest sees as its target's addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.order
    }

    /// Granted without counting: the target's own port, a resolver's port 53, an endpoint.
    fn fixed(&self, endpoint: SocketAddr) -> bool {
        let (address, port) = (endpoint.ip(), endpoint.port());
        self.endpoints.contains(&endpoint)
            || self.proxies.contains(&endpoint)
            || (port == DNS_PORT && self.resolvers.contains(&address))
            || (Some(port) == self.target_port && self.order.contains(&address))
    }

    /// Whether some port of it may be dialled.
    fn has_a_port_of(&self, address: IpAddr) -> bool {
        self.order.contains(&address) || self.endpoints.iter().any(|endpoint| endpoint.ip() == address)
    }

    /// Of a whole address, whatever the port.
    fn denial_of(&self, wanted: &str, address: IpAddr) -> Denial {
        Denial { wanted: format!("{wanted} {address}"), ..self.denial(SocketAddr::new(address, 0)) }
    }

    fn denial(&self, wanted: SocketAddr) -> Denial {
        let mut granted = Vec::new();
        for address in &self.order {
            granted.push(match self.target_port {
                Some(port) => format!("{} and {EXTRA_PORTS} more ports of it", SocketAddr::new(*address, port)),
                None => format!("{EXTRA_PORTS} ports of {address}"),
            });
        }
        granted.extend(self.resolvers.iter().map(|address| SocketAddr::new(*address, DNS_PORT).to_string()));
        granted.extend(self.authorities.iter().map(|address| SocketAddr::new(*address, DNS_PORT).to_string()));
        granted.extend(self.endpoints.iter().chain(&self.proxies).take(SHOWN + 1).map(ToString::to_string));
        let more = granted.len().saturating_sub(SHOWN);
        granted.truncate(SHOWN);
        if more > 0 {
            granted.push("others".to_owned());
        }
        let granted = if granted.is_empty() { "none".to_owned() } else { granted.join(", ") };
        Denial { wanted: wanted.to_string(), granted }
    }
}

fn canonical(endpoint: SocketAddr) -> SocketAddr {
    SocketAddr::new(endpoint.ip().to_canonical(), endpoint.port())
}

/// RFC 1035 section 4.2.
const DNS_PORT: u16 = 53;

/// UDP and TCP, TLS and QUIC, HTTPS.
const RESOLVER_PORTS: [u16; 3] = [DNS_PORT, 853, 443];

/// How many grants a denial lists.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests;
