//! The delegation: servers that are lame, dead or disagree, and names that lead nowhere.

use sonde_core::observation::dns::{Lameness, Security, WalkResult};

use crate::lab::{Lab, Signing, need_root};
use crate::tree::{LEAF, Tree, leaf, same, tree, with_leaf};

const A: u16 = 1;

async fn walk(tree: &Tree, name: &str) -> WalkResult {
    tree.lab.walk(name, A, &tree.anchor).await
}

fn lameness(result: &WalkResult, zone: usize) -> Vec<(&str, Lameness)> {
    result.zones[zone].servers.iter().map(|server| (server.name.as_str(), server.lameness)).collect()
}

/// Whether one sentence has all of these words.
fn says(result: &WalkResult, words: &[&str]) -> bool {
    result.disagreements.iter().any(|sentence| words.iter().all(|word| sentence.contains(word)))
}

#[tokio::test]
async fn lame_and_dead_servers_are_named_each_by_its_kind() {
    need_root!("lame_and_dead_servers_are_named_each_by_its_kind");
    // Of ns1 to ns5: it serves, refuses, is dead, serves only the root, has no address.
    let names = "@ NS ns1\n@ NS ns2\n@ NS ns3\n@ NS ns4\nns1 A 127.0.0.3\nns2 A 127.0.0.4\nns3 A 127.0.0.5\n\
        ns4 A 127.0.0.1\nwww A 192.0.2.1\n";
    let cut = "leaf NS ns1.leaf\nleaf NS ns2.leaf\nleaf NS ns3.leaf\nleaf NS ns4.leaf\nleaf NS ns5.leaf\n\
        ns1.leaf A 127.0.0.3\nns2.leaf A 127.0.0.4\nns3.leaf A 127.0.0.5\nns4.leaf A 127.0.0.1\n";
    let mut tree = tree(Lab::new(), cut);
    tree.lab.serve("127.0.0.3", &[&Lab::zone("leaf.lab.", 1, names)]);
    tree.lab.serve("127.0.0.4", &[&Lab::zone("other.lab.", 1, "@ NS ns1\nns1 A 127.0.0.4\n")]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    let expected = [
        ("ns1.leaf.lab.", Lameness::None),
        ("ns2.leaf.lab.", Lameness::ErrorRcode),
        ("ns3.leaf.lab.", Lameness::Silent),
        ("ns4.leaf.lab.", Lameness::UpwardReferral),
        ("ns5.leaf.lab.", Lameness::NoAddress),
    ];
    assert_eq!(lameness(&result, 2), expected, "{result:#?}");
    assert_eq!(result.zones[2].servers[4].address, None);
    assert!(says(&result, &["ns5.leaf.lab.", "does not exist"]), "{:?}", result.disagreements);
    assert!(says(&result, &["no glue for ns5.leaf.lab."]), "{:?}", result.disagreements);
    assert_eq!(result.answer.expect("an answer").addresses().count(), 1);
    assert_eq!((result.security, result.failure), (Security::Insecure, None));
}

#[tokio::test]
async fn a_zone_that_nobody_serves_ends_the_walk_there() {
    need_root!("a_zone_that_nobody_serves_ends_the_walk_there");
    let mut tree = tree(Lab::new(), "leaf NS ns1.leaf\nns1.leaf A 127.0.0.4\n");
    tree.lab.serve("127.0.0.4", &[&Lab::zone("other.lab.", 1, "@ NS ns1\nns1 A 127.0.0.4\n")]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    assert_eq!(lameness(&result, 2), [("ns1.leaf.lab.", Lameness::ErrorRcode)], "{result:#?}");
    assert_eq!((&result.answer, result.security), (&None, Security::Indeterminate));
    assert_eq!(result.failure.expect("a failure").detail, "no server of leaf.lab. serves it");
}

#[tokio::test]
async fn servers_of_one_zone_that_disagree_are_named_with_what_they_say() {
    need_root!("servers_of_one_zone_that_disagree_are_named_with_what_they_say");
    let lab = Lab::new();
    let mut tree = tree(lab, crate::tree::LEAF_CUT);
    let late = LEAF.replace("192.0.2.2", "192.0.2.77").replace("@ NS ns2\n", "@ NS ns2\n@ NS ns3\nns3 A 127.0.0.5\n");
    tree.lab.serve("127.0.0.3", &[&leaf()]);
    tree.lab.serve("127.0.0.4", &[&Lab::zone("leaf.lab.", 8, &late)]);
    tree.lab.serve("127.0.0.5", &[&Lab::zone("leaf.lab.", 8, &late)]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    // The one that only the zone itself names was asked, too.
    let serials: Vec<_> = result.zones[2].servers.iter().map(|server| (server.name.as_str(), server.serial)).collect();
    let expected = [("ns1.leaf.lab.", Some(7)), ("ns2.leaf.lab.", Some(8)), ("ns3.leaf.lab.", Some(8))];
    assert_eq!(serials, expected, "{result:#?}");
    assert!(says(&result, &["different SOA serials", "7 from ns1", "8 from ns2", "ns3"]), "{:?}", result.disagreements);
    assert!(
        says(&result, &["say different things of www.leaf.lab. A", "192.0.2.77", "192.0.2.2 from ns1"]),
        "{:?}",
        result.disagreements
    );
    assert!(
        says(&result, &["the parent names ns1.leaf.lab., ns2.leaf.lab. for leaf.lab., the zone itself"]),
        "{:?}",
        result.disagreements
    );
    assert!(says(&result, &["name different servers for it"]), "{:?}", result.disagreements);
    let addresses: Vec<String> = result.answer.expect("an answer").addresses().map(|a| a.to_string()).collect();
    assert!(addresses.contains(&"192.0.2.77".to_owned()), "the majority's: {addresses:?}");
}

#[tokio::test]
async fn one_server_with_a_bogus_answer_is_told_from_the_other() {
    need_root!("one_server_with_a_bogus_answer_is_told_from_the_other");
    let lab = Lab::new();
    let signed = lab.sign(&leaf(), &Signing::GOOD);
    let records = format!("{}{}", crate::tree::LEAF_CUT, crate::tree::ds_of(&signed));
    let mut tree = tree(lab, &records);
    tree.lab.serve("127.0.0.3", &[&signed]);
    tree.lab.serve("127.0.0.4", &[&signed.changed(|line| line.replace("192.0.2.3", "192.0.2.33"))]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let result = walk(&tree, "a.deep.leaf.lab").await;
    assert_eq!(result.security, Security::Secure, "{result:#?}");
    let words = ["the answer of ns2.leaf.lab. (127.0.0.4) is bogus", "a.deep.leaf.lab. A", "does not match"];
    assert!(says(&result, &words), "{:?}", result.disagreements);
}

#[tokio::test]
async fn glue_that_is_missing_or_wrong_is_named() {
    need_root!("glue_that_is_missing_or_wrong_is_named");
    // ns1's glue leads to the right server, but is not what the zone says; ns2 has none.
    let mut tree = tree(Lab::new(), "leaf NS ns1.leaf\nleaf NS ns2.leaf\nns1.leaf A 127.0.0.13\n");
    tree.lab.serve("127.0.0.13", &[&leaf()]);
    tree.lab.serve("127.0.0.4", &[&leaf()]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.13", "127.0.0.4"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    let words = ["the parent's glue for ns1.leaf.lab. is 127.0.0.13, the zone itself says 127.0.0.3"];
    assert!(says(&result, &words), "{result:#?}");
    assert!(says(&result, &["no glue for ns2.leaf.lab."]), "{:?}", result.disagreements);
    let addresses: Vec<_> = result.zones[2]
        .servers
        .iter()
        .map(|server| (server.address.map(|address| address.to_string()), server.lameness))
        .collect();
    let at = |address: &str, lameness| (Some(address.to_owned()), lameness);
    let expected =
        [at("127.0.0.13", Lameness::None), at("127.0.0.3", Lameness::Silent), at("127.0.0.4", Lameness::None)];
    assert_eq!(addresses, expected, "{result:#?}");
}

#[tokio::test]
async fn a_server_name_that_is_an_alias_or_lies_elsewhere_is_followed_as_far_as_it_leads() {
    need_root!("a_server_name_that_is_an_alias_or_lies_elsewhere_is_followed_as_far_as_it_leads");
    // `other.lab.` holds the names of the leaf's servers: one good, one an alias, one missing.
    let cut =
        "leaf NS good.other\nleaf NS alias.other\nleaf NS missing.other\nother NS ns1.other\nns1.other A 127.0.0.6\n";
    let mut tree = tree(Lab::new(), cut);
    let zone = "@ NS good.other.lab.\n@ NS alias.other.lab.\n@ NS missing.other.lab.\nwww A 192.0.2.1\n";
    let other = "@ NS ns1\nns1 A 127.0.0.6\ngood A 127.0.0.3\nalias CNAME good\n";
    tree.lab.serve("127.0.0.3", &[&Lab::zone("leaf.lab.", 1, zone)]);
    tree.lab.serve("127.0.0.6", &[&Lab::zone("other.lab.", 1, other)]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.6"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    let expected = [
        ("good.other.lab.", Lameness::None),
        ("alias.other.lab.", Lameness::NoAddress),
        ("missing.other.lab.", Lameness::NoAddress),
    ];
    assert_eq!(lameness(&result, 2), expected, "{result:#?}");
    assert!(says(&result, &["alias.other.lab.", "is an alias of good.other.lab."]), "{:?}", result.disagreements);
    assert!(says(&result, &["missing.other.lab.", "does not exist"]), "{:?}", result.disagreements);
    assert_eq!(result.answer.expect("an answer").addresses().count(), 1);
}

#[tokio::test]
async fn server_names_that_need_each_other_end_the_walk() {
    need_root!("server_names_that_need_each_other_end_the_walk");
    let tree = tree(Lab::new(), "leaf NS ns.other\nother NS ns.leaf\n");
    tree.lab.ready(&["127.0.0.1", "127.0.0.2"]).await;
    let result = walk(&tree, "www.leaf.lab").await;
    assert_eq!(lameness(&result, 2), [("ns.other.lab.", Lameness::NoAddress)], "{result:#?}");
    assert!(says(&result, &["ns.other.lab. of leaf.lab. leads nowhere"]), "{:?}", result.disagreements);
    assert_eq!(result.failure.expect("a failure").detail, "no server of leaf.lab. serves it");
    assert!(result.queries < 60, "{}", result.queries);
}

#[tokio::test]
async fn aliases_in_a_circle_end_the_walk() {
    need_root!("aliases_in_a_circle_end_the_walk");
    let tree = with_leaf(Some(&Signing::GOOD), same).await;
    let result = walk(&tree, "round.leaf.lab").await;
    let answer = result.answer.as_ref().expect("an answer");
    assert_eq!(answer.answers.iter().filter(|record| record.rtype == 5).count(), 2, "{result:#?}");
    assert_eq!(result.failure, None);
    assert!(result.queries < 60, "{}", result.queries);
}

#[tokio::test]
async fn a_server_of_parent_and_child_hides_no_cut() {
    need_root!("a_server_of_parent_and_child_hides_no_cut");
    // One server has `lab.`, `leaf.lab.` and `deep.leaf.lab.`, and answers for the lowest at once.
    let mut lab = Lab::new();
    let sign = |zone, records: &str| lab.sign(&Lab::zone(zone, 1, records), &Signing::GOOD);
    let deep = sign("deep.leaf.lab.", "@ NS ns1.lab.\nwww A 192.0.2.1\n");
    let leaf = sign("leaf.lab.", &format!("@ NS ns1.lab.\ndeep NS ns1.lab.\ndeep DS {}\n", deep.ds));
    let top = sign("lab.", &format!("@ NS ns1\nns1 A 127.0.0.2\nleaf NS ns1\nleaf DS {}\n", leaf.ds));
    let root = sign(
        ".",
        &format!(
            "@ NS a.servers.\na.servers. A 127.0.0.1\nlab. NS ns1.lab.\nns1.lab. A 127.0.0.2\nlab. DS {}\n",
            top.ds
        ),
    );
    lab.serve("127.0.0.1", &[&root]);
    lab.serve("127.0.0.2", &[&top, &leaf, &deep]);
    lab.ready(&["127.0.0.1", "127.0.0.2"]).await;
    let result = lab.walk("www.deep.leaf.lab", A, &root.ds).await;
    let zones: Vec<_> = result.zones.iter().map(|zone| (zone.name.as_str(), zone.security)).collect();
    let secure = |name| (name, Security::Secure);
    assert_eq!(zones, [secure("."), secure("lab."), secure("leaf.lab."), secure("deep.leaf.lab.")], "{result:#?}");
    assert_eq!(result.security, Security::Secure, "{result:#?}");
    assert_eq!(result.disagreements, Vec::<String>::new());
}

#[tokio::test]
async fn dead_roots_and_nonsense_are_failures_not_panics() {
    need_root!("dead_roots_and_nonsense_are_failures_not_panics");
    let lab = Lab::new();
    let result = lab.walk("www.leaf.lab", A, "1 8 2 00").await;
    assert_eq!(lameness(&result, 0), [("127.0.0.1", Lameness::Silent)], "{result:#?}");
    assert_eq!(result.failure.expect("a failure").detail, "no server of . serves it");
    for (name, anchor) in [("a..b", "1 8 2 00"), ("www.leaf.lab", "nonsense")] {
        let result = lab.walk(name, A, anchor).await;
        assert!(result.failure.is_some() && result.zones.is_empty() && result.queries == 0, "{result:#?}");
    }
}
