//! Each text is the one that `dig +nosplit` of BIND 9.18 prints for these bytes.

use super::*;

fn shown(rtype: u16, data: &[u8]) -> String {
    present(rtype, IN, Reader::new(data)).expect("it can be shown")
}

#[test]
fn addresses_are_as_inet_ntop_writes_them() {
    assert_eq!(shown(1, &[192, 0, 2, 1]), "192.0.2.1");
    let v6 = |text: &str| shown(28, &text.parse::<Ipv6Addr>().expect("an address").octets());
    for text in ["2001:db8::1", "::", "::1", "::192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::c000:201", "::0.0.0.2"] {
        assert_eq!(v6(text), text);
    }
}

#[test]
fn names_and_numbers() {
    assert_eq!(shown(33, b"\0\x01\0\x02\x13\xc4\x03sip\x03lab\0"), "1 2 5060 sip.lab.");
    assert_eq!(shown(17, b"\x01a\x03lab\0\0"), "a.lab. .");
    assert_eq!(shown(18, b"\0\x01\x01a\0"), "1 a.");
    assert_eq!(shown(13, b"\x03a b\x01\""), "\"a b\" \"\\\"\"");
    assert_eq!(shown(35, b"\0\x64\0\x0a\x01S\x07SIP+D2U\0\x01r\0"), "100 10 \"S\" \"SIP+D2U\" \"\" r.");
    assert_eq!(shown(108, &[0, 0, 0x5e, 0, 0x53, 0x2a]), "00-00-5e-00-53-2a");
    assert_eq!(shown(106, b"\0\x0a\0\x14\x4f\xff\xff\x20\xee\x64"), "10 14:4fff:ff20:ee64");
}

#[test]
fn texts_are_quoted_and_other_bytes_escaped() {
    assert_eq!(shown(16, b"\x05a\"b\\;\x01\xff\0"), "\"a\\\"b\\\\;\" \"\\255\" \"\"");
    assert_eq!(shown(256, b"\0\x0a\0\x01https://x/"), "10 1 \"https://x/\"");
    assert_eq!(shown(257, b"\0\x05issueca.lab"), "0 issue \"ca.lab\"");
}

#[test]
fn keys_and_digests() {
    assert_eq!(shown(48, b"\x01\x01\x03\x0d\x01\x02\x03"), "257 3 13 AQID");
    assert_eq!(shown(43, b"\x30\x39\x0d\x02\xab\xcd"), "12345 13 2 ABCD");
    assert_eq!(shown(52, b"\x03\x01\x01\xab"), "3 1 1 AB");
    assert_eq!(shown(44, b"\x04\x02\xab\xcd"), "4 2 ABCD");
    assert_eq!(shown(37, b"\0\x01\x30\x39\x08\x01\x02\x03"), "PKIX 12345 RSASHA256 AQID");
    assert_eq!(shown(61, b"\x01\x02\x03"), "AQID");
    let rrsig = b"\0\x01\x0d\x03\0\0\x0e\x10\x67\x74\x85\x80\x38\x6d\x43\x80\x30\x39\x07example\0\x01\x02\x03";
    assert_eq!(shown(46, rrsig), "A 13 3 3600 20250101000000 20000101000000 12345 example. AQID");
}

#[test]
fn bitmaps_of_types() {
    let mut data = b"\x04next\0".to_vec();
    data.extend(b"\0\x06\x40\0\0\0\0\x03");
    data.extend([0xff, 23]);
    data.extend([0; 22]);
    data.push(0x80);
    assert_eq!(shown(47, &data), "next. A RRSIG NSEC TYPE65456");
    assert_eq!(shown(50, b"\x01\0\0\0\0\x01\xff"), "1 0 0 - VS");
    assert_eq!(shown(51, b"\x01\0\0\x0a\x02\xaa\xbb"), "1 0 10 AABB");
    assert_eq!(shown(62, b"\0\0\0\x42\0\x03\0\x01\x60"), "66 3 A NS");
}

#[test]
fn service_bindings() {
    let data =
        b"\0\x01\x03svc\0\0\x01\0\x06\x02h2\x02h3\0\x03\0\x02\x20\xfb\0\x04\0\x08\x01\x02\x03\x04\x01\x02\x03\x05";
    assert_eq!(shown(64, data), "1 svc. alpn=\"h2,h3\" port=8443 ipv4hint=1.2.3.4,1.2.3.5");
    let data = b"\0\x01\0\0\0\0\x04\0\x01\0\x03\0\x01\0\x04\x03dot\0\x02\0\0\0\x03\0\x02\x03\x55";
    assert_eq!(shown(65, data), "1 . mandatory=alpn,port alpn=\"dot\" no-default-alpn port=853");
    assert_eq!(shown(65, b"\0\x01\0\0\x05\0\x03\x01\x02\x03"), "1 . ech=AQID");
    assert_eq!(shown(65, b"\0\x01\0\xff\x35\0\x07abc\x01def"), "1 . key65333=\"abc\\001def\"");
    assert_eq!(shown(65, b"\0\0\x01a\0"), "0 a.");
}

#[test]
fn places_and_the_odd_ones() {
    let loc = b"\0\x12\x16\x13\x8b\x3e\x28\x98\x81\x0c\x67\x80\x00\x98\x95\xb8";
    assert_eq!(shown(29, loc), "52 23 43.000 N 4 53 10.144 E -2.00m 1m 10000m 10m");
    assert_eq!(shown(42, b"\0\x01\x15\x83\xc0\xa8\x20\0\x02\0\0"), "!1:192.168.32.0/21 2:::/0");
    assert_eq!(shown(11, b"\x0a\0\0\x01\x06\0\0\0\x40"), "10.0.0.1 6 25");
    assert_eq!(shown(45, b"\x0a\x01\x02\xc0\0\x02\x26\x01\x02\x03"), "10 1 2 192.0.2.38 AQID");
    assert_eq!(shown(260, b"\x0a\x81\xcb\0\x71\x0f"), "10 1 1 203.0.113.15");
    assert_eq!(shown(55, b"\x02\x02\0\x03\xab\xcd\x01\x02\x03\x02rv\0"), "2 ABCD AQID rv.");
}

#[test]
fn what_does_not_fit_its_type_is_shown_raw() {
    // A CAA record that ends within its tag, parameters out of order, a location of another version, a bitmap of no bits.
    assert_eq!(shown(257, b"\0\x09is"), "\\# 4 00096973");
    assert_eq!(shown(65, b"\0\x01\0\0\x03\0\x02\0\x01\0\x02\0\0"), "\\# 13 00010000030002000100020000");
    assert_eq!(shown(29, &[1; 16]), format!("\\# 16 {}", "01".repeat(16)));
    assert_eq!(shown(47, b"\0\0\0"), "\\# 3 000000");
    assert_eq!(shown(65280, b""), "\\# 0");
}

#[test]
fn what_resolution_acts_on_must_be_right() {
    for (rtype, data) in
        [(1, &b"\x0a"[..]), (28, b"\x0a"), (5, b"\x02a"), (33, b"\0\0"), (15, b"\0\0\0x"), (16, b"\x02a")]
    {
        present(rtype, IN, Reader::new(data)).expect_err("it must not pass");
    }
    // In class CH an A record is something else (RFC 1035 section 3.4 is about the internet).
    assert_eq!(present(1, 3, Reader::new(b"\x01a\0\0\x01")).expect("raw"), "\\# 5 0161000001");
}
