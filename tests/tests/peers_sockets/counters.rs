//! Counters beside `nstat -az --json` and the files of /proc.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::World;

/// nstat glues group and name: `TcpOutRsts`, `Ip6OutNoRoutes`.
pub(crate) fn compare(world: &World) {
    let before = nstat(world);
    let ours = readings(world);
    let after = nstat(world);
    let mut told = 0;
    for (name, value) in before.iter().filter(|(name, value)| after.get(*name) == Some(*value)) {
        if let Some((our_name, our)) = ours.iter().find(|(our, _)| our.replace('.', "") == *name) {
            assert_eq!(our, value, "{our_name}");
            told += usize::from(*value != 0);
        } else {
            assert!(name == "TcpExtTCPLoss" || ours.is_empty(), "sonde does not know {name}");
        }
    }
    assert!(told > 20, "only {told} counters were other than zero");
    devices(world, &ours);
    softnet(world, &ours);
    sockstat(world, &ours);
}

fn devices(world: &World, ours: &BTreeMap<String, i64>) {
    let text = world.run("cat", &["/proc/net/dev"]);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).expect("loopback");
    let words: Vec<i64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Retransmissions go on meanwhile: what cannot be less than it was.
    assert!(ours["device.lo.rx_bytes"] > 0 && ours["device.lo.rx_bytes"] <= words[0], "{words:?}");
    assert!(ours["device.lo.tx_packets"] > 0 && ours["device.lo.tx_packets"] <= words[9], "{words:?}");
}

fn softnet(world: &World, ours: &BTreeMap<String, i64>) {
    let text = world.run("cat", &["/proc/net/softnet_stat"]);
    let first = text.lines().filter_map(|line| i64::from_str_radix(line.split_whitespace().next()?, 16).ok());
    let processed: i64 = first.sum();
    assert!(ours["softnet.processed"] > 0 && ours["softnet.processed"] <= processed, "{processed}");
}

fn sockstat(world: &World, ours: &BTreeMap<String, i64>) {
    let text = world.run("cat", &["/proc/net/sockstat6"]);
    let line = text.lines().find_map(|line| line.strip_prefix("UDP6: inuse ")).expect("a count");
    assert_eq!(ours["sockstat.UDP6.inuse"].to_string(), line.trim());
}

fn nstat(world: &World) -> BTreeMap<String, i64> {
    let json: Value = serde_json::from_str(&world.run("nstat", &["-az", "--json"])).expect("JSON of nstat");
    let kernel = json["kernel"].as_object().expect("counters");
    kernel.iter().filter_map(|(name, value)| Some((name.clone(), value.as_i64()?))).collect()
}

fn readings(world: &World) -> BTreeMap<String, i64> {
    let look = world.json(&["counters"]);
    let readings = look["readings"].as_array().expect("readings").iter();
    let value = |reading: &Value| reading["value"].as_str().map_or(0, |value| value.parse().expect("a number"));
    readings.map(|reading| (reading["name"].as_str().expect("a name").to_owned(), value(reading))).collect()
}
