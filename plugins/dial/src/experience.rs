//! What programs that try one address after another would have seen, in one line each.

use sonde_sdk::dial::experience::{self, Candidate, Experience};

use crate::attempt::Series;

/// By Happy Eyeballs, by Go's dialer, and in plain order; none where no address was really dialled.
pub(crate) fn notes(series: &[Series]) -> Vec<(&'static str, String)> {
    let candidates: Vec<Candidate> = series.iter().filter_map(candidate).collect();
    [
        ("Happy Eyeballs (RFC 8305)", experience::happy_eyeballs(&candidates)),
        ("Go's dialer", experience::go(&candidates, None)),
        ("one after the other, as over getaddrinfo", experience::one_after_the_other(&candidates)),
    ]
    .into_iter()
    .filter_map(|(who, seen)| Some((who, sentence(&seen?))))
    .collect()
}

/// How the first dial of an address went.
fn candidate(series: &Series) -> Option<Candidate> {
    let fate = series.attempts.first()?.fate.clone()?;
    Some(Candidate { address: series.endpoint.address.clone(), fate })
}

fn sentence(seen: &Experience) -> String {
    let tried = match seen.tries.len() {
        1 => "1 try".to_owned(),
        tries => format!("{tries} tries"),
    };
    match &seen.outcome {
        Ok(address) => format!("connects to {address} after {:.1?}, {tried}", seen.after),
        Err(error) => format!("fails after {:.1?} with {error}, {tried}", seen.after),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sonde_sdk::dial::experience::Fate;
    use sonde_sdk::types::Endpoint;

    use super::*;
    use crate::attempt::Attempt;

    fn series(address: &str, fate: Option<Fate>) -> Series {
        let attempt = Attempt { fate, whole: None, trouble: None };
        Series { endpoint: Endpoint::new(address, 80), attempts: vec![attempt], exchange: None }
    }

    #[test]
    fn a_silent_first_address_costs_each_kind_of_program_another_wait() {
        let connected = Fate::Connected(Duration::from_millis(10));
        let notes = notes(&[series("2001:db8::1", Some(Fate::Silent)), series("192.0.2.1", Some(connected))]);

        assert_eq!(notes[0].1, "connects to 192.0.2.1 after 260.0ms, 2 tries");
        assert_eq!(notes[1].1, "connects to 192.0.2.1 after 310.0ms, 2 tries");
        assert_eq!(notes[2].1, "connects to 192.0.2.1 after 131.0s, 2 tries");
    }

    #[test]
    fn an_address_that_was_not_dialled_says_nothing() {
        assert_eq!(notes(&[series("192.0.2.1", None)]), []);
    }
}
