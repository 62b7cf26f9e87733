//! The properties of `tests/fuzz` on stable Rust: for every seed, for mutations of it, and for whatever proptest thinks of.

#[path = "../fuzz/src/properties.rs"]
mod properties;

use std::path::Path;

use proptest::prelude::RngExt as _;
use proptest::prelude::{any, proptest};
use proptest::test_runner::{Config, RngAlgorithm, TestRng};

/// A name of a target, which is also that of its corpus.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 17] = [
    ("message", properties::message),
    ("resolv_conf", properties::resolv_conf),
    ("nsswitch", properties::nsswitch),
    ("hosts", properties::hosts),
    ("http2_frames", properties::http2_frames),
    ("http_tunnel", properties::http_tunnel),
    ("grpc_health", properties::grpc_health),
    ("server_hello", properties::server_hello),
    ("starttls", properties::starttls),
    ("staple", properties::staple),
    ("icmp", properties::icmp),
    ("error_queue", properties::error_queue),
    ("arp", properties::arp),
    ("sock_diag", properties::sock_diag),
    ("rtnetlink", properties::rtnetlink),
    ("proc_text", properties::proc_text),
    ("history", properties::history),
];

/// Mutations of each seed.
const MUTATIONS: usize = 60;

#[test]
fn every_seed_and_its_mutations_are_read_without_a_panic() {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[53; 32]);
    for (name, property) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 5, "only {} seeds of {name}", seeds.len());
        for seed in &seeds {
            property(seed);
            for _ in 0..MUTATIONS {
                let mut bytes = seed.clone();
                mutate(&mut bytes, &mut rng);
                property(&bytes);
            }
        }
    }
}

#[test]
fn every_beginning_of_a_message_is_read_without_a_panic() {
    for seed in seeds("message") {
        for length in 0..seed.len() {
            properties::message(&seed[..length]);
        }
    }
}

#[test]
fn the_seeds_of_messages_are_messages_unless_their_names_say_otherwise() {
    for (name, seed) in named_seeds("message") {
        let decoded = sonde_probe::dns::decode(&seed);
        assert_eq!(decoded.is_err(), name.starts_with("malformed"), "{name}: {decoded:?}");
    }
}

#[test]
fn each_target_is_one_binary_of_the_fuzz_crate() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).expect("read").parse().expect("TOML");
    let binaries = manifest["bin"].as_array().expect("binaries").iter();
    let mut binaries: Vec<&str> = binaries.map(|binary| binary["name"].as_str().expect("a name")).collect();
    let mut targets = TARGETS.map(|(name, _)| name);
    binaries.sort_unstable();
    targets.sort_unstable();
    assert_eq!(binaries, targets);
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for (_, property) in TARGETS {
            property(&bytes);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "((nameserver|search|options|hosts:|::1|[a-z.:0-9]{1,20})[ \t]?){0,20}\n{0,3}") {
        for (_, property) in TARGETS {
            property(text.as_bytes());
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    named_seeds(target).into_iter().map(|(_, seed)| seed).collect()
}

/// In the order of their names.
fn named_seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).expect("a seed"))).collect()
}

/// One to four bytes changed, put in, taken out, or repeated.
fn mutate(bytes: &mut Vec<u8>, rng: &mut TestRng) {
    for _ in 0..=rng.random_range(0..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.insert(at, rng.random()),
            1 => bytes.truncate(at.max(12)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let end = (at + rng.random_range(0..32)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
        }
    }
}
