use anstream::adapter::strip_str;
use sonde_proto::json;

use super::*;

fn drawn(text: &str, wide: bool, width: usize) -> String {
    let diagnosis: Diagnosis = json::from_str(text).expect("it is right");
    strip_str(&page(&diagnosis, wide, width)).to_string()
}

#[test]
fn an_address_that_answers_shows_the_kernels_figures_and_one_that_does_not_its_error() {
    insta::assert_snapshot!(drawn(include_str!("../../../testdata/dial_tcp.json"), false, 120));
}

#[test]
fn addresses_that_were_dialled_many_times_show_their_statistics() {
    insta::assert_snapshot!(drawn(include_str!("../../../testdata/dial_series.json"), false, 120));
}

#[test]
fn a_handshake_shows_the_chain_with_what_is_wrong_with_it() {
    insta::assert_snapshot!(drawn(include_str!("../../../testdata/dial_tls.json"), true, 120));
}

#[test]
fn redirects_are_shown_hop_by_hop() {
    insta::assert_snapshot!(drawn(include_str!("../../../testdata/dial_http.json"), false, 120));
}

#[test]
fn no_width_is_too_small() {
    for width in [0, 20, 40, 80] {
        assert!(drawn(include_str!("../../../testdata/dial_tcp.json"), true, width).contains("ECONNREFUSED"));
    }
}

#[test]
fn an_empty_diagnosis_is_drawn_without_a_panic() {
    assert!(page(&Diagnosis::default(), true, 0).contains("in all"));
}
