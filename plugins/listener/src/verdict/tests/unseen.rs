//! Filters that our own dials never meet.

use super::*;

fn received(counters: &[(&str, [i64; 3])], sockets: &[Socket]) -> Judgement {
    judge(&steady(&[queue(0, 128)], counters, sockets))
}

#[test]
fn packets_that_end_before_the_sockets_while_nobody_comes_are_a_doubt() {
    let counters = [("Ip.InReceives", [100, 106, 110]), ("Ip.InDelivers", [100, 102, 103])];
    let judgement = received(&counters, &[]);
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_local_input"]);
}

#[test]
fn packets_that_end_before_the_sockets_are_no_doubt_where_clients_come_or_another_counter_explains_them() {
    let counters = [("Ip.InReceives", [100, 106, 110]), ("Ip.InDelivers", [100, 102, 103])];
    assert_healthy(&received(&counters, &[("ESTAB", "198.51.100.1", "40001", 0)]));
    let forwarded = [counters[0], counters[1], ("Ip.ForwDatagrams", [0, 4, 7])];
    assert_healthy(&received(&forwarded, &[]));
    let noise = [("Ip.InReceives", [100, 106, 107]), ("Ip.InDelivers", [100, 102, 103])];
    assert_healthy(&received(&noise, &[]));
}
