//! What `Diagnose` and `RunCheck` stream: a message with one event, like any other on the wire. An event has as many readers as like to
//! come, and the history keeps it after them, so the daemon writes it down once ([`Written`]) and passes on the bytes.

use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType, message, skip_field};
use prost::{DecodeError, Message};

use crate::v1::diagnosis_event::Event;
use crate::v1::{DiagnosisEvent, Evidence};
use crate::wire::Writer;

/// An event on its way (`sonde.v1.DiagnoseResponse` and `sonde.v1.RunCheckResponse`, which are alike).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventResponse {
    /// It, where it was received; absent where it is to be sent as it was written.
    pub event: Option<DiagnosisEvent>,
    written: Option<Written>,
}

impl From<DiagnosisEvent> for EventResponse {
    fn from(event: DiagnosisEvent) -> Self {
        Self { event: Some(event), written: None }
    }
}

impl From<Written> for EventResponse {
    fn from(written: Written) -> Self {
        Self { event: None, written: Some(written) }
    }
}

impl Message for EventResponse {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if let Some(written) = &self.written {
            buf.put_slice(&written.response);
        } else if let Some(event) = &self.event {
            message::encode(EVENT, event, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if let Some(written) = self.written.take() {
            *self = Self::decode(written.response)?;
        }
        match tag {
            EVENT => message::merge(wire_type, self.event.get_or_insert_default(), buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        match &self.written {
            Some(written) => written.response.len(),
            None => self.event.as_ref().map_or(0, |event| message::encoded_len(EVENT, event)),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// An event as it stands in an [`EventResponse`]. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Invariant: a whole message.
    response: Bytes,
    /// What is evidence of it: the last so many bytes.
    evidence_bytes: usize,
}

impl Written {
    /// Writes an event down. `scratch` saves growing a buffer for each.
    pub fn of(event: &DiagnosisEvent, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        let mut evidence_bytes = 0;
        Writer::new(scratch).nested(EVENT, |writer| {
            let Some(Event::Evidence(evidence)) = &event.event else { return writer.append(event) };
            if let Some(at) = &event.at {
                writer.nested(AT, |writer| writer.append(at));
            }
            writer.nested(EVIDENCE, |writer| {
                let before = writer.size_bytes();
                writer.append(evidence.as_ref());
                evidence_bytes = writer.size_bytes() - before;
            });
        });
        Self { response: Bytes::copy_from_slice(scratch), evidence_bytes }
    }

    /// What it takes on the wire.
    pub fn size_bytes(&self) -> usize {
        self.response.len()
    }

    /// The evidence of it, if that is what it is.
    pub fn evidence(&self) -> Result<Option<Evidence>, DecodeError> {
        let begin = self.response.len().saturating_sub(self.evidence_bytes);
        if self.evidence_bytes == 0 {
            return Ok(None);
        }
        Evidence::decode(self.response.slice(begin..)).map(Some)
    }
}

/// The one field of the responses.
const EVENT: u32 = 1;

/// The fields of `DiagnosisEvent` by number.
const AT: u32 = 1;
const EVIDENCE: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{CheckStarted, TcpDial};

    fn event(event: Event) -> DiagnosisEvent {
        DiagnosisEvent { at: Some(prost_types::Duration { seconds: 3, nanos: 7 }), event: Some(event) }
    }

    fn evidence() -> Evidence {
        let call = crate::v1::evidence::Call::TcpDial(TcpDial { device: "d".repeat(300), ..TcpDial::default() });
        Evidence { id: "00000000000000ab".to_owned(), call: Some(call), ..Evidence::default() }
    }

    #[test]
    fn what_was_written_is_read_as_what_it_was() {
        for event in [
            event(Event::CheckStarted(CheckStarted { check: "resolve".to_owned() })),
            event(Event::Evidence(Box::new(evidence()))),
            DiagnosisEvent { at: None, event: Some(Event::Evidence(Box::new(evidence()))) },
            DiagnosisEvent::default(),
        ] {
            let plain = EventResponse::from(event.clone());
            let written = EventResponse::from(Written::of(&event, &mut b"of another".to_vec()));

            assert_eq!(written.encode_to_vec(), plain.encode_to_vec(), "the bytes of prost");
            assert_eq!(written.encoded_len(), plain.encoded_len());
            assert_eq!(EventResponse::decode(&*written.encode_to_vec()).expect("whole"), plain);
        }
    }

    #[test]
    fn evidence_is_found_in_what_was_written_and_nothing_else_is() {
        let line = Written::of(&event(Event::Evidence(Box::new(evidence()))), &mut Vec::new());
        assert_eq!(line.evidence().expect("whole"), Some(evidence()));

        let other = Written::of(&event(Event::CheckStarted(CheckStarted::default())), &mut Vec::new());
        assert_eq!(other.evidence().expect("whole"), None);
    }

    #[test]
    fn more_of_a_message_is_merged_into_what_was_written() {
        let begun = Written::of(&DiagnosisEvent { event: None, ..event(Event::Log(<_>::default())) }, &mut Vec::new());
        let mut merged = EventResponse::from(begun);

        let started = CheckStarted { check: "resolve".to_owned() };
        let rest = DiagnosisEvent { at: None, event: Some(Event::CheckStarted(started.clone())) };
        merged.merge(&*EventResponse::from(rest).encode_to_vec()).expect("whole");

        assert_eq!(merged, EventResponse::from(event(Event::CheckStarted(started))));
    }
}
