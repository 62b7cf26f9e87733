//! Who writes resolv.conf, told by its servers, its links, its header and the mounts of a pod, in this order of weight.
//!
//! Absent on purpose: asking a daemon over D-Bus or a socket; only files are read. What they cannot tell apart stays open.

use std::net::{IpAddr, Ipv4Addr};

use sonde_core::observation::dns::{Manager, ManagerKind};

use super::environment::Environment;
use super::layout::Layout;
use super::resolv::{Readings, lines, text};

/// What it is told by.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) layout: &'a Layout,
    pub(super) environment: &'a Environment,
    pub(super) bytes: &'a [u8],
    pub(super) readings: &'a Readings,
}

impl Facts<'_> {
    pub(super) fn manager(&self) -> Manager {
        let comments = comments(self.bytes);
        let links = self.layout.links();
        let mut manager = self
            .docker(&comments)
            .or_else(|| self.pod())
            .or_else(|| self.resolved(&links, &comments))
            .or_else(|| self.network_manager(&links, &comments))
            .or_else(|| self.resolvconf(&links, &comments))
            .or_else(|| dhcp_client(&links, &comments))
            .unwrap_or_else(|| nobody(&links, &comments));
        manager.node_local = self.addresses().any(|address| is_node_local(address, manager.kind));
        manager
    }

    /// The embedded server of a user-defined network; daemon/libnetwork/internal/resolvconf of moby writes the comment.
    fn docker(&self, comments: &[String]) -> Option<Manager> {
        self.addresses().find(|address| *address == DOCKER)?;
        let servers = comments.iter().find_map(|comment| comment.strip_prefix("ExtServers: "));
        let upstreams = servers.unwrap_or_default().trim_matches(['[', ']']).split_whitespace();
        let upstreams = upstreams.map(|word| word.strip_prefix("host(").unwrap_or(word).trim_end_matches(')'));
        Some(Manager {
            upstreams: upstreams.filter_map(|word| word.parse().ok()).take(UPSTREAMS).collect(),
            ..named(ManagerKind::Docker, format!("nameserver {DOCKER} is Docker's embedded server"))
        })
    }

    /// kubelet's pkg/kubelet/network/dns writes three search domains for `ClusterFirst`.
    fn pod(&self) -> Option<Manager> {
        let mounted = POD_MOUNTS.iter().find(|path| self.layout.exists(path).unwrap_or(false));
        let service = self.environment.get("KUBERNETES_SERVICE_HOST").filter(|value| !value.is_empty());
        let kubernetes = |policy: &str, because: String| {
            let policy = (!policy.is_empty()).then(|| policy.to_owned());
            Some(Manager { dns_policy: policy, ..named(ManagerKind::Kubernetes, because) })
        };
        if let Some(list) = cluster_list(&self.readings.glibc.search) {
            return kubernetes("ClusterFirst", format!("a cluster's search list: {list}"));
        }
        let sign = match (mounted, service) {
            (Some(path), _) => format!("/{path} is mounted"),
            (None, Some(_)) => "KUBERNETES_SERVICE_HOST is set".to_owned(),
            (None, None) => return None,
        };
        let cluster: Option<Ipv4Addr> = service.and_then(|address| address.parse().ok());
        if cluster.is_some_and(|cluster| self.addresses().any(|address| same_service_range(cluster, address))) {
            return kubernetes("None", format!("{sign}; a server of the cluster without the cluster's search list"));
        }
        if self.readings.glibc.ndots != 1 {
            let words = "no cluster search list, but its own ndots: dnsPolicy None, or Default of a node that sets it";
            return kubernetes("", format!("{sign}; {words}"));
        }
        kubernetes("Default", format!("{sign}; no cluster search list: dnsPolicy Default, or hostNetwork"))
    }

    fn resolved(&self, links: &[String], comments: &[String]) -> Option<Manager> {
        let linked =
            |name: &str| links.iter().find(|link| link.ends_with(name)).map(|link| format!("a link to {link}"));
        let headed = |name: &str| {
            let found = comments.iter().find(|comment| comment.starts_with("This is ") && comment.contains(name));
            found.map(|comment| format!("its header: {comment}"))
        };
        let stub = self.addresses().find(|address| STUBS.contains(address));
        // Also where a process has a copy of it.
        let because = linked("systemd/resolve/stub-resolv.conf")
            .or_else(|| linked("lib/systemd/resolv.conf"))
            .or_else(|| stub.map(|address| format!("nameserver {address} is systemd-resolved's stub")));
        if let Some(because) = because {
            let upstreams = self.servers_of(UPLINK);
            return Some(Manager { upstreams, ..named(ManagerKind::SystemdResolvedStub, because) });
        }
        let because = linked("systemd/resolve/resolv.conf").or_else(|| headed("systemd/resolve/resolv.conf"))?;
        Some(named(ManagerKind::SystemdResolvedUplink, because))
    }

    /// Its header is written by src/core/dns/nm-dns-manager.c, as is the file without a local stub.
    fn network_manager(&self, links: &[String], comments: &[String]) -> Option<Manager> {
        let because = linked_below(links, "run/NetworkManager/")
            .or_else(|| headed_by(comments, "Generated by NetworkManager"))?;
        Some(Manager { upstreams: self.behind_loopback(), ..named(ManagerKind::NetworkManager, because) })
    }

    /// Debian's resolvconf, and openresolv.
    fn resolvconf(&self, links: &[String], comments: &[String]) -> Option<Manager> {
        let because = linked_below(links, "resolvconf/")
            .or_else(|| headed_by(comments, "generated by resolvconf"))
            .or_else(|| headed_by(comments, "Generated by resolvconf"))?;
        Some(Manager { upstreams: self.behind_loopback(), ..named(ManagerKind::Resolvconf, because) })
    }

    /// Where every server is on this host, what the stub's own files name.
    fn behind_loopback(&self) -> Vec<IpAddr> {
        if !self.addresses().all(|address| address.is_loopback()) {
            return Vec::new();
        }
        STUB_FILES.iter().map(|path| self.servers_of(path)).find(|servers| !servers.is_empty()).unwrap_or_default()
    }

    fn servers_of(&self, path: &str) -> Vec<IpAddr> {
        let bytes = self.layout.read(path).unwrap_or_default();
        let readings = Readings::of(&bytes, &|_| false);
        readings.glibc.servers.into_iter().map(|server| server.address).take(UPSTREAMS).collect()
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.readings.glibc.servers.iter().map(|server| server.address)
    }
}

/// The headers and links of clients that write the file themselves.
fn dhcp_client(links: &[String], comments: &[String]) -> Option<Manager> {
    let clients = ["dhclient", "dhcpcd", "udhcpc", "dhcp"];
    let named_in = |texts: &[String], made: &[&str]| {
        let is = |text: &&String| {
            let text = text.to_ascii_lowercase();
            made.iter().any(|word| text.contains(word)) && clients.iter().any(|client| text.contains(client))
        };
        texts.iter().find(is).cloned()
    };
    let because = named_in(comments, &["generated", "created", "resolv.conf from"])
        .map(|comment| format!("its header: {comment}"));
    let because = because.or_else(|| named_in(links, &["/"]).map(|link| format!("a link to {link}")))?;
    Some(named(ManagerKind::DhcpClient, because))
}

/// No manager of the record; what the file says of its origin is kept.
fn nobody(links: &[String], comments: &[String]) -> Manager {
    let made = |comment: &&String| {
        let comment = comment.to_ascii_lowercase();
        ["generated", "created by", "managed by"].iter().any(|word| comment.contains(word))
    };
    let because = match (links.first(), comments.iter().find(made)) {
        (_, Some(comment)) => format!("its header: {comment}"),
        (Some(link), None) => format!("a link to {link}"),
        (None, None) => "a plain file without a header".to_owned(),
    };
    named(ManagerKind::None, because)
}

fn named(kind: ManagerKind, because: String) -> Manager {
    Manager { kind, because, ..Manager::default() }
}

fn linked_below(links: &[String], directory: &str) -> Option<String> {
    links.iter().find(|link| link.contains(directory)).map(|link| format!("a link to {link}"))
}

fn headed_by(comments: &[String], words: &str) -> Option<String> {
    comments.iter().find(|comment| comment.contains(words)).map(|comment| format!("its header: {comment}"))
}

/// `NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN`, one after the other.
fn cluster_list(search: &[String]) -> Option<String> {
    let found = search.windows(3).find(|window| {
        let [namespace, services, domain] = window else { return false };
        let label = namespace.strip_suffix(services.as_str()).and_then(|label| label.strip_suffix('.'));
        !domain.is_empty()
            && services.strip_prefix("svc.") == Some(domain)
            && label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
    })?;
    Some(found.join(" "))
}

/// Services of a cluster share a range; /16 is the widest that kubeadm and the common distributions give it by default.
fn same_service_range(cluster: Ipv4Addr, address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[..2] == cluster.octets()[..2])
}

/// 169.254.20.10 is the address of `NodeLocal` `DNSCache`'s own manifest; in a pod every link-local address is the node's, except
/// those where clouds answer.
fn is_node_local(address: IpAddr, kind: ManagerKind) -> bool {
    match address {
        IpAddr::V4(NODE_LOCAL) => true,
        IpAddr::V4(address) => kind == ManagerKind::Kubernetes && address.is_link_local() && !CLOUDS.contains(&address),
        IpAddr::V6(address) => kind == ManagerKind::Kubernetes && address.is_unicast_link_local(),
    }
}

/// Without their marks.
fn comments(bytes: &[u8]) -> Vec<String> {
    let comment = |(_, line): (u32, &[u8])| {
        let line = text(line);
        let comment = line.trim().strip_prefix(['#', ';'])?;
        let comment = comment.trim_start_matches(['#', ';']).trim();
        (!comment.is_empty()).then(|| comment.chars().take(COMMENT_CHARS).collect())
    };
    lines(bytes).filter_map(comment).take(COMMENTS).collect()
}

const DOCKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// systemd-resolved.service(8): the stub, and the one that only proxies.
const STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];
const UPLINK: &str = "run/systemd/resolve/resolv.conf";
/// Where stubs on this host keep the servers they forward to: `NetworkManager` with a plugin, dnsmasq, systemd-resolved.
const STUB_FILES: [&str; 4] =
    ["run/NetworkManager/no-stub-resolv.conf", "run/dnsmasq/resolv.conf", "run/resolvconf/resolv.conf", UPLINK];
const POD_MOUNTS: [&str; 2] =
    ["var/run/secrets/kubernetes.io/serviceaccount", "run/secrets/kubernetes.io/serviceaccount"];
const NODE_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 20, 10);
/// Amazon's resolver; the metadata server of Google, which is its resolver too.
const CLOUDS: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 169, 253), Ipv4Addr::new(169, 254, 169, 254)];
const UPSTREAMS: usize = 16;
const COMMENTS: usize = 64;
const COMMENT_CHARS: usize = 200;

#[cfg(test)]
mod tests;
