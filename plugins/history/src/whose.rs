//! Whose past it is. The recorder keeps network namespaces, and of their sockets the largest groups by address: no processes, no
//! names.

use sonde_sdk::check::Outcome;
use sonde_sdk::history::HistoryAnswer;
use sonde_sdk::types::Endpoint;

/// Whose.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    /// The namespace's, or that of one listener in it.
    Namespace,
    /// The namespace's, asked for by a process that is in it.
    Process(u32),
    /// That of the connections to one destination, and of what they share with all others.
    Peer(Box<Peer>),
    /// Of what is asked over UDP: that of its namespace.
    Datagrams(Box<Datagrams>),
}

/// What is sent in datagrams, of which none is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Datagrams {
    /// As it was asked for.
    pub(crate) target: String,
    /// UDP of the whole namespace, and what came back of it by ICMP.
    pub(crate) counted: HistoryAnswer,
}

/// A destination.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) endpoint: Endpoint,
    /// Sockets towards it, by state.
    pub(crate) states: HistoryAnswer,
    /// All sockets, by state and peer: whether any had no group of their own.
    pub(crate) groups: HistoryAnswer,
}

impl Peer {
    /// Sockets that were counted for their state alone, at most at one time; none where the answer has no room to tell.
    pub(crate) fn untold(&self) -> Option<f64> {
        let series = &self.groups.recording()?.series;
        let rest = series.iter().filter(|series| series.key.get(1).is_some_and(String::is_empty));
        let most = rest.filter_map(|series| Some(series.peak()?.value)).sum();
        (series.len() < GROUPS || most > 0.0).then_some(most)
    }
}

/// A name had addresses then that nobody kept. `seen` are the peers at its port.
pub(crate) fn nameless(host: &str, port: u16, seen: &[String]) -> Outcome {
    let told = match seen {
        [] => format!("no peer at port {port} is among those that it kept"),
        seen => format!("at port {port} it kept {}", seen.join(", ")),
    };
    Outcome::unclear(format!(
        "the recorder keeps addresses, and {host} is a name, whose addresses may have changed; {told}"
    ))
    .next(format!("ask for an address that {host} had then, such as tcp://192.0.2.1:{port}"))
}

/// Series of one answer.
const GROUPS: usize = 64;
