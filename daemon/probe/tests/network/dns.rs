//! `dns.query`. The servers answer with bytes built by another codec.

use std::io::{Read, Write};
use std::str::FromStr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, MX, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record};
use sonde_core::observation::dns::{EdnsRequest, Exchange, HeaderFlags, Query, StrayKind, Transport};
use sonde_core::observation::{Endpoint, Phase, Reason};
use sonde_probe::dns;

use crate::peer::{self, SECOND, here};

mod encrypted;

pub(crate) fn query(server: Endpoint) -> Query {
    Query { edns: Some(EdnsRequest::sized(1232)), ..Query::new(server, "Orders.lab", 1, SECOND) }
}

pub(crate) async fn asked(query: &Query) -> Exchange {
    let (vantage, clock) = here();
    dns::query(&vantage, &clock, query).await
}

/// The answer to `question`, completed by `complete`.
fn answer(question: &[u8], complete: impl Fn(&mut Message)) -> Vec<u8> {
    let mut message = Message::from_vec(question).unwrap();
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    message.edns = None;
    complete(&mut message);
    message.to_vec().unwrap()
}

fn address(message: &mut Message) {
    let name = message.queries[0].name().clone();
    message.add_answer(Record::from_rdata(name, 60, RData::A(A::new(10, 0, 0, 5))));
}

fn server(complete: impl Fn(&mut Message) + Send + 'static) -> Endpoint {
    peer::udp(move |question| vec![answer(question, &complete)])
}

#[tokio::test]
async fn an_answer_is_shown_with_its_header_and_records() {
    let exchange = asked(&query(server(address))).await;
    let answer = exchange.outcome.unwrap();
    assert_eq!((answer.rcode, answer.flags.recursion_available, answer.flags.authoritative), (0, true, false));
    assert_eq!(answer.question.unwrap().name, "Orders.lab.");
    assert_eq!(answer.answers.len(), 1);
    let record = &answer.answers[0];
    assert_eq!(
        (record.name.as_str(), record.rtype, record.ttl, record.rdata.as_str()),
        ("Orders.lab.", 1, 60, "10.0.0.5")
    );
    assert_eq!((exchange.stray_count, exchange.kernel_rtt, answer.edns), (0, None, None));
    let local = exchange.local.unwrap();
    assert!(local.address == peer::localhost() && local.port > 0, "{local}");
    let (send, wait) = (exchange.phases.send.unwrap(), exchange.phases.wait.unwrap());
    assert_eq!((send.at, wait.at), (exchange.timing.at, send.at + send.elapsed));
    assert_eq!(exchange.timing.elapsed, send.elapsed + wait.elapsed);
    assert!(wait.elapsed > Duration::ZERO);
    assert_eq!((exchange.phases.connect, exchange.phases.receive, exchange.icmp.len()), (None, None, 0));
    assert_eq!(exchange.query_bytes, 28 + 11);
}

#[tokio::test]
async fn the_query_carries_what_was_asked_for() {
    let mut wanted = query(peer::udp(|question| {
        let message = Message::from_vec(question).unwrap();
        let header = &message.metadata;
        assert!(header.checking_disabled && header.authentic_data && !header.recursion_desired);
        let edns = message.edns.as_ref().unwrap();
        assert_eq!((edns.max_payload(), edns.flags().dnssec_ok), (1232, true));
        assert_eq!(u16::from(message.queries[0].query_type()), 33);
        vec![answer(question, |_| ())]
    }));
    wanted.qtype = 33;
    wanted.flags = HeaderFlags { checking_disabled: true, authentic_data: true, ..HeaderFlags::default() };
    wanted.edns = Some(EdnsRequest { dnssec_ok: true, ..EdnsRequest::sized(1232) });
    assert!(asked(&wanted).await.outcome.unwrap().flags.checking_disabled);
}

#[tokio::test]
async fn records_are_in_presentation_format() {
    let name = |text: &str| Name::from_str(text).unwrap();
    let remote = server(move |message| {
        let owner = name("orders.lab.");
        let data = [
            RData::MX(MX::new(10, name("mail.lab."))),
            RData::SRV(SRV::new(1, 2, 5060, name("sip.lab."))),
            RData::TXT(TXT::new(vec!["a \"b\"".to_owned(), "c".to_owned()])),
        ];
        message.add_answers(data.map(|data| Record::from_rdata(owner.clone(), 1, data)));
        let soa = SOA::new(name("ns.lab."), name("root.lab."), 7, 1, 2, 3, 300);
        message.add_authority(Record::from_rdata(owner, 300, RData::SOA(soa)));
    });
    let answer = asked(&query(remote)).await.outcome.unwrap();
    let data: Vec<&str> = answer.answers.iter().map(|record| record.rdata.as_str()).collect();
    assert_eq!(data, ["10 mail.lab.", "1 2 5060 sip.lab.", "\"a \\\"b\\\"\" \"c\""]);
    assert_eq!(answer.authorities[0].rdata, "ns.lab. root.lab. 7 1 2 3 300");
}

#[tokio::test]
async fn the_extended_rcode_and_the_extended_error_are_decoded() {
    let remote = server(|message| {
        message.metadata.response_code = ResponseCode::ServFail;
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        edns.options_mut().insert(EdnsOption::Unknown(15, b"\x00\x16no reachable authority".to_vec()));
        message.set_edns(edns);
    });
    let answer = asked(&query(remote)).await.outcome.unwrap();
    let edns = answer.edns.unwrap();
    assert_eq!((answer.rcode, edns.udp_size, edns.version), (2, 4096, 0));
    assert_eq!(edns.extended_errors[0].info_code, 22);
    assert_eq!(edns.extended_errors[0].extra_text, "no reachable authority");
    // BADVERS, 16, needs the bits of the OPT record.
    let remote = peer::udp(|question| {
        let mut bytes = answer_with_opt(question);
        let at = bytes.len() - 6;
        bytes[at] = 1;
        vec![bytes]
    });
    assert_eq!(asked(&query(remote)).await.outcome.unwrap().rcode, 16);
}

fn answer_with_opt(question: &[u8]) -> Vec<u8> {
    answer(question, |message| {
        message.set_edns(Edns::new());
    })
}

#[tokio::test]
async fn strays_are_told_and_do_not_end_the_wait() {
    let remote = peer::udp(|question| {
        let right = answer(question, address);
        let mut other_id = right.clone();
        other_id[0] ^= 0xff;
        let mut other_name = right.clone();
        other_name[13] ^= 1;
        vec![other_id, other_name, question.to_vec(), vec![], b"x".to_vec(), right]
    });
    let exchange = asked(&query(remote)).await;
    let kinds: Vec<StrayKind> = exchange.strays.iter().map(|stray| stray.kind).collect();
    let malformed = StrayKind::Malformed;
    assert_eq!(kinds, [StrayKind::WrongId, StrayKind::WrongQuestion, StrayKind::NotAnAnswer, malformed, malformed]);
    assert_eq!(exchange.stray_count, 5);
    assert!(exchange.strays.iter().all(|stray| stray.from == remote && stray.at >= exchange.timing.at));
    assert_eq!(exchange.strays[0].answer.as_ref().unwrap().answers[0].rdata, "10.0.0.5");
    assert_eq!(exchange.outcome.unwrap().answers.len(), 1);
}

#[tokio::test]
async fn strays_alone_time_out_and_are_mentioned() {
    let remote = peer::udp(|question| vec![question.to_vec()]);
    let exchange = asked(&Query { timeout: Duration::from_millis(200), ..query(remote) }).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason, exchange.stray_count), (Phase::Wait, Reason::TimedOut, 1));
    assert!(
        failure.detail.contains("1 messages came that were not the answer: 1 no answer at all"),
        "{}",
        failure.detail
    );
}

#[tokio::test]
async fn a_malformed_answer_is_told() {
    let remote = peer::udp(|question| {
        let mut bytes = answer(question, address);
        bytes.truncate(bytes.len() - 2);
        vec![bytes]
    });
    let failure = asked(&query(remote)).await.outcome.unwrap_err();
    assert!(failure.phase == Phase::Receive && matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
}

#[tokio::test]
async fn a_bare_header_that_refuses_is_an_answer() {
    let remote = peer::udp(|question| vec![[&question[..2], &[0x80, 0x05, 0, 0, 0, 0, 0, 0, 0, 0][..]].concat()]);
    assert_eq!(asked(&query(remote)).await.outcome.unwrap().rcode, 5);
}

#[tokio::test]
async fn a_closed_udp_port_refuses_by_icmp() {
    let exchange = asked(&query(peer::closed())).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Refused));
    let icmp = failure.icmp.unwrap();
    // Our own kernel sent it.
    assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (3, 3, None));
    assert_eq!(exchange.icmp, [icmp]);
    assert!(failure.elapsed < SECOND / 4);
}

/// Serves DNS over TCP, in one byte at a time.
fn tcp_server(replies: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Endpoint {
    peer::tcp(move |mut stream| {
        let mut length = [0; 2];
        let mut question = Vec::new();
        if stream.read_exact(&mut length).is_ok() {
            question.resize(u16::from_be_bytes(length).into(), 0);
            stream.read_exact(&mut question).unwrap();
        }
        for reply in replies(&question) {
            let framed = [&u16::try_from(reply.len()).unwrap().to_be_bytes()[..], &reply].concat();
            for byte in framed.chunks(1000) {
                drop(stream.write_all(byte));
            }
        }
    })
}

#[tokio::test]
async fn a_large_answer_over_tcp_comes_whole_with_the_kernels_rtt() {
    let remote = tcp_server(|question| {
        let large = answer(question, |message| {
            let text = TXT::new((0..200).map(|_| "x".repeat(255)).collect());
            message.add_answer(Record::from_rdata(Name::from_str("orders.lab.").unwrap(), 1, RData::TXT(text)));
        });
        let mut stray = large.clone();
        stray[0] ^= 1;
        vec![stray, large]
    });
    let exchange = asked(&Query { transport: Transport::Tcp, ..query(remote) }).await;
    assert!(exchange.kernel_rtt.is_some_and(|rtt| rtt < SECOND), "{:?}", exchange.kernel_rtt);
    assert_eq!((exchange.stray_count, exchange.strays[0].kind), (1, StrayKind::WrongId));
    assert!(exchange.local.is_some_and(|local| local.port > 0));
    let phases = exchange.phases;
    let ends = [phases.connect, phases.send, phases.wait, phases.receive].map(|phase| {
        let phase = phase.unwrap();
        (phase.at, phase.at + phase.elapsed)
    });
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!((ends[2].1, ends[3].1), (ends[3].0, exchange.timing.at + exchange.timing.elapsed));
    assert!(exchange.outcome.unwrap().size_bytes > 51_000);
}

#[tokio::test]
async fn an_end_without_answer_over_tcp_is_closed() {
    let remote = tcp_server(|_| Vec::new());
    let failure = asked(&Query { transport: Transport::Tcp, ..query(remote) }).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Closed));
    let failure = asked(&Query { transport: Transport::Tcp, ..query(peer::closed()) }).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Refused));
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_invalid_request() {
    let remote = peer::closed();
    for wrong in [
        Query { name: "a..b".to_owned(), ..query(remote) },
        Query { name: "x".repeat(64), ..query(remote) },
        Query { edns: Some(EdnsRequest { padding_block: Some(0), ..EdnsRequest::sized(1232) }), ..query(remote) },
        Query { server: Endpoint { port: 0, ..remote }, ..query(remote) },
    ] {
        let failure = asked(&wrong).await.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::InvalidRequest(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn an_answer_from_another_port_is_a_stray_and_the_wait_goes_on() {
    let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let wrong = peer::endpoint(elsewhere.local_addr().unwrap());
    let remote = peer::udp_from(move |question, client| {
        elsewhere.send_to(&answer(question, address), client).unwrap();
        Vec::new()
    });
    let exchange = asked(&Query { timeout: Duration::from_millis(300), ..query(remote) }).await;
    assert_eq!((exchange.stray_count, exchange.strays[0].kind), (1, StrayKind::WrongSource));
    assert_eq!(exchange.strays[0].from, wrong);
    assert_eq!(exchange.strays[0].answer.as_ref().unwrap().answers.len(), 1);
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::TimedOut));
    assert!(failure.detail.ends_with("not the answer: 1 from a wrong source"), "{}", failure.detail);
    assert!(failure.elapsed >= Duration::from_millis(290));
}

#[tokio::test]
async fn a_flood_of_strays_is_bounded_in_memory_and_time() {
    let remote = peer::udp(|question| vec![question.to_vec(); 3000]);
    let exchange = asked(&Query { timeout: Duration::from_millis(300), ..query(remote) }).await;
    assert_eq!(exchange.strays.len(), Exchange::SHOWN);
    assert!(exchange.stray_count > 100, "{}", exchange.stray_count);
    assert!(exchange.timing.elapsed < SECOND, "{:?}", exchange.timing);
}

#[tokio::test]
async fn the_unspecified_address_is_this_host() {
    let remote = Endpoint { address: "0.0.0.0".parse().unwrap(), ..server(address) };
    let exchange = asked(&query(remote)).await;
    assert_eq!((exchange.stray_count, exchange.outcome.unwrap().answers.len()), (0, 1));
}

#[tokio::test]
async fn a_larger_datagram_than_was_asked_for_comes_whole() {
    let remote = server(|message| {
        let text = TXT::new((0..200).map(|_| "x".repeat(255)).collect());
        message.add_answer(Record::from_rdata(Name::from_str("orders.lab.").unwrap(), 1, RData::TXT(text)));
    });
    assert!(asked(&query(remote)).await.outcome.unwrap().size_bytes > 51_000);
}
