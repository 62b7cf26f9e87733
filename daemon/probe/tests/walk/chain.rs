//! The chain of trust: what holds, what does not, and why.

use sonde_core::observation::dns::{Lameness, Security, WalkResult};

use crate::lab::{Lab, Signing, need_root};
use crate::tree::{LEAF_CUT, Tree, ds_of, leaf, same, tree, with_leaf};

const A: u16 = 1;
const TXT: u16 = 16;

fn securities(result: &WalkResult) -> Vec<(&str, Security)> {
    result.zones.iter().map(|zone| (zone.name.as_str(), zone.security)).collect()
}

fn chain(leaf: Security) -> Vec<(&'static str, Security)> {
    vec![(".", Security::Secure), ("lab.", Security::Secure), ("leaf.lab.", leaf)]
}

async fn walk(tree: &Tree, name: &str, qtype: u16) -> WalkResult {
    tree.lab.walk(name, qtype, &tree.anchor).await
}

#[tokio::test]
async fn a_healthy_signed_chain_is_secure_and_nobody_disagrees() {
    need_root!("a_healthy_signed_chain_is_secure_and_nobody_disagrees");
    let tree = with_leaf(Some(&Signing::GOOD), same).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Secure), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Secure, None), "{result:#?}");
    assert_eq!((&result.disagreements, &result.failure), (&Vec::new(), &None));
    let leaf = result.zones.last().expect("three zones");
    let servers: Vec<_> =
        leaf.servers.iter().map(|server| (server.name.as_str(), server.lameness, server.serial)).collect();
    let well = |name| (name, Lameness::None, Some(7));
    assert_eq!(servers, [well("ns1.leaf.lab."), well("ns2.leaf.lab.")]);
    assert!(leaf.signed);
    assert_eq!(leaf.parent_servers, ["ns1.leaf.lab.", "ns2.leaf.lab."]);
    assert_eq!(leaf.child_servers, leaf.parent_servers);
    assert_eq!(result.zones[0].servers[0].name, "a.servers.");
    let mut addresses: Vec<String> = result.answer.expect("an answer").addresses().map(|a| a.to_string()).collect();
    addresses.sort();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
    assert!(result.queries > 12 && result.queries < 60, "{}", result.queries);
}

#[tokio::test]
async fn denials_aliases_and_wildcards_are_validated_with_nsec_and_nsec3() {
    need_root!("denials_aliases_and_wildcards_are_validated_with_nsec_and_nsec3");
    let nsec3 = Signing { with: &["-3", "aabb"], ..Signing::GOOD };
    for signing in [Signing::GOOD, nsec3] {
        let tree = with_leaf(Some(&signing), same).await;
        for (name, qtype, rcode, continues) in [
            ("nowhere.leaf.lab.", A, 3, None),
            ("www.leaf.lab.", TXT, 0, None),
            ("deep.leaf.lab.", A, 0, None),
            ("a.deep.leaf.lab.", A, 0, None),
            ("leaf.lab.", A, 0, None),
            ("leaf.lab.", 6, 0, None),
            ("leaf.lab.", 43, 0, None),
            ("x.wild.leaf.lab.", A, 0, None),
            ("x.wild.leaf.lab.", TXT, 0, None),
            ("alias.leaf.lab.", A, 0, None),
            ("alias.leaf.lab.", TXT, 0, None),
            ("dangling.leaf.lab.", A, 3, None),
            ("away.leaf.lab.", A, 0, Some("www.elsewhere.lab.")),
            ("nowhere.", A, 3, None),
            (".", 2, 0, None),
        ] {
            let result = walk(&tree, name, qtype).await;
            let answer = result.answer.as_ref().unwrap_or_else(|| panic!("{name} {qtype}: {result:#?}"));
            assert_eq!(result.security, Security::Secure, "{name} {qtype} {signing:?}: {result:#?}");
            assert_eq!(answer.rcode, rcode, "{name} {qtype}: {result:#?}");
            assert_eq!(result.continues_at.as_deref(), continues, "{name} {qtype}: {result:#?}");
            assert_eq!((&result.disagreements, &result.failure), (&Vec::new(), &None), "{name} {qtype}");
        }
    }
}

#[tokio::test]
async fn an_unsigned_child_is_provably_insecure() {
    need_root!("an_unsigned_child_is_provably_insecure");
    let tree = with_leaf(None, same).await;
    for name in ["www.leaf.lab", "nowhere.leaf.lab", "deep.leaf.lab"] {
        let result = walk(&tree, name, A).await;
        assert_eq!(securities(&result), chain(Security::Insecure), "{result:#?}");
        assert_eq!((result.security, result.security_code), (Security::Insecure, None), "{result:#?}");
        assert_eq!(result.security_detail, "the parent proves that leaf.lab. has no DS");
        assert!(!result.zones[2].signed);
    }
}

#[tokio::test]
async fn keys_without_a_ds_at_the_parent_prove_nothing() {
    need_root!("keys_without_a_ds_at_the_parent_prove_nothing");
    let lab = Lab::new();
    let signed = lab.sign(&leaf(), &Signing::GOOD);
    let mut tree = tree(lab, LEAF_CUT);
    tree.lab.serve("127.0.0.3", &[&signed]);
    tree.lab.serve("127.0.0.4", &[&signed]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Insecure), "{result:#?}");
    assert_eq!(result.security, Security::Insecure, "{result:#?}");
}

/// The first character of a signature changed.
fn tampered(line: &str) -> String {
    let www = line.starts_with("www.leaf.lab.") && line.contains("RRSIG\tA ");
    let Some((head, signature)) = line.rsplit_once(' ').filter(|_| www) else { return line.to_owned() };
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{head} {first}{}", signature.get(1..).expect("a signature"))
}

#[tokio::test]
async fn a_changed_signature_is_bogus() {
    need_root!("a_changed_signature_is_bogus");
    let tree = with_leaf(Some(&Signing::GOOD), tampered).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Secure), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(6)), "{result:#?}");
    assert!(result.security_detail.contains("www.leaf.lab. A by key"), "{}", result.security_detail);
    assert!(result.security_detail.ends_with("does not match the data"), "{}", result.security_detail);
    // Its neighbours are not.
    assert_eq!(walk(&tree, "a.deep.leaf.lab", A).await.security, Security::Secure);
}

#[tokio::test]
async fn changed_data_is_bogus() {
    need_root!("changed_data_is_bogus");
    let tree = with_leaf(Some(&Signing::GOOD), |line| line.replace("192.0.2.3", "192.0.2.33")).await;
    let result = walk(&tree, "a.deep.leaf.lab", A).await;
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(6)), "{result:#?}");
}

#[tokio::test]
async fn an_expired_signature_is_told_from_a_wrong_one() {
    need_root!("an_expired_signature_is_told_from_a_wrong_one");
    let signing = Signing { from: "now-864000", until: "now-3600", ..Signing::GOOD };
    let tree = with_leaf(Some(&signing), same).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Bogus), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(7)), "{result:#?}");
    assert!(result.security_detail.contains("leaf.lab. DNSKEY by key"), "{}", result.security_detail);
    assert!(result.security_detail.contains(" expired at 20"), "{}", result.security_detail);
}

#[tokio::test]
async fn a_signature_of_the_future_is_told_from_a_wrong_one() {
    need_root!("a_signature_of_the_future_is_told_from_a_wrong_one");
    let signing = Signing { from: "now+3600", until: "now+864000", ..Signing::GOOD };
    let tree = with_leaf(Some(&signing), same).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Bogus), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(8)), "{result:#?}");
    assert!(result.security_detail.contains(" is not valid before 20"), "{}", result.security_detail);
}

#[tokio::test]
async fn a_ds_of_another_key_is_a_missing_key() {
    need_root!("a_ds_of_another_key_is_a_missing_key");
    let lab = Lab::new();
    let (old, new) = (lab.sign(&leaf(), &Signing::GOOD), lab.sign(&leaf(), &Signing::GOOD));
    let mut tree = tree(lab, &format!("{LEAF_CUT}{}", ds_of(&old)));
    tree.lab.serve("127.0.0.3", &[&new]);
    tree.lab.serve("127.0.0.4", &[&new]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Bogus), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(9)), "{result:#?}");
    let tag = |ds: &str| ds.split(' ').next().expect("a tag").to_owned();
    let expected = format!(
        "no DNSKEY of leaf.lab. matches a DS of its parent (key tags {}; leaf.lab. has {})",
        tag(&old.ds),
        tag(&new.ds)
    );
    assert_eq!(result.security_detail, expected);
}

#[tokio::test]
async fn an_unsigned_zone_below_a_ds_is_bogus() {
    need_root!("an_unsigned_zone_below_a_ds_is_bogus");
    let lab = Lab::new();
    let signed = lab.sign(&leaf(), &Signing::GOOD);
    let mut tree = tree(lab, &format!("{LEAF_CUT}{}", ds_of(&signed)));
    tree.lab.serve("127.0.0.3", &[&leaf()]);
    tree.lab.serve("127.0.0.4", &[&leaf()]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Bogus), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(9)), "{result:#?}");
    assert!(result.security_detail.contains("has no DNSKEY"), "{}", result.security_detail);
}

#[tokio::test]
async fn a_missing_signature_has_a_code_of_its_own() {
    need_root!("a_missing_signature_has_a_code_of_its_own");
    let change = |line: &str| {
        let gone = line.starts_with("www.leaf.lab.") && line.contains("RRSIG\tA ");
        if gone { String::new() } else { line.to_owned() }
    };
    let tree = with_leaf(Some(&Signing::GOOD), change).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(10)), "{result:#?}");
    assert!(result.security_detail.contains("www.leaf.lab. A"), "{}", result.security_detail);
}

#[tokio::test]
async fn an_algorithm_that_cannot_be_validated_here_is_insecure_and_named() {
    need_root!("an_algorithm_that_cannot_be_validated_here_is_insecure_and_named");
    let signing = Signing { algorithm: "ED448", ..Signing::GOOD };
    let tree = with_leaf(Some(&signing), same).await;
    let result = walk(&tree, "www.leaf.lab", A).await;
    assert_eq!(securities(&result), chain(Security::Insecure), "{result:#?}");
    assert_eq!(result.security, Security::Insecure, "{result:#?}");
    assert!(result.security_detail.contains("algorithm 16"), "{}", result.security_detail);
}

#[tokio::test]
async fn keys_too_large_for_a_datagram_come_over_tcp() {
    need_root!("keys_too_large_for_a_datagram_come_over_tcp");
    let signing = Signing { algorithm: "RSASHA512", ..Signing::GOOD };
    let tree = with_leaf(Some(&signing), same).await;
    // Two RRSIGs of 512 bytes, an RRset, and the NS with its own: beyond 1232 bytes.
    let result = walk(&tree, "alias.leaf.lab", A).await;
    assert_eq!((result.security, result.disagreements.len()), (Security::Secure, 0), "{result:#?}");
    let answer = result.answer.expect("an answer");
    assert!(answer.size_bytes > 1232 && !answer.flags.truncated, "{answer:?}");
}

#[tokio::test]
async fn a_foreign_trust_anchor_makes_the_root_bogus() {
    need_root!("a_foreign_trust_anchor_makes_the_root_bogus");
    let tree = with_leaf(Some(&Signing::GOOD), same).await;
    let iana = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
    let result = tree.lab.walk("www.leaf.lab", A, iana).await;
    assert_eq!(result.zones[0].security, Security::Bogus, "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(9)), "{result:#?}");
    assert!(
        result.security_detail.contains("no DNSKEY of the root matches a trust anchor (key tags 20326;"),
        "{}",
        result.security_detail
    );
}

#[tokio::test]
async fn a_delegation_that_the_parents_proofs_do_not_know_is_bogus() {
    need_root!("a_delegation_that_the_parents_proofs_do_not_know_is_bogus");
    let mut lab = Lab::new();
    let top = lab.sign(&Lab::zone("lab.", 5, "@ NS ns1\nns1 A 127.0.0.2\n"), &Signing::GOOD);
    let records =
        format!("@ NS a.servers.\na.servers. A 127.0.0.1\nlab. NS ns1.lab.\nns1.lab. A 127.0.0.2\n{}", ds_of(&top));
    let root = lab.sign(&Lab::zone(".", 3, &records), &Signing::GOOD);
    // Delegated after the zone was signed.
    let late = "\nleaf.lab. 3600 IN NS ns1.leaf.lab.\nns1.leaf.lab. 3600 IN A 127.0.0.3";
    let ns1 = |line: &str| if line.ends_with("127.0.0.2") { format!("{line}{late}") } else { line.to_owned() };
    lab.serve("127.0.0.1", &[&root]);
    lab.serve("127.0.0.2", &[&top.changed(ns1)]);
    lab.serve("127.0.0.3", &[&leaf()]);
    lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
    let result = lab.walk("www.leaf.lab", A, &root.ds).await;
    assert_eq!(securities(&result), chain(Security::Bogus), "{result:#?}");
    assert_eq!((result.security, result.security_code), (Security::Bogus, Some(12)), "{result:#?}");
}
