use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::op::Message;
use proptest::prelude::*;
use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{ClientSubnet, Cookie, EdnsOption, EdnsRequest, HeaderFlags, Query};

use super::*;

const ID: u16 = 0x1234;

fn query() -> Query {
    let server = Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 53 };
    let mut query = Query::new(server, "orders.lab", 16, Duration::from_secs(1));
    query.edns = Some(EdnsRequest { dnssec_ok: true, ..EdnsRequest::sized(400) });
    query
}

fn encoded() -> (Question, Vec<u8>) {
    Question::encode(&query(), ID).expect("a query")
}

fn question() -> Question {
    encoded().0
}

/// The header and question of an answer, with the counts of the three sections.
fn answer(flags: u16, counts: [u16; 3]) -> Vec<u8> {
    let (_, mut bytes) = Question::encode(&Query { edns: None, ..query() }, ID).expect("a query");
    bytes[2..4].copy_from_slice(&(flags | flag::RESPONSE).to_be_bytes());
    for (place, count) in [6, 8, 10].into_iter().zip(counts) {
        bytes[place..place + 2].copy_from_slice(&count.to_be_bytes());
    }
    bytes
}

/// A record of the question's name.
fn record(rtype: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xc0, 12];
    bytes.extend(rtype.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 60]);
    bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    bytes.extend(data);
    bytes
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &u16::try_from(data.len()).expect("short").to_be_bytes(), data].concat()
}

fn read(bytes: &[u8]) -> Answer {
    match question().read(bytes) {
        Reading::Answer(answer) => *answer,
        other => panic!("not an answer: {other:?}"),
    }
}

fn stray(bytes: &[u8]) -> (StrayKind, bool) {
    match question().read(bytes) {
        Reading::Stray { kind, answer } => (kind, answer.is_some()),
        other => panic!("not a stray: {other:?}"),
    }
}

#[test]
fn another_codec_reads_our_query() {
    let (_, bytes) = encoded();
    let message = Message::from_vec(&bytes).expect("well-formed");
    assert_eq!((message.metadata.id, message.queries.len(), message.additionals.len()), (ID, 1, 0));
    assert_eq!(message.queries[0].name().to_string(), "orders.lab.");
    assert!(message.edns.expect("an OPT record").flags().dnssec_ok);
    // The size below 512 is sent as asked; the other codec would raise it.
    assert!(bytes.windows(4).any(|window| window == [0, 41, 1, 144]));
}

#[test]
fn every_bit_of_the_header_is_sent_as_given_and_read_back() {
    let all = HeaderFlags {
        authoritative: true,
        truncated: true,
        recursion_desired: true,
        recursion_available: true,
        z: true,
        authentic_data: true,
        checking_disabled: true,
    };
    let encode = |flags| Question::encode(&Query { flags, edns: None, ..query() }, ID).expect("a query").1;
    assert_eq!(encode(all)[2..4], [0x07, 0xf0]);
    assert_eq!(encode(HeaderFlags::default())[2..4], [0, 0]);
    assert_eq!(decode(&encode(all)).expect("a message").flags, all);
    let only_z = HeaderFlags { z: true, ..HeaderFlags::default() };
    assert_eq!(decode(&encode(only_z)).expect("a message").flags, only_z);
}

#[test]
fn the_options_of_a_query_are_read_back_and_padding_is_last() {
    let subnet = ClientSubnet { prefix: "192.0.2.77/25".parse().expect("a prefix"), scope: 0 };
    let cookie = Cookie { client: vec![1; 8], server: vec![2; 16] };
    let further = EdnsOption { code: 65001, data: b"x".to_vec() };
    let edns = EdnsRequest {
        nsid: true,
        version: 1,
        client_subnet: Some(subnet),
        cookie: Some(cookie.clone()),
        padding_block: Some(128),
        options: vec![further.clone()],
        ..EdnsRequest::sized(1232)
    };
    let (_, bytes) = Question::encode(&Query { edns: Some(edns), ..query() }, ID).expect("a query");
    assert_eq!(bytes.len(), 128);
    assert_eq!(bytes.last(), Some(&0));
    let edns = decode(&bytes).expect("a message").edns.expect("an OPT record");
    assert_eq!((edns.udp_size, edns.version, edns.dnssec_ok), (1232, 1, false));
    assert_eq!((edns.nsid, edns.cookie), (Some(Vec::new()), Some(cookie)));
    assert_eq!(edns.client_subnet.expect("a subnet").prefix.to_string(), "192.0.2.0/25");
    assert_eq!(edns.options, [further]);
    assert!(edns.padding_bytes.is_some());
}

#[test]
fn what_cannot_be_sent_is_told() {
    let with =
        |edns: EdnsRequest| Question::encode(&Query { edns: Some(edns), ..query() }, ID).expect_err("it is wrong");
    let sized = EdnsRequest::sized(1232);
    let cookie = Some(Cookie { client: vec![1; 7], server: Vec::new() });
    assert!(with(EdnsRequest { cookie, ..sized.clone() }).contains("7 + 0 bytes"));
    assert!(with(EdnsRequest { padding_block: Some(0), ..sized.clone() }).contains("multiple of 0"));
    let options = vec![EdnsOption { code: 65001, data: vec![0; 60_000] }; 2];
    assert!(with(EdnsRequest { options, ..sized }).contains("120008 bytes"));
}

#[test]
fn the_options_of_an_answer_are_told_apart() {
    let options = [
        option(3, b"ns1"),
        option(8, &[0, 2, 56, 48, 0x20, 1, 0xd, 0xb8, 0, 1, 0]),
        option(10, &[7; 24]),
        option(11, &[0, 100]),
        option(12, &[0; 5]),
        option(15, b"\x00\x16no reachable authority\0"),
        option(15, b"\x00\x09"),
    ]
    .concat();
    let bytes = [answer(0, [0, 0, 1]), record(41, &options)].concat();
    let edns = read(&bytes).edns.expect("an OPT record");
    assert_eq!(edns.nsid.as_deref(), Some(&b"ns1"[..]));
    let subnet = edns.client_subnet.expect("a subnet");
    assert_eq!((subnet.prefix.to_string().as_str(), subnet.scope), ("2001:db8:1::/56", 48));
    assert_eq!(edns.cookie.expect("a cookie").server, [7; 16]);
    assert_eq!((edns.tcp_keepalive, edns.padding_bytes), (Some(100), Some(5)));
    assert_eq!(edns.extended_errors[0].extra_text, "no reachable authority");
    assert_eq!((edns.extended_errors[1].info_code, edns.options.len()), (9, 0));
}

#[test]
fn malformed_and_repeated_options_are_kept_as_they_came() {
    let malformed = [
        // Bits beyond the prefix, too few bytes, an unknown family.
        option(8, &[0, 1, 24, 0, 192, 0, 2, 1]),
        option(8, &[0, 1, 24, 0, 192, 0]),
        option(8, &[0, 3, 0, 0]),
        option(10, &[1; 9]),
        option(11, &[]),
        option(15, &[1]),
        option(3, b"a"),
        option(3, b"b"),
    ]
    .concat();
    let bytes = [answer(0, [0, 0, 1]), record(41, &malformed)].concat();
    let edns = read(&bytes).edns.expect("an OPT record");
    let codes: Vec<u16> = edns.options.iter().map(|option| option.code).collect();
    assert_eq!(codes, [8, 8, 8, 10, 11, 15, 3]);
    assert_eq!(edns.nsid.as_deref(), Some(&b"a"[..]));
}

#[test]
fn an_option_beyond_its_record_is_malformed() {
    let bytes = [answer(0, [0, 0, 1]), record(41, &[0, 3, 0, 9, 1])].concat();
    assert!(matches!(question().read(&bytes), Reading::Malformed(_)));
}

#[test]
fn an_unknown_record_is_shown_raw_and_hides_nothing() {
    let bytes = [answer(0, [2, 0, 0]), record(65280, b"\x01\xff"), record(16, b"\x01a")].concat();
    let answers = read(&bytes).answers;
    assert_eq!(answers[0].rdata, "\\# 2 01FF");
    assert_eq!(answers[1].rdata, "\"a\"");
}

#[test]
fn an_address_of_the_wrong_length_is_malformed_and_what_stands_before_it_is_still_read() {
    for data in [&b"\x0a\x00\x00"[..], b"\x0a\x00\x00\x01\x02"] {
        let bytes = [answer(0, [2, 0, 0]), record(16, b"\x01a"), record(1, data)].concat();
        assert!(matches!(question().read(&bytes), Reading::Malformed(_)));
        let (answer, problem) = decode_leniently(&bytes).expect("a header");
        assert_eq!((answer.answers.len(), problem.is_some()), (1, true));
    }
}

#[test]
fn a_truncated_answer_keeps_what_stands_before_the_cut() {
    let whole = [answer(flag::TRUNCATED, [2, 0, 0]), record(16, b"\x01a"), record(16, b"\x01b")].concat();
    let answer = read(&whole[..whole.len() - 3]);
    assert!(answer.flags.truncated);
    assert_eq!(answer.answers.len(), 1);
}

#[test]
fn strays_have_their_kind() {
    let mut other_id = answer(0, [0, 0, 0]);
    other_id[0] ^= 1;
    assert_eq!(stray(&other_id), (StrayKind::WrongId, true));
    assert_eq!(stray(&other_id[..20]), (StrayKind::Malformed, false));
    assert_eq!(stray(&[]), (StrayKind::Malformed, false));
    let mut other_type = answer(0, [0, 0, 0]);
    let last = other_type.len() - 3;
    other_type[last] ^= 1;
    assert_eq!(stray(&other_type), (StrayKind::WrongQuestion, true));
    assert_eq!(stray(&encoded().1), (StrayKind::NotAnAnswer, true));
    let mut update = answer(0, [0, 0, 0]);
    update[2] |= 5 << 3;
    assert_eq!(stray(&update), (StrayKind::NotAnAnswer, true));
}

#[test]
fn the_question_is_shown_as_echoed_and_its_case_does_not_matter() {
    let mut bytes = answer(0, [0, 0, 0]);
    bytes[13] = b'O';
    let echoed = read(&bytes).question.expect("a question");
    assert_eq!((echoed.name.as_str(), echoed.qtype, echoed.qclass), ("Orders.lab.", 16, 1));
}

#[test]
fn only_a_refusal_may_leave_the_question_out() {
    let bare = |rcode: u8| [&ID.to_be_bytes()[..], &[0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!((read(&bare(5)).rcode, read(&bare(5)).question), (5, None));
    assert!(matches!(question().read(&bare(0)), Reading::Malformed(_)));
    assert!(matches!(question().read(&bare(5)[..11]), Reading::Malformed(_)));
}

#[test]
fn two_opt_records_are_malformed() {
    let opt = record(41, &[]);
    let bytes = [answer(0, [0, 0, 2]), opt.clone(), opt].concat();
    assert!(matches!(question().read(&bytes), Reading::Malformed(_)));
}

#[test]
fn a_long_answer_reports_its_size() {
    let text = [&[255_u8][..], &[b'x'; 255]].concat().repeat(200);
    let bytes = [answer(0, [1, 0, 0]), record(16, &text)].concat();
    assert_eq!(usize::try_from(read(&bytes).size_bytes).expect("small"), bytes.len());
}

#[test]
fn a_message_that_expands_without_end_is_malformed() {
    // One long name, and thousands of records that point to it.
    let name = [&[63_u8][..], &[0xff; 63]].concat().repeat(3);
    let first = [&name[..], b"\0\0\x10\0\x01\0\0\0\0\0\0"].concat();
    let mut bytes = answer(0, [5001, 0, 0]);
    let at = u16::try_from(bytes.len()).expect("short") | 0xc000;
    bytes.extend(first);
    for _ in 0..5000 {
        bytes.extend(at.to_be_bytes());
        bytes.extend(b"\0\x10\0\x01\0\0\0\0\0\0");
    }
    let Reading::Malformed(Malformed(what)) = question().read(&bytes) else { panic!("it was read") };
    assert!(what.contains("expand"), "{what}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        question().read(&bytes);
        drop(decode(&bytes));
    }

    #[test]
    fn any_record_is_survived(rtype in prop_oneof![0_u16..300, any::<u16>()], data in prop::collection::vec(any::<u8>(), 0..100)) {
        question().read(&[answer(0, [1, 0, 0]), record(rtype, &data)].concat());
    }

    #[test]
    fn any_option_is_survived_and_none_is_lost(code in prop_oneof![0_u16..20, any::<u16>()], data in prop::collection::vec(any::<u8>(), 0..50)) {
        let bytes = [answer(0, [0, 0, 1]), record(41, &option(code, &data))].concat();
        let edns = read(&bytes).edns.expect("an OPT record");
        let known = [
            edns.nsid.is_some(),
            edns.client_subnet.is_some(),
            edns.cookie.is_some(),
            edns.tcp_keepalive.is_some(),
            edns.padding_bytes.is_some(),
        ];
        let known = known.into_iter().filter(|is| *is).count();
        prop_assert_eq!(known + edns.extended_errors.len() + edns.options.len(), 1);
    }

    #[test]
    fn any_change_of_an_answer_is_survived(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
        let soa = b"\x02ns\xc0\x0c\x04root\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
        let mut bytes = [
            answer(0, [1, 1, 1]),
            record(5, b"\x01a\xc0\x0c"),
            record(6, soa),
            record(41, b"\x00\x0f\x00\x03\x00\x16x"),
        ]
        .concat();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut);
        question().read(&bytes);
    }
}
