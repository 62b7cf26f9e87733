//! Answers that a wildcard made: the proof that no closer name exists (RFC 4035 section 5.3.4, RFC 7129 section 5.3).
//!
//! Needed beside hickory's own check (0.26), which takes such an answer only where an NSEC covers the wildcard's name as well;
//! where the wildcard's own NSEC is the proof, as it often is, there is none.

use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType};

/// Whether each expanded set of the answer has a validated NSEC that denies every closer name. The sets' own proofs are the
/// validator's; nothing that was not validated counts here.
pub(super) fn proven(response: &Message) -> bool {
    let mut expanded = response.answers.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) if rrsig.input().num_labels < record.name.num_labels() => {
            Some(record.name.trim_to(usize::from(rrsig.input().num_labels) + 1))
        }
        _ => None,
    });
    let nsecs = || {
        response.authorities.iter().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC(nsec)) if record.proof == Proof::Secure => Some((&record.name, nsec)),
            _ => None,
        })
    };
    let good = u16::from(response.metadata.response_code) == 0 && !response.answers.is_empty();
    good && expanded.all(|closer| nsecs().any(|(owner, nsec)| denies(owner, nsec, &closer)))
}

/// Whether `owner NSEC next` says that neither `name` nor anything below it exists.
fn denies(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    // Of names below a cut, the parent's NSEC says nothing (RFC 6840 section 4.1).
    let types = nsec.type_set();
    let cut = types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
    if owner.zone_of(name) && (cut || types.contains(RecordType::DNAME)) || name.zone_of(next) {
        return false;
    }
    // Names compare in canonical order (RFC 4034 section 6.1); the last NSEC leads back to the apex.
    if owner < next { owner < name && name < next } else { owner < name && next.zone_of(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn denied(owner: &str, next: &str, types: &[RecordType], closer: &str) -> bool {
        denies(&name(owner), &NSEC::new(name(next), types.iter().copied()), &name(closer))
    }

    #[test]
    fn only_names_between_owner_and_next_are_denied() {
        let plain = [RecordType::A];
        assert!(denied("*.wild.example.", "www.example.", &plain, "x.wild.example."));
        assert!(denied("www.example.", "example.", &plain, "zzz.example."));
        for (owner, next) in
            [("y.wild.example.", "www.example."), ("a.example.", "b.example."), ("www.example.", "other.")]
        {
            assert!(!denied(owner, next, &plain, "x.wild.example."), "{owner} {next}");
        }
    }

    #[test]
    fn neither_a_name_above_others_nor_one_below_a_cut_is_denied() {
        assert!(!denied("*.wild.example.", "a.x.wild.example.", &[RecordType::A], "x.wild.example."));
        assert!(!denied("wild.example.", "www.example.", &[RecordType::NS], "x.wild.example."));
    }
}
