//! What is sent: a question that the port's own protocol obliges a server to answer, or numbered datagrams.
//!
//! Only DNS and NTP are spoken, each in one harmless question: it is a means of getting an answer, and what the answer says beyond
//! being one is not judged here.

pub(crate) mod dns;
pub(crate) mod ntp;

/// By the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Numbered datagrams, in case the service echoes.
    Echo,
    Dns,
    Ntp,
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Valid; what it says, in the words of its protocol.
    Valid(String),
    /// Valid, and the server will not serve this client; its word for that.
    Declined(String),
    /// Nothing that the protocol allows in answer to our question.
    Foreign,
}

impl Protocol {
    pub(crate) fn of(port: u16) -> Self {
        match port {
            53 => Self::Dns,
            123 => Self::Ntp,
            _ => Self::Echo,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Dns => "DNS",
            Self::Ntp => "NTP",
        }
    }

    /// The question, by a number that the answer repeats; none where numbered datagrams are sent.
    pub(crate) fn question(self, number: u64) -> Option<Vec<u8>> {
        match self {
            Self::Echo => None,
            Self::Dns => Some(dns::query(number)),
            Self::Ntp => Some(ntp::request(number)),
        }
    }

    /// Never panics, whatever the bytes.
    pub(crate) fn read(self, answer: &[u8], number: u64) -> Reading {
        match self {
            Self::Echo => Reading::Foreign,
            Self::Dns => dns::read(answer, number),
            Self::Ntp => ntp::read(answer, number),
        }
    }
}
