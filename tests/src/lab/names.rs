//! Seeded addresses, ports and names, and their substitution into a scenario's text.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// The words that scenarios may use in braces.
#[derive(Clone, Debug)]
pub struct Names(BTreeMap<&'static str, String>);

impl Names {
    /// Everything follows from the seed.
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let network = draw.below(240) + 5;
        let host = draw.below(100) + 2;
        let subnets = [10, 20 + draw.below(100), 130 + draw.below(100)];
        let zone: String = (0..6).map(|_| char::from(b'a' + u8::try_from(draw.below(26)).unwrap_or(0))).collect();
        let mut words = BTreeMap::new();
        for ([own, net, gateway, second, dead], subnet) in SIDES.into_iter().zip(subnets) {
            let prefix = format!("10.{network}.{subnet}");
            words.insert(own, format!("{prefix}.{host}"));
            words.insert(net, format!("{prefix}.0/24"));
            words.insert(gateway, format!("{prefix}.1"));
            words.insert(second, format!("{prefix}.{}", host + 1));
            words.insert(dead, format!("{prefix}.{}", host + 90));
        }
        let base = 2000 + draw.below(5000);
        words.insert("port", base.to_string());
        words.insert("port2", (base + 1 + draw.below(500)).to_string());
        words.insert("name", format!("svc.{zone}"));
        words.insert("zone", zone);
        Self(words)
    }

    /// Adds a word.
    pub fn set(&mut self, key: &'static str, value: String) {
        self.0.insert(key, value);
    }

    /// One word.
    ///
    /// # Panics
    /// When there is no such word: a mistake in the lab itself.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("the lab has no word {key:?}"))
    }

    /// Replaces every `{word}`; an unknown one is an error. `{{` and `}}` stand for braces.
    pub fn fill(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(i) = rest.find(['{', '}']) {
            out.push_str(&rest[..i]);
            let tail = &rest[i..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                out.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            let Some((word, after)) = tail.strip_prefix('{').and_then(|t| t.split_once('}')) else {
                bail!("{text:?} has a lone brace; write {{{{ or }}}} for a brace");
            };
            match self.0.get(word) {
                Some(value) => out.push_str(value),
                None => bail!("{text:?} uses {{{word}}}; known are {:?}", self.0.keys()),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Of each side: its address, its subnet, its gateway, a second address, and one that nobody owns.
const SIDES: [[&str; 5]; 3] = [
    ["client", "client_net", "client_gw", "onlink", "client_dead"],
    ["server", "server_net", "server_gw", "server2", "server_dead"],
    ["dns", "dns_net", "dns_gw", "dns2", "dns_dead"],
];

/// A small seeded generator (xorshift64*): scenarios must be the same for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_network_and_another_seed_another() {
        assert_eq!(Names::new(7).get("server"), Names::new(7).get("server"));
        assert_ne!(Names::new(7).get("server"), Names::new(8).get("server"));
    }

    #[test]
    fn words_are_filled_and_doubled_braces_are_braces() {
        let names = Names::new(1);
        assert_eq!(names.fill("a {{ {port} }}").expect("known words"), format!("a {{ {} }}", names.get("port")));
        assert!(names.fill("{nonsense}").is_err());
    }
}
