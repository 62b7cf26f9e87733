//! The form in which replies are compared: every field of a DNS message, whoever decoded it, but its id.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sonde_core::observation::dns::{Answer, HeaderFlags, Resource};

/// A decoded message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) opcode: u8,
    pub(crate) rcode: u16,
    /// In the order of the wire, `aa tc rd ra z ad cd`.
    pub(crate) flags: String,
    /// Name, type, class.
    pub(crate) question: Option<(String, u16, u16)>,
    pub(crate) sections: BTreeMap<Section, Vec<Row>>,
    pub(crate) edns: Option<Edns>,
    pub(crate) size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ttl: u32,
    pub(crate) class: u16,
    pub(crate) rtype: u16,
    pub(crate) rdata: String,
}

/// The OPT record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edns {
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    pub(crate) udp_size: u16,
    /// One line each, sorted, as [`option`] writes them.
    pub(crate) options: Vec<String>,
}

impl Reply {
    /// What sonde has read.
    pub(crate) fn of_sonde(answer: &Answer) -> Self {
        let sections = [
            (Section::Answer, &answer.answers),
            (Section::Authority, &answer.authorities),
            (Section::Additional, &answer.additionals),
        ];
        Self {
            opcode: answer.opcode,
            rcode: answer.rcode,
            flags: flags(answer.flags),
            question: answer.question.as_ref().map(|q| (q.name.clone(), q.qtype, q.qclass)),
            sections: sections
                .into_iter()
                .filter(|(_, records)| !records.is_empty())
                .map(|(section, records)| (section, records.iter().map(Row::of_sonde).collect()))
                .collect(),
            edns: answer.edns.as_ref().map(Edns::of_sonde),
            size: answer.size_bytes,
        }
    }

    /// Every field in which they differ, one per line, ours first. TTLs may have counted down by `aged` seconds since theirs.
    pub(crate) fn differences(&self, theirs: &Self, aged: u32) -> String {
        let mut lines = String::new();
        let mut differ = |field: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            if ours != theirs {
                writeln!(lines, "  {field}: sonde {ours}, peer {theirs}").expect("a string takes it");
            }
        };
        differ("opcode", &self.opcode, &theirs.opcode);
        differ("rcode", &self.rcode, &theirs.rcode);
        differ("flags", &self.flags, &theirs.flags);
        differ("question", &self.question, &theirs.question);
        differ("edns", &self.edns, &theirs.edns);
        differ("size", &self.size, &theirs.size);
        for section in [Section::Answer, Section::Authority, Section::Additional] {
            let (ours, theirs) = (self.rows(section), theirs.rows(section));
            differ(&format!("records in {section:?}"), &ours.len(), &theirs.len());
            for (mine, other) in ours.iter().zip(theirs) {
                let mut other = other.clone();
                if (mine.ttl..=mine.ttl.saturating_add(aged)).contains(&other.ttl) {
                    other.ttl = mine.ttl;
                }
                differ(&format!("{section:?}"), mine, &other);
            }
        }
        lines
    }

    pub(crate) fn rows(&self, section: Section) -> &[Row] {
        self.sections.get(&section).map_or(&[], Vec::as_slice)
    }
}

impl Row {
    fn of_sonde(record: &Resource) -> Self {
        Self {
            name: record.name.clone(),
            ttl: record.ttl,
            class: record.rclass,
            rtype: record.rtype,
            rdata: record.rdata.clone(),
        }
    }
}

impl Edns {
    fn of_sonde(edns: &sonde_core::observation::dns::Edns) -> Self {
        let mut options = Vec::new();
        options.extend(edns.nsid.as_ref().map(|id| option(3, &hex(id))));
        options.extend(edns.client_subnet.map(|subnet| option(8, &format!("{}/{}", subnet.prefix, subnet.scope))));
        options.extend(edns.cookie.as_ref().map(|c| cookie(&[&c.client[..], &c.server[..]].concat())));
        options.extend(edns.tcp_keepalive.map(|tenths| option(11, &tenths.to_string())));
        options.extend(edns.padding_bytes.map(|bytes| option(12, &bytes.to_string())));
        options.extend(edns.extended_errors.iter().map(|e| option(15, &format!("{} {}", e.info_code, e.extra_text))));
        options.extend(edns.options.iter().map(|o| option(o.code, &hex(&o.data))));
        options.sort();
        Self { version: edns.version, dnssec_ok: edns.dnssec_ok, udp_size: edns.udp_size, options }
    }
}

/// A COOKIE option. Only the length of the server's half is compared: it changes with every second.
pub(crate) fn cookie(bytes: &[u8]) -> String {
    let (client, server) = bytes.split_at(bytes.len().min(8));
    option(10, &format!("{} and {} bytes", hex(client), server.len()))
}

/// An EDNS option: NSID and unknown ones in hex, a subnet as `address/prefix/scope`, keepalive in 100 ms, padding in
/// bytes, an extended error as code and text.
pub(crate) fn option(code: u16, value: &str) -> String {
    format!("{code}: {value}")
}

/// The names of the flags that are set.
pub(crate) fn flags(flags: HeaderFlags) -> String {
    let all = [
        ("aa", flags.authoritative),
        ("tc", flags.truncated),
        ("rd", flags.recursion_desired),
        ("ra", flags.recursion_available),
        ("z", flags.z),
        ("ad", flags.authentic_data),
        ("cd", flags.checking_disabled),
    ];
    all.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// In lower case, without spaces.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}

/// The bytes of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal digits");
    digits.chunks(2).map(pair).collect()
}
