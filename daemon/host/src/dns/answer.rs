//! What came over the wire, for the guest.

use sonde_core::observation::dns as core;

use crate::bindings::sonde::check::dns as wit;
use crate::types::micros;

impl From<core::Answer> for wit::Answer {
    fn from(answer: core::Answer) -> Self {
        let resources = |records: Vec<core::Resource>| records.into_iter().map(Into::into).collect();
        Self {
            id: answer.id,
            opcode: answer.opcode,
            rcode: answer.rcode,
            flags: flags(answer.flags),
            question: answer.question.map(Into::into),
            answers: resources(answer.answers),
            authorities: resources(answer.authorities),
            additionals: resources(answer.additionals),
            edns: answer.edns.map(Into::into),
            size_bytes: answer.size_bytes,
        }
    }
}

/// The bits with their names on both sides.
type Bit = (wit::HeaderFlags, fn(&mut core::HeaderFlags) -> &mut bool);

const BITS: [Bit; 7] = [
    (wit::HeaderFlags::AUTHORITATIVE, |flags| &mut flags.authoritative),
    (wit::HeaderFlags::TRUNCATED, |flags| &mut flags.truncated),
    (wit::HeaderFlags::RECURSION_DESIRED, |flags| &mut flags.recursion_desired),
    (wit::HeaderFlags::RECURSION_AVAILABLE, |flags| &mut flags.recursion_available),
    (wit::HeaderFlags::Z, |flags| &mut flags.z),
    (wit::HeaderFlags::AUTHENTIC_DATA, |flags| &mut flags.authentic_data),
    (wit::HeaderFlags::CHECKING_DISABLED, |flags| &mut flags.checking_disabled),
];

fn flags(mut flags: core::HeaderFlags) -> wit::HeaderFlags {
    let set = BITS.iter().filter(|(_, bit)| *bit(&mut flags));
    set.fold(wit::HeaderFlags::empty(), |all, (flag, _)| all | *flag)
}

pub(super) fn flags_of(flags: wit::HeaderFlags) -> core::HeaderFlags {
    let mut bits = core::HeaderFlags::default();
    for (flag, bit) in BITS {
        *bit(&mut bits) = flags.contains(flag);
    }
    bits
}

impl From<core::Question> for wit::Question {
    fn from(question: core::Question) -> Self {
        Self { name: question.name, qtype: question.qtype, qclass: question.qclass }
    }
}

impl From<core::Resource> for wit::Resource {
    fn from(record: core::Resource) -> Self {
        Self { name: record.name, rtype: record.rtype, rclass: record.rclass, ttl: record.ttl, rdata: record.rdata }
    }
}

impl From<core::Edns> for wit::Edns {
    fn from(edns: core::Edns) -> Self {
        let error = |error: core::ExtendedError| wit::ExtendedError {
            info_code: error.info_code,
            extra_text: error.extra_text,
        };
        Self {
            udp_size: edns.udp_size,
            version: edns.version,
            dnssec_ok: edns.dnssec_ok,
            extended_errors: edns.extended_errors.into_iter().map(error).collect(),
            nsid: edns.nsid,
            client_subnet: edns
                .client_subnet
                .map(|subnet| wit::ClientSubnet { prefix: subnet.prefix.to_string(), scope: subnet.scope }),
            cookie: edns.cookie.map(|cookie| wit::Cookie { client: cookie.client, server: cookie.server }),
            padding_bytes: edns.padding_bytes,
            tcp_keepalive: edns.tcp_keepalive,
            options: edns
                .options
                .into_iter()
                .map(|option| wit::EdnsOption { code: option.code, data: option.data })
                .collect(),
        }
    }
}

impl From<core::Stray> for wit::Stray {
    fn from(stray: core::Stray) -> Self {
        Self {
            at_us: micros(stray.at),
            kind: match stray.kind {
                core::StrayKind::WrongSource => wit::StrayKind::WrongSource,
                core::StrayKind::WrongId => wit::StrayKind::WrongId,
                core::StrayKind::WrongQuestion => wit::StrayKind::WrongQuestion,
                core::StrayKind::Malformed => wit::StrayKind::Malformed,
                core::StrayKind::NotAnAnswer => wit::StrayKind::NotAnAnswer,
            },
            from: stray.from.into(),
            size_bytes: stray.size_bytes,
            answer: stray.answer.map(Into::into),
        }
    }
}

impl From<core::QueryPhases> for wit::QueryPhases {
    fn from(phases: core::QueryPhases) -> Self {
        Self {
            connect: phases.connect.map(Into::into),
            tls: phases.tls.map(Into::into),
            send: phases.send.map(Into::into),
            wait: phases.wait.map(Into::into),
            receive: phases.receive.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_its_own_place() {
        for (flag, bit) in BITS {
            let mut one = core::HeaderFlags::default();
            *bit(&mut one) = true;
            assert_eq!(flags(one), flag);
            assert_eq!(flags_of(flag), one);
        }
        assert_eq!(
            flags_of(wit::HeaderFlags::all()),
            core::HeaderFlags {
                authoritative: true,
                truncated: true,
                recursion_desired: true,
                recursion_available: true,
                z: true,
                authentic_data: true,
                checking_disabled: true,
            }
        );
    }
}
