//! Socket states: the numbers of `net/tcp_states.h` and the names of ss.

use crate::inspection::Problem;

/// Names as ss prints them; the first is state 1.
const NAMES: [&str; 12] = [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    "NEW-SYN-RECV",
];

/// What ss takes besides: other spellings, and groups of states (ss(8), "STATE-FILTER").
const ALIASES: [(&str, u32); 13] = [
    ("ESTABLISHED", ESTABLISHED),
    ("SYN-RECEIVED", SYN_RECV),
    ("UNCONNECTED", UNCONN),
    ("CLOSED", UNCONN),
    ("CLOSE", UNCONN),
    ("LISTENING", LISTEN),
    ("FIN-WAIT1", 1 << 4),
    ("FIN-WAIT2", 1 << 5),
    ("ALL", ALL),
    ("CONNECTED", ALL & !LISTEN & !UNCONN),
    ("SYNCHRONIZED", ALL & !LISTEN & !UNCONN & !SYN_SENT),
    ("BUCKET", SYN_RECV | TIME_WAIT),
    ("BIG", ALL & !SYN_RECV & !TIME_WAIT),
];

pub(super) const ESTABLISHED: u32 = 1 << 1;
const SYN_SENT: u32 = 1 << 2;
pub(super) const SYN_RECV: u32 = 1 << 3;
const TIME_WAIT: u32 = 1 << 6;
pub(super) const UNCONN: u32 = 1 << 7;
pub(super) const LISTEN: u32 = 1 << LISTEN_NUMBER;
const LISTEN_NUMBER: u8 = 10;
/// Every state that a table shows: the kernel adds `NEW-SYN-RECV` to `SYN-RECV` by itself.
pub(super) const ALL: u32 = 0xffe;

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States(pub(super) u32);

impl Default for States {
    fn default() -> Self {
        Self(ALL)
    }
}

impl States {
    /// The states named as in ss, whatever the case; all states when none is named. The error says what would be right.
    pub fn named<T: AsRef<str>>(names: &[T]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        names.iter().try_fold(0, |bits, name| Ok(bits | bits_of(name.as_ref())?)).map(Self)
    }

    /// Whether it has this one.
    pub(crate) fn contains(self, state: u8) -> bool {
        1_u32.checked_shl(state.into()).is_some_and(|bit| self.0 & bit != 0)
    }

    pub(super) fn of(names: &[String]) -> Result<Self, Problem> {
        Self::named(names).map_err(Problem::invalid)
    }
}

fn bits_of(name: &str) -> Result<u32, String> {
    // The last is the kernel's own business.
    let shown = &NAMES[..NAMES.len() - 1];
    let wanted = name.replace('_', "-");
    let state = shown.iter().position(|state| state.eq_ignore_ascii_case(&wanted)).map(|at| 2 << at);
    let alias = || ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&wanted)).map(|(_, bits)| *bits);
    state.or_else(alias).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        format!("unknown TCP state {name:?}; expected one of {}", shown.join(", "))
    })
}

/// The name of a state as ss prints it.
#[inline]
pub fn state_name(state: u8) -> &'static str {
    usize::from(state).checked_sub(1).and_then(|at| NAMES.get(at)).copied().unwrap_or("UNKNOWN")
}

pub(super) fn is_listener(state: u8) -> bool {
    state == LISTEN_NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_ss_names_them() {
        assert_eq!((state_name(1), state_name(6), state_name(10)), ("ESTAB", "TIME-WAIT", "LISTEN"));
        assert_eq!((state_name(0), state_name(13)), ("UNKNOWN", "UNKNOWN"));
    }

    #[test]
    fn state_names_become_the_kernels_bits() {
        assert_eq!(States::named(&["LISTEN", "estab"]), Ok(States(1 << 10 | 1 << 1)));
        assert_eq!(States::named::<&str>(&[]), Ok(States(0xffe)));
        assert_eq!(States::named(&["established", "time_wait"]), Ok(States(1 << 1 | 1 << 6)));
        assert_eq!(States::named(&["bucket"]), Ok(States(1 << 3 | 1 << 6)));
        assert_eq!(States::named(&["connected"]), Ok(States(0xffe & !(1 << 10) & !(1 << 7))));
    }

    #[test]
    fn an_unknown_state_is_quoted_with_those_that_exist() {
        let problem = States::named(&["OPENED"]).expect_err("unknown");
        assert!(problem.contains("\"OPENED\"") && problem.contains("TIME-WAIT"), "{problem}");
    }
}
