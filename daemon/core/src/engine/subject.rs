//! What a finding is about, read from its text: an address, a port, a name, or something of this host.
//!
//! Refuses to guess: two subjects differ only where both say so.

use std::net::IpAddr;

use crate::target::{Host, Target, TargetKind};

/// A subject's parts, as far as its text has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    text: String,
    /// Absent for the unspecified address, which stands for any of this host.
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) name: Option<String>,
}

impl Subject {
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        let first = text.split_whitespace().next().unwrap_or_default();
        let mut subject = Self { text: text.to_lowercase(), address: None, port: None, name: None };
        if let Ok(address) = first.trim_matches(['[', ']']).parse::<IpAddr>() {
            subject.address = Some(address.to_canonical());
        } else if let Ok(target) = first.parse::<Target>() {
            subject.port = target.port().map(super::super::target::Port::number);
            match (target.host(), &target.kind) {
                (Some(Host::Address(address)), _) => subject.address = Some(*address),
                (Some(Host::Name(_)), _) | (None, TargetKind::Dns { .. }) => {
                    subject.name = target.name().map(str::to_owned);
                }
                _ => {}
            }
        }
        subject.address = subject.address.filter(|address| !address.is_unspecified());
        subject
    }

    /// Both texts mean one thing.
    pub(super) fn same(&self, other: &Self) -> bool {
        let ports = self.port.is_none() || other.port.is_none() || self.port == other.port;
        match (self.address, other.address) {
            (Some(mine), Some(theirs)) => return mine == theirs && ports,
            (None, None) => {}
            // ":80" and "10.0.0.5:80", the listener on any address and one of its addresses.
            _ => return self.name.is_none() && other.name.is_none() && self.port.is_some() && self.port == other.port,
        }
        match (&self.name, &other.name) {
            (Some(mine), Some(theirs)) => mine == theirs && ports,
            (None, None) if self.port.is_some() && other.port.is_some() => self.port == other.port,
            _ => self.text == other.text,
        }
    }

    /// Both name a port, and not the same.
    pub(super) fn other_port(&self, other: &Self) -> bool {
        matches!((self.port, other.port), (Some(mine), Some(theirs)) if mine != theirs)
    }

    /// Something of this host as a whole: an interface, a file, a process.
    pub(super) fn is_local(&self) -> bool {
        self.address.is_none() && self.port.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let (one, other) = (Subject::parse(one), Subject::parse(other));
        assert_eq!(one.same(&other), other.same(&one), "{one:?} {other:?}");
        one.same(&other)
    }

    #[test]
    fn an_address_is_itself_with_and_without_a_port() {
        assert!(same("10.0.0.5:443", "10.0.0.5"));
        assert!(same("10.0.0.5:443", "https://10.0.0.5/health"));
        assert!(same("[::ffff:10.0.0.5]:443", "10.0.0.5:443"));
        assert!(same("::1", "[::1]"));
        assert!(!same("10.0.0.5:443", "10.0.0.5:444"));
        assert!(!same("10.0.0.5:443", "10.0.0.6:443"));
    }

    #[test]
    fn a_listener_on_any_address_is_its_port() {
        assert!(same(":80", "0.0.0.0:80"));
        assert!(same("[::]:80", "10.0.0.5:80"));
        assert!(!same(":80", ":90"));
        assert!(!same(":80", "eth0"));
    }

    #[test]
    fn names_compare_without_case_and_final_dot() {
        assert!(same("Orders.lab.", "orders.lab"));
        assert!(!same("orders.lab", "orders.lab.svc"));
        assert!(!same("orders.lab:443", "10.0.0.5:443"));
    }

    #[test]
    fn other_texts_are_compared_as_they_are() {
        assert!(same("/etc/nsswitch.conf", "/etc/nsswitch.conf"));
        assert!(!same("eth0", "eth1"));
        assert!(same("10.0.0.53 (udp)", "10.0.0.53"));
        assert!(same("", ""));
    }
}
