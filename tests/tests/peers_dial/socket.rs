//! `ss -ti`: what the kernel says of a connection, as facts, while sonde holds it open.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use sonde_proto::json;
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{Connection, Diagnosis};
use sonde_tests::process::eventually;

use super::facts::Facts;
use super::world::{SERVER, World};

/// Holds one connection to `port`, and returns what sonde and ss say of it.
pub(crate) fn held(world: &World, port: u16) -> Result<(Facts, Facts)> {
    let mut command = world.dialling(&format!("{SERVER}:{port}"), &["--hold", "1500ms"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let filter = format!("( dport = :{port} )");
    let mut theirs = None;
    let seen = eventually(Duration::from_secs(10), "ss shows the connection with its greeting", || {
        let mut command = world.asking("ss");
        let output = command.args(["-tinH", "state", "established", &filter]).output()?;
        theirs = read(&String::from_utf8_lossy(&output.stdout)).filter(|facts| facts.contains_key("bytes_received"));
        Ok(theirs.is_some())
    });
    let output = child.wait_with_output()?;
    seen.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let diagnosis: Diagnosis = json::from_str(&text).map_err(|problem| anyhow::anyhow!("{problem}: {text}"))?;
    let dial = diagnosis.evidence.iter().find_map(|evidence| match &evidence.call {
        Some(Call::TcpDial(dial)) => dial.connection.as_ref(),
        _ => None,
    });
    Ok((ours(dial.context("no dial")?)?, theirs.context("invariant: seen")?))
}

/// `0 16 192.0.2.100:41234 192.0.2.1:6002`, and below it words such as `mss:1348`.
fn read(output: &str) -> Option<Facts> {
    let local = output.split_whitespace().find(|word| word.starts_with("192.0.2.100:"))?;
    let mut facts = Facts::from([("local".to_owned(), local.to_owned())]);
    for word in output.split_whitespace() {
        let Some((name, value)) = word.split_once(':') else { continue };
        match name {
            "rtt" => {
                let (rtt, variance) = value.split_once('/')?;
                facts.insert("rtt".to_owned(), rtt.to_owned());
                facts.insert("rttvar".to_owned(), variance.to_owned());
            }
            "mss" | "pmtu" | "rcvmss" | "minrtt" | "bytes_acked" | "bytes_received" | "snd_wnd" => {
                facts.insert(name.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    Some(facts)
}

fn ours(connection: &Connection) -> Result<Facts> {
    let info = connection.info.as_ref().context("no tcp_info")?;
    let local = connection.local.as_ref().context("no local endpoint")?;
    // ss writes milliseconds by %g.
    let millis = |duration: &Option<prost_types::Duration>| {
        let nanos = duration.as_ref().map_or(0, |duration| duration.nanos);
        format!("{}", f64::from(nanos / 1000) / 1000.0)
    };
    Ok([
        ("local", format!("{}:{}", local.address, local.port)),
        ("rtt", millis(&info.rtt)),
        ("rttvar", millis(&info.rtt_variance)),
        ("minrtt", millis(&info.min_rtt)),
        ("mss", info.snd_mss_bytes.to_string()),
        ("pmtu", info.pmtu_bytes.to_string()),
        ("rcvmss", info.rcv_mss_bytes.to_string()),
        ("bytes_acked", info.bytes_acked.to_string()),
        ("bytes_received", info.bytes_received.to_string()),
        ("snd_wnd", info.snd_wnd_bytes.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}
