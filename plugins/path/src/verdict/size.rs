//! Whether large packets vanish, and whether small ones do.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::Path;

/// Fewer say too little.
const ENOUGH: u32 = 10;

/// Of echo requests, below which loss is not worth a word.
const WORTH_A_WORD: f64 = 0.05;

pub(super) fn judge(path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((passed, lost)) = path.mtu.black_hole() {
        findings.extend(black_hole(path, passed, lost));
    }
    if let Some(loss) = path.echo.loss().filter(|loss| *loss >= WORTH_A_WORD)
        && path.echo.received > 0
        && path.echo.sent >= ENOUGH
    {
        // Routers and hosts limit echo, so that its loss alone proves nothing.
        let because = format!("{} of {} echo requests came back", path.echo.received, path.echo.sent);
        let finding = supports("l3.packet_loss").about(&path.endpoint).because(because);
        findings.push(finding.citing([path.echo.evidence]).measuring(Measure::new("loss", loss * 100.0, "%")).build());
    }
    findings
}

fn black_hole(path: &Path, passed: u32, lost: u32) -> Vec<Finding> {
    let about = &path.endpoint;
    let because = format!("packets of {passed} bytes come through, those of {lost} vanish, and no router says why");
    let draft = supports("l3.pmtu_blackhole")
        .about(about)
        .because(because)
        .citing([path.mtu.evidence])
        .measuring(Measure::new("largest that passes", f64::from(passed), "By"));
    if !hurts(path, passed) {
        return vec![draft.build()];
    }
    let mut findings = vec![draft.proof().build()];
    if path.echo.sent >= ENOUGH && path.echo.received == path.echo.sent {
        let because = format!("all {} small packets came back: the path loses by size alone", path.echo.sent);
        let refutation = refutes("l3.packet_loss").proof().about(about).because(because);
        findings.push(refutation.citing([path.echo.evidence]).build());
    }
    findings
}

/// Segments that are small enough, by a clamped MSS, do not fall in; the options take room in a segment, too.
pub(super) fn hurts(path: &Path, passed: u32) -> bool {
    let headers = if path.endpoint.is_ipv6() { 60 } else { 40 };
    path.mtu.mss_bytes.is_none_or(|mss| mss + headers + TIMESTAMP_OPTION > passed)
}

/// Which the MSS that the kernel tells has left out.
const TIMESTAMP_OPTION: u32 = 12;
