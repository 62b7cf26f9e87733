//! The canonical protobuf JSON mapping of the messages of `sonde.v1`: lower-camel field names, enum values by name, `Duration`
//! as `"1.204s"`, `Timestamp` in UTC with a final `Z`, 64-bit integers as text, default values left out.
//!
//! It goes by the embedded descriptors, so it cannot drift from the contract; fields come in the order of their numbers.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::FILE_DESCRIPTOR_SET;

/// Why a text is not the JSON of a message, or a message has none.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The message does not belong to `sonde.v1` or its imports.
    #[error("find the descriptor of {name}: it is not part of sonde.v1")]
    UnknownMessage {
        /// Its full name.
        name: String,
    },
    /// The JSON does not fit, or the message holds what JSON cannot say (a `Timestamp` after the year 9999).
    #[error("map {name} to or from JSON")]
    Json {
        /// The message's full name.
        name: String,
        /// The place and the problem.
        #[source]
        source: serde_json::Error,
    },
    /// The message does not survive its own encoding.
    #[error("re-encode {name}")]
    Encoding {
        /// The message's full name.
        name: String,
        /// What does not fit.
        #[source]
        source: prost::DecodeError,
    },
}

/// The message as indented JSON, without a final newline.
pub fn to_string_pretty<M: Message + Name>(message: &M) -> Result<String, JsonError> {
    let mut text = Vec::new();
    write(message, &mut serde_json::Serializer::pretty(&mut text))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The message as one line of JSON, without a final newline.
pub fn to_string<M: Message + Name>(message: &M) -> Result<String, JsonError> {
    let mut text = Vec::new();
    write(message, &mut serde_json::Serializer::new(&mut text))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The message as a JSON value. Keys are in the order of `serde_json::Map`.
pub fn to_value<M: Message + Name>(message: &M) -> Result<Value, JsonError> {
    dynamic(message)?.serialize_with_options(serde_json::value::Serializer, &options()).map_err(json_error::<M>)
}

/// Reads the message from JSON. Unknown fields are errors; both spellings of a field's name are taken.
pub fn from_str<M: Message + Name + Default>(text: &str) -> Result<M, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize_with_options(
        descriptor::<M>()?,
        &mut deserializer,
        &DeserializeOptions::new().deny_unknown_fields(true),
    )
    .map_err(json_error::<M>)?;
    deserializer.end().map_err(json_error::<M>)?;
    message.transcode_to().map_err(|source| JsonError::Encoding { name: M::full_name(), source })
}

fn write<M: Message + Name, S>(message: &M, serializer: S) -> Result<(), JsonError>
where
    S: serde::Serializer<Error = serde_json::Error>,
{
    dynamic(message)?.serialize_with_options(serializer, &options()).map(drop).map_err(json_error::<M>)
}

fn dynamic<M: Message + Name>(message: &M) -> Result<DynamicMessage, JsonError> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.transcode_from(message).map_err(|source| JsonError::Encoding { name: M::full_name(), source })?;
    Ok(dynamic)
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, JsonError> {
    let name = M::full_name();
    POOL.as_ref().and_then(|pool| pool.get_message_by_name(&name)).ok_or(JsonError::UnknownMessage { name })
}

fn json_error<M: Name>(source: serde_json::Error) -> JsonError {
    JsonError::Json { name: M::full_name(), source }
}

fn options() -> SerializeOptions {
    SerializeOptions::new().stringify_64_bit_integers(true).use_enum_numbers(false).use_proto_field_name(false)
}

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::v1::diagnosis_event::Event;
    use crate::v1::{
        CheckRun, Counter, Diagnosis, DiagnosisEvent, Evidence, GetInfoRequest, GetInfoResponse, HttpExchange,
        RankedCause, RunState, TlsSession, Vantage, Verdict, VerdictState, evidence, vantage,
    };

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            run_id: "0123456789abcdef".into(),
            target: "tcp://10.0.0.5:5432".into(),
            state: RunState::Finished.into(),
            started_at: Some(prost_types::Timestamp { seconds: 1_795_000_000, nanos: 250_000_000 }),
            elapsed: Some(prost_types::Duration { seconds: 1, nanos: 204_000_000 }),
            network_namespace: 4_026_531_840,
            vantage: Some(Vantage { r#where: Some(vantage::Where::NetnsPath("/run/netns/blue".into())) }),
            verdict: Some(Verdict {
                state: VerdictState::Fault.into(),
                causes: vec![RankedCause {
                    cause: "fw.drop_remote".into(),
                    confidence: 0.93,
                    ..RankedCause::default()
                }],
                ..Verdict::default()
            }),
            checks: vec![CheckRun { check: "connect".into(), ..CheckRun::default() }],
            ..Diagnosis::default()
        }
    }

    #[test]
    fn a_diagnosis_has_the_canonical_form() {
        let value = to_value(&diagnosis()).expect("it belongs to sonde.v1");

        assert_eq!(
            value,
            json!({
                "runId": "0123456789abcdef",
                "target": "tcp://10.0.0.5:5432",
                "state": "RUN_STATE_FINISHED",
                "startedAt": "2026-11-18T11:06:40.250Z",
                "elapsed": "1.204s",
                "networkNamespace": "4026531840",
                "vantage": {"netnsPath": "/run/netns/blue"},
                "verdict": {"state": "VERDICT_STATE_FAULT", "causes": [{"cause": "fw.drop_remote", "confidence": 0.93}]},
                "checks": [{"check": "connect"}],
            })
        );
    }

    #[test]
    fn fields_come_in_the_order_of_their_numbers() {
        let text = to_string(&diagnosis()).expect("it belongs to sonde.v1");

        assert!(text.starts_with(r#"{"runId":"0123456789abcdef","target":"#), "{text}");
    }

    #[test]
    fn an_empty_message_is_an_empty_object() {
        assert_eq!(to_string_pretty(&GetInfoRequest {}).expect("it belongs to sonde.v1"), "{}");
    }

    #[test]
    fn durations_show_three_six_or_nine_digits() {
        let elapsed = |seconds, nanos| {
            let run = CheckRun { elapsed: Some(prost_types::Duration { seconds, nanos }), ..CheckRun::default() };
            to_value(&run).expect("it belongs to sonde.v1")["elapsed"].clone()
        };

        assert_eq!(elapsed(0, 0), "0s");
        assert_eq!(elapsed(3, 0), "3s");
        assert_eq!(elapsed(0, 1_000), "0.000001s");
        assert_eq!(elapsed(0, 17), "0.000000017s");
        assert_eq!(elapsed(-1, -500_000_000), "-1.500s");
    }

    #[test]
    fn signed_64_bit_integers_are_text_and_bytes_are_base64() {
        let counter = Counter { name: "TcpExt.ListenOverflows".into(), value: -9_007_199_254_740_993 };
        assert_eq!(to_value(&counter).expect("it belongs to sonde.v1")["value"], "-9007199254740993");

        let session = TlsSession { plaintext: b"\xff\xfe".to_vec(), ..TlsSession::default() };
        assert_eq!(to_value(&session).expect("it belongs to sonde.v1")["plaintext"], "//4=");
    }

    #[test]
    fn an_unknown_enum_number_stays_a_number() {
        let diagnosis = Diagnosis { state: 77, ..Diagnosis::default() };

        assert_eq!(to_value(&diagnosis).expect("it belongs to sonde.v1")["state"], 77);
    }

    #[test]
    fn a_present_oneof_with_a_default_value_is_shown() {
        let evidence =
            Evidence { call: Some(evidence::Call::HttpExchange(HttpExchange::default())), ..Evidence::default() };
        let event = DiagnosisEvent { event: Some(Event::Evidence(Box::new(evidence))), ..DiagnosisEvent::default() };

        assert_eq!(to_value(&event).expect("it belongs to sonde.v1"), json!({"evidence": {"httpExchange": {}}}));
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let written = to_string_pretty(&diagnosis()).expect("it belongs to sonde.v1");

        assert_eq!(from_str::<Diagnosis>(&written).expect("written by us"), diagnosis());
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_place() {
        let error = from_str::<GetInfoResponse>("{\n  \"versoin\": \"1\"\n}").expect_err("no such field");

        let JsonError::Json { source, .. } = error else { panic!("another error: {error:?}") };
        assert!(source.to_string().contains("versoin"), "{source}");
    }

    #[test]
    fn text_after_the_message_is_refused() {
        assert!(from_str::<GetInfoRequest>("{} {}").is_err());
    }
}
