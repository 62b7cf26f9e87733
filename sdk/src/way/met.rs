//! Whose packets a counter counts: a burst of ours stands out from the traffic of others, or it was theirs.

/// What a burst of packets is met with, beside what moves without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// One for each packet at least, and hardly any otherwise: they are the answers, or the packets themselves.
    AsMany,
    /// Fewer than packets: what was counted before was other traffic.
    Fewer,
    /// There was no burst, or other traffic is as much.
    Unknown,
}

/// Fewer packets at once are no burst.
const BURST: i64 = 4;
/// So many times more moves in a burst than without it.
const STANDS_OUT: i64 = 4;

impl Met {
    /// `sent` at once moved a counter by `moved`, and as long a time without moved it by `otherwise`.
    pub fn of(sent: i64, moved: i64, otherwise: i64) -> Self {
        if sent < BURST {
            Self::Unknown
        } else if moved < sent {
            Self::Fewer
        } else if otherwise.saturating_mul(STANDS_OUT) <= moved {
            Self::AsMany
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_stands_out_or_does_not() {
        for (sent, moved, otherwise, met) in [
            (8, 8, 0, Met::AsMany),
            (8, 12, 3, Met::AsMany),
            (8, 12, 4, Met::Unknown),
            (8, 7, 0, Met::Fewer),
            (8, 0, 900, Met::Fewer),
            (3, 3, 0, Met::Unknown),
        ] {
            assert_eq!(Met::of(sent, moved, otherwise), met, "{sent} {moved} {otherwise}");
        }
    }
}
