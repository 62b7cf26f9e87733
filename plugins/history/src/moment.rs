//! Times of the wall clock, as people write them.

/// `14:03:12 UTC` of Unix microseconds.
pub(crate) fn clock(micros: i64) -> String {
    let second = micros.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn a_moment_is_its_time_of_day() {
        assert_eq!(clock(1_795_000_000_000_000), "11:06:40 UTC");
        assert_eq!(clock(0), "00:00:00 UTC");
    }
}
