//! Nothing came back, neither an answer nor an error.
//!
//! Of UDP that says little: a service need not answer, and whatever swallows datagrams looks the same. It is said what is known
//! and what would tell.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Strength;
use sonde_sdk::types::Measure;
use sonde_sdk::way::Explained;

use super::{here, unclear};
use crate::observe::Path;
use crate::protocol::Protocol;

/// Judges an address that was silent throughout.
pub(super) fn judge(path: &Path) -> Explained {
    if path.is_local() {
        return here::silence(path);
    }
    if let Some(told) = here::answers(path) {
        return told;
    }
    let at = &path.endpoint;
    let (name, asked) = (path.protocol.name(), path.protocol != Protocol::Echo);
    let life = path.life();
    let sent = path.sent();
    let silent = path.evidence();
    let measure = || Measure::count("datagrams", sent.into());
    let what = if asked { format!("{name} question") } else { "datagram".to_owned() };
    let counted = format!("{sent} {what}{}", if sent == 1 { "" } else { "s" });
    let next = if asked {
        format!(
            "run `sonde diagnose :{}` on {}, and see there whether they arrive: tcpdump -ni any udp port {}",
            at.port, at.address, at.port
        )
    } else {
        format!(
            "send what the service's own client sends, and see on {} whether it arrives: tcpdump -ni any udp port {}",
            at.address, at.port
        )
    };
    if life.is_empty() {
        let sentence = format!("{at} gives no answer and no error to {counted}, and nothing else of the host answers");
        return unclear(path, sentence)
            .with(
                supports("fw.drop_remote")
                    .strength(if asked { Strength::Strong } else { Strength::Weak })
                    .because(format!("{counted} got no answer, and no ICMP error came"))
                    .citing(silent.clone())
                    .measuring(measure()),
            )
            .with(
                supports("l3.host_down")
                    .because("nothing of the host answers, but no router reports it missing")
                    .citing(silent),
            )
            .next(next);
    }
    let told: Vec<u64> =
        path.controls.iter().filter(|c| life.contains(&c.dial.evidence)).map(|c| c.dial.evidence).collect();
    let duty = if asked { format!("every {name} server answers that") } else { here::NEED_NOT.to_owned() };
    let case =
        unclear(path, format!("{at} gives no answer and no error to {counted}, while the host is alive; {duty}"))
            .with(
                supports("fw.drop_remote")
                    .strength(if asked { Strength::Strong } else { Strength::Weak })
                    .because(format!("{counted} got no answer and no ICMP error, while the host is alive"))
                    .citing(silent)
                    .measuring(measure()),
            )
            .with(refutes("l3.host_down").proof().because("the host is alive: it answers otherwise").citing(life))
            .next(next);
    let Some(control) = path.controls.first().filter(|_| !told.is_empty()) else { return case };
    case.with(
        refutes("udp.port_closed")
            .strong()
            .because(format!("of port {}, which is closed, the host says so; of this one it does not", control.port))
            .citing(told),
    )
}
