//! What came of a series: which messages were answered, how often, in what order and how soon.

use std::io;
use std::time::Duration;

use sonde_core::observation::{Reply, RoundTrips};

use super::Came;
use crate::clock::RunClock;
use crate::error_queue::Queued;
use crate::stamp::Sent;

/// The account of one series.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By sequence number: when it was sent, and whether it was answered.
    messages: Vec<Option<(Sent, bool)>>,
    replies: Vec<Reply>,
    /// Answers that no message is known for, and so no time.
    unnumbered: u32,
    unsent: u32,
    first_unsent: Option<io::Error>,
    duplicates: u32,
    reordered: u32,
    corrupted: u32,
    highest: Option<u16>,
    errors: u32,
    last_error: Option<Queued>,
}

impl Tally {
    pub(super) fn sent(&mut self, sequence: u16, sent: Sent) {
        let place = usize::from(sequence);
        if self.messages.len() <= place {
            self.messages.resize(place + 1, None);
        }
        if let Some(message) = self.messages.get_mut(place) {
            *message = Some((sent, false));
        }
    }

    pub(super) fn unsent(&mut self, error: io::Error) {
        self.unsent += 1;
        self.first_unsent.get_or_insert(error);
    }

    pub(super) fn came(&mut self, clock: &RunClock, came: Came) {
        match came {
            Came::Answer { sequence, intact, stamp } => self.answer(clock, sequence, intact, stamp),
            Came::Unnumbered => self.unnumbered += 1,
            Came::Garbled => self.corrupted += 1,
            Came::Foreign => {}
            Came::Error(queued) => {
                self.errors += 1;
                self.last_error = Some(queued);
            }
        }
    }

    fn answer(&mut self, clock: &RunClock, sequence: u16, intact: bool, stamp: Option<Duration>) {
        if !intact {
            self.corrupted += 1;
        }
        // A number that was not sent is none of ours.
        let Some(Some((sent, answered))) = self.messages.get_mut(usize::from(sequence)) else { return };
        if *answered {
            self.duplicates += 1;
            return;
        }
        *answered = true;
        self.replies.push(Reply { sequence, rtt: sent.until(clock, stamp) });
        if self.highest.is_some_and(|highest| sequence < highest) {
            self.reordered += 1;
        }
        self.highest = self.highest.max(Some(sequence));
    }

    /// Messages that left.
    pub(crate) fn left(&self) -> u32 {
        number(self.messages.iter().flatten().count())
    }

    /// Messages that this host did not let out.
    pub(crate) fn kept(&self) -> u32 {
        self.unsent
    }

    /// Why the first of them was not.
    pub(crate) fn first_unsent(&self) -> Option<&io::Error> {
        self.first_unsent.as_ref()
    }

    /// Messages that were answered.
    pub(crate) fn received(&self) -> u32 {
        number(self.replies.len()) + self.unnumbered
    }

    /// Further answers to one message.
    pub(crate) fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Answers that came after one to a later message.
    pub(crate) fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Answers with other bytes than were sent.
    pub(crate) fn corrupted(&self) -> u32 {
        self.corrupted
    }

    /// ICMP errors that came.
    pub(crate) fn icmp_errors(&self) -> u32 {
        self.errors
    }

    /// The last of them.
    pub(crate) fn last_error(&self) -> Option<&Queued> {
        self.last_error.as_ref()
    }

    /// The longest round trip.
    pub(super) fn longest(&self) -> Duration {
        self.replies.iter().map(|reply| reply.rtt).max().unwrap_or_default()
    }

    /// The spread of the round trips.
    pub(crate) fn round_trips(&self) -> Option<RoundTrips> {
        let trips: Vec<Duration> = self.replies.iter().map(|reply| reply.rtt).collect();
        RoundTrips::of(&trips)
    }

    /// In the order they came.
    pub(crate) fn into_replies(self) -> Vec<Reply> {
        self.replies
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `count`, then takes answers with these numbers.
    fn of(count: u16, answers: &[u16]) -> Tally {
        let clock = RunClock::start();
        let mut tally = Tally::default();
        for sequence in 0..count {
            tally.sent(sequence, Sent::now(&clock));
        }
        for sequence in answers {
            tally.came(&clock, Came::Answer { sequence: *sequence, intact: true, stamp: None });
        }
        tally
    }

    fn figures(tally: &Tally) -> [u32; 4] {
        [tally.left(), tally.received(), tally.duplicates(), tally.reordered()]
    }

    #[test]
    fn what_is_not_answered_is_lost() {
        assert_eq!(figures(&of(4, &[0, 2, 3])), [4, 3, 0, 0]);
    }

    #[test]
    fn a_second_answer_is_a_duplicate_even_when_it_comes_late() {
        assert_eq!(figures(&of(3, &[0, 1, 1, 2, 0])), [3, 3, 2, 0]);
    }

    #[test]
    fn an_answer_after_a_later_one_is_out_of_order() {
        assert_eq!(figures(&of(4, &[0, 2, 1, 3])), [4, 4, 0, 1]);
    }

    #[test]
    fn a_number_that_was_not_sent_counts_as_nothing() {
        assert_eq!(figures(&of(2, &[7, u16::MAX])), [2, 0, 0, 0]);
    }

    #[test]
    fn an_answer_to_one_of_several_is_received_and_has_no_time() {
        let mut tally = of(2, &[]);
        tally.came(&RunClock::start(), Came::Unnumbered);
        assert_eq!((tally.received(), tally.round_trips()), (1, None));
    }

    #[test]
    fn changed_bytes_are_corruption_and_still_an_answer() {
        let clock = RunClock::start();
        let mut tally = of(2, &[0]);
        tally.came(&clock, Came::Answer { sequence: 1, intact: false, stamp: None });
        tally.came(&clock, Came::Garbled);
        assert_eq!((tally.received(), tally.corrupted()), (2, 2));
    }
}
