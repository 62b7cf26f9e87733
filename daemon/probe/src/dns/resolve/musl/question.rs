//! One question of an exchange: the query as musl writes it (`src/network/res_mkquery.c`: RD is set, AD is not, no OPT record), and
//! what has come of it.

use sonde_core::observation::dns::StepOutcome;

use super::Release;
use super::answer::Read;
use crate::dns::name::Name;
use crate::dns::reader::Reader;
use crate::dns::resolve::steps::{StepId, Steps};

/// A type asked for.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) qtype: u16,
    pub(super) bytes: Vec<u8>,
    /// The name in it, as it is printed.
    pub(super) name: String,
    state: State,
    /// The servers that have it, and their steps.
    open: Vec<(usize, StepId)>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Truncated over UDP: only TCP can answer it now.
    OnTcp,
    Answered(Vec<u8>),
}

/// What musl thinks of a message with a question's id, whoever wrote it and whatever it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer,
    Truncated,
    ServerFailure,
    Other(u8),
}

/// TC counts since 1.2.4, as does more than the buffer holds.
pub(super) fn judge(message: &[u8], release: Release) -> Verdict {
    let byte = |at: usize| message.get(at).copied().unwrap_or_default();
    let truncated = || byte(2) & 2 != 0 || message.len() > release.answer_bytes();
    match byte(3) & 15 {
        0 | 3 if release.is_current() && truncated() => Verdict::Truncated,
        0 | 3 => Verdict::Answer,
        2 => Verdict::ServerFailure,
        rcode => Verdict::Other(rcode),
    }
}

impl Question {
    /// Nothing for a name that cannot be written (an empty label, one over 63 bytes, more than 253 bytes).
    pub(super) fn new(id: u16, name: &str, qtype: u16, release: Release) -> Option<Self> {
        let bytes = encode(id, name, qtype, release)?;
        let mut printed = String::new();
        if Name::present(&mut Reader::new(bytes.get(12..)?), &mut printed).is_err() {
            name.clone_into(&mut printed);
        }
        Some(Self { qtype, bytes, name: printed, state: State::Open, open: Vec::new() })
    }

    /// Neither answered nor on TCP.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.state, State::Answered(_))
    }

    /// Whether a datagram has its id, and it still waits for one.
    pub(super) fn is_for(&self, message: &[u8]) -> bool {
        self.is_open() && message.len() >= 4 && message.get(..2) == self.bytes.get(..2)
    }

    /// A server has it now.
    pub(super) fn opened(&mut self, server: usize, step: StepId) {
        self.open.push((server, step));
    }

    /// What this server has is at its end.
    pub(super) fn end(&mut self, server: usize, steps: &Steps, outcome: StepOutcome) {
        if let Some((_, step)) = self.open.extract_if(.., |(at, _)| *at == server).last() {
            steps.ended(step, outcome, Vec::new());
        }
    }

    /// What all servers have is at its end.
    pub(super) fn end_open(&mut self, steps: &Steps, outcome: &StepOutcome) {
        for (_, step) in self.open.drain(..) {
            steps.ended(step, outcome.clone(), Vec::new());
        }
    }

    /// A server's answer is taken; nobody waits for the others'.
    pub(super) fn answer(&mut self, message: &[u8], server: usize, release: Release, steps: &Steps) {
        if let Some((_, step)) = self.open.extract_if(.., |(at, _)| *at == server).last() {
            self.take(message.to_vec(), step, release, steps);
        } else {
            self.state = State::Answered(message.to_vec());
        }
        self.end_open(steps, &StepOutcome::Abandoned);
    }

    /// It goes on over TCP.
    pub(super) fn truncated(&mut self, server: usize, steps: &Steps) {
        self.state = State::OnTcp;
        self.end(server, steps, StepOutcome::Truncated);
        self.end_open(steps, &StepOutcome::Abandoned);
    }

    /// TCP's answer is taken.
    pub(super) fn answer_streamed(&mut self, message: Vec<u8>, step: StepId, release: Release, steps: &Steps) {
        self.take(message, step, release, steps);
    }

    fn take(&mut self, message: Vec<u8>, step: StepId, release: Release, steps: &Steps) {
        let mut read = Read::default();
        read.add(&message, self.qtype, release);
        let rcode = message.get(3).map_or(0, |byte| byte & 15);
        steps.ended(step, StepOutcome::Answered(rcode.into()), read.addresses);
        self.state = State::Answered(message);
    }

    pub(super) fn into_answer(self) -> Option<Vec<u8>> {
        match self.state {
            State::Answered(message) => Some(message),
            State::Open | State::OnTcp => None,
        }
    }
}

/// The message, if it can be written.
fn encode(id: u16, name: &str, qtype: u16, release: Release) -> Option<Vec<u8>> {
    let name = name.as_bytes();
    let name = name.get(..255).unwrap_or(name);
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.len() > 253 || (release.is_current() && name.ends_with(b".")) {
        return None;
    }
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let (name, odd) = name.strip_suffix(b".").map_or((name, false), |rest| (rest, true));
    for label in name.split(|byte| *byte == b'.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label);
    }
    if odd {
        // Before 1.2.4 the second of two final dots stays, as the length of a label that is not there: no server can answer.
        message.push(b'.');
    } else {
        message.push(0);
    }
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    if odd {
        message.push(0);
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_tc_are_judged_by_the_release() {
        let judge = |flags: u8, rcode: u8, release| judge(&[0, 7, flags, rcode], release);
        assert_eq!(judge(0x82, 0, Release::CURRENT), Verdict::Truncated);
        assert_eq!(judge(0x82, 3, Release::OLD), Verdict::Answer);
        assert_eq!(judge(0x82, 2, Release::CURRENT), Verdict::ServerFailure);
        assert_eq!(judge(0x80, 5, Release::CURRENT), Verdict::Other(5));
        // QR is not looked at.
        assert_eq!(judge(0, 0, Release::CURRENT), Verdict::Answer);
    }

    #[test]
    fn two_final_dots_made_a_malformed_query_before_1_2_4() {
        let question = Question::new(0x1234, "www..", 1, Release::OLD).expect("a query");
        assert_eq!(question.bytes, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www.\0\x01\0\x01\0");
        assert_eq!(question.name, "www..");
        assert!(Question::new(1, "www..", 1, Release::CURRENT).is_none());
        assert!(Question::new(1, "www...", 1, Release::OLD).is_none());
    }

    #[test]
    fn bytes_that_are_no_letters_are_printed_as_numbers() {
        let question = Question::new(7, "bü cher.x", 1, Release::OLD).expect("a name");
        assert_eq!(question.name, "b\\195\\188\\032cher.x.");
    }

    #[test]
    fn an_answer_needs_the_id_and_four_bytes() {
        let question = Question::new(7, "a", 1, Release::OLD).expect("a name");
        assert!(question.is_for(&[0, 7, 0, 0]));
        assert!(!question.is_for(&[0, 7, 0]));
        assert!(!question.is_for(&[7, 0, 0, 0]));
    }

    #[test]
    fn the_bytes_are_those_of_rfc_1035_with_rd() {
        let bytes = encode(0x1234, "ab.c.", 28, Release::CURRENT).expect("a name");
        assert_eq!(bytes, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02ab\x01c\0\0\x1c\0\x01");
        assert_eq!(encode(0x1234, "ab.c", 28, Release::OLD), Some(bytes));
    }

    #[test]
    fn empty_and_long_labels_cannot_be_asked_for() {
        for name in ["a..b", ".a", &"x".repeat(64), &"x.".repeat(127)] {
            assert_eq!(encode(1, name, 1, Release::CURRENT).is_some(), name.starts_with("x."), "{name}");
        }
        assert_eq!(encode(1, &"x.".repeat(128), 1, Release::CURRENT), None);
    }
}
