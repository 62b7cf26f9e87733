//! The tree that most tests walk: the root at 127.0.0.1, `lab.` at .2, `leaf.lab.` at .3 and .4, each with what a test changes.

use crate::lab::{Lab, Signing, Zone};

/// Of `leaf.lab.`, beside SOA and NS.
pub(crate) const LEAF: &str = "@ NS ns1\n@ NS ns2\nns1 A 127.0.0.3\nns2 A 127.0.0.4\nwww A 192.0.2.1\nwww A 192.0.2.2\n\
    alias CNAME www\naway CNAME www.elsewhere.lab.\ndangling CNAME nothing\n*.wild A 192.0.2.9\na.deep A 192.0.2.3\n\
    round CNAME circle\ncircle CNAME round\n";

/// The delegation of `leaf.lab.` in `lab.`.
pub(crate) const LEAF_CUT: &str = "leaf NS ns1.leaf\nleaf NS ns2.leaf\nns1.leaf A 127.0.0.3\nns2.leaf A 127.0.0.4\n";

/// A lab whose leaf zone is still to be served.
pub(crate) struct Tree {
    pub(crate) lab: Lab,
    /// The root's DS.
    pub(crate) anchor: String,
}

/// `leaf.lab.` as it should be.
pub(crate) fn leaf() -> Zone {
    Lab::zone("leaf.lab.", 7, LEAF)
}

/// DS of `leaf.lab.` for [`tree`]; empty where there is none.
pub(crate) fn ds_of(zone: &Zone) -> String {
    if zone.ds.is_empty() { String::new() } else { format!("{} DS {}\n", zone.origin, zone.ds) }
}

/// Serves the root and `lab.` with these `records` in it; both are signed well.
pub(crate) fn tree(mut lab: Lab, records: &str) -> Tree {
    let top = Lab::zone("lab.", 5, &format!("@ NS ns1\nns1 A 127.0.0.2\n{records}"));
    let top = lab.sign(&top, &Signing::GOOD);
    let records =
        format!("@ NS a.servers.\na.servers. A 127.0.0.1\nlab. NS ns1.lab.\nns1.lab. A 127.0.0.2\n{}", ds_of(&top));
    let root = lab.sign(&Lab::zone(".", 3, &records), &Signing::GOOD);
    lab.serve("127.0.0.1", &[&root]);
    lab.serve("127.0.0.2", &[&top]);
    Tree { lab, anchor: root.ds }
}

/// The whole tree with a leaf zone that `change` has had its way with.
pub(crate) async fn with_leaf(signing: Option<&Signing>, change: impl Fn(&str) -> String) -> Tree {
    let lab = Lab::new();
    let signed = signing.map_or_else(leaf, |signing| lab.sign(&leaf(), signing));
    let served = signed.changed(change);
    let mut tree = tree(lab, &format!("{LEAF_CUT}{}", ds_of(&signed)));
    tree.lab.serve("127.0.0.3", &[&served]);
    tree.lab.serve("127.0.0.4", &[&served]);
    tree.lab.ready(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    tree
}

/// Leaves a line as it is.
pub(crate) fn same(line: &str) -> String {
    line.to_owned()
}
