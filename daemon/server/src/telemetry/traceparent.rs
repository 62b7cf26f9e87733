//! The caller's place in its own trace, from the headers `traceparent` and `tracestate` (W3C Trace Context, level 1, sections
//! 3.2 and 3.3).

use opentelemetry::trace::TraceState;

/// What a caller's headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteParent {
    /// Never zero.
    pub(crate) trace_id: u128,
    /// Never zero.
    pub(crate) span_id: u64,
    /// The caller's own decision.
    pub(crate) sampled: bool,
    /// What other systems keep of the trace; handed on as it is.
    pub(crate) state: TraceState,
}

impl RemoteParent {
    /// Reads `traceparent`; one that makes no sense is ignored, as the specification asks for.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let known = version == "00" && parts.next().is_none();
        // A later version may append parts.
        let later = version.len() == 2 && lower_hex(version) && version != "00" && version != "ff";
        let shaped = trace.len() == 32 && span.len() == 16 && flags.len() == 2;
        if !(known || later) || !shaped || ![trace, span, flags].into_iter().all(lower_hex) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1, state: TraceState::default() })
    }

    /// With the caller's `tracestate`, whose headers are one list. A list that makes no sense, or is longer than has to be handed
    /// on, is left out as a whole: a part of it could say something else.
    pub(crate) fn with_state(self, headers: &[&str]) -> Self {
        let list = headers.join(",");
        let state = if list.len() <= STATE_BYTES {
            list.parse::<TraceState>().unwrap_or_default()
        } else {
            TraceState::default()
        };
        Self { state, ..self }
    }
}

/// Of a list that everybody should hand on (section 3.3.1.5).
const STATE_BYTES: usize = 512;

fn lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_understood() {
        let parent =
            RemoteParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("it is right");

        assert_eq!(parent.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parent.span_id, 0x00f0_67aa_0ba9_02b7);
        assert!(parent.sampled);
    }

    #[test]
    fn a_later_version_may_append_parts() {
        let header = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-ever";

        assert_eq!(RemoteParent::parse(header).map(|parent| parent.sampled), Some(false));
    }

    #[test]
    fn the_states_of_a_trace_are_one_list_that_is_kept_whole_or_not_at_all() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let state = |headers: &[&str]| {
            let parent = RemoteParent::parse(header).expect("it is right").with_state(headers);
            parent.state.header()
        };
        let long = format!("rojo={}", "x".repeat(STATE_BYTES));

        assert_eq!(state(&["rojo=00f067aa0ba902b7,congo=t61", "acme=1"]), "rojo=00f067aa0ba902b7,congo=t61,acme=1");
        let without: [&[&str]; 5] = [&[], &[""], &["rojo"], &["rojo=1", "UPPER CASE=1"], &[long.as_str()]];
        for nothing in without {
            assert_eq!(state(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_ignored() {
        for header in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
            "00-ä4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(RemoteParent::parse(header), None, "{header}");
        }
    }
}
