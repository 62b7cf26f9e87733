//! The closed list of answers: every root cause with its proof, look-alikes and remedy, embedded as data.
//!
//! Owns no judgement. Plugins add causes of their own below `vendor.`, which are known by their form alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::finding::CauseId;
use crate::nearest::nearest;

/// The embedded catalogue.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        let parsed = Catalogue::parse(include_str!("../catalogue.toml"));
        parsed.expect("invariant: the embedded catalogue is read by a test of this module")
    });
    &CATALOGUE
}

/// The causes in the order of their layers.
#[derive(Clone, Debug)]
pub struct Catalogue {
    causes: Vec<Cause>,
    positions: HashMap<CauseId, usize>,
}

/// A root cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `layer.name`.
    pub id: CauseId,
    /// What is wrong, in one sentence.
    pub title: String,
    /// What proves it.
    pub proof: String,
    /// What looks like it and is not.
    pub look_alikes: Vec<LookAlike>,
    /// What to do.
    pub remedy: String,
    /// The culprit's component: `resolver`, `filter`, `listener`, `certificate`.
    pub component: String,
    /// What it does to its target.
    pub effect: Effect,
    /// Its proof holds an answer of the peer at this very layer, or a setting of this host: no outage below explains it.
    pub answered: bool,
}

/// Something that looks like a cause and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAlike {
    /// Its id; absent where it is no cause of the catalogue.
    pub cause: Option<CauseId>,
    /// What tells the two apart.
    pub separator: String,
}

/// What a cause does to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Sends the client to the wrong place, so that whatever fails there follows from it.
    Misdirects,
    /// The target does not work.
    #[default]
    Breaks,
    /// The target works, late or in part.
    Degrades,
    /// The target works and will not for long.
    Warns,
}

impl Catalogue {
    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let causes = file.cause.into_iter().map(Cause::try_from).collect::<Result<Vec<_>, _>>()?;
        let positions: HashMap<_, _> =
            causes.iter().enumerate().map(|(position, cause)| (cause.id.clone(), position)).collect();
        if positions.len() != causes.len() {
            return Err("an id is there twice".to_owned());
        }
        Ok(Self { causes, positions })
    }

    /// One cause; `None` also for `vendor.*`, of which nothing is known here.
    pub fn get(&self, id: &CauseId) -> Option<&Cause> {
        self.positions.get(id).map(|position| &self.causes[*position])
    }

    /// All causes, layer by layer.
    pub fn iter(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter()
    }

    /// Whether a finding may carry this id: one of the catalogue, or `vendor.NAME.CAUSE`.
    pub fn is_known(&self, id: &CauseId) -> bool {
        self.positions.contains_key(id) || is_vendor(id)
    }

    /// The causes that can be taken for this one, in the catalogue's order. The relation is symmetric: a cause that lists
    /// another is listed by it.
    pub fn look_alikes(&self, id: &CauseId) -> Vec<&Cause> {
        self.causes.iter().filter(|other| self.resemble(id, &other.id)).collect()
    }

    /// Whether one of the two lists the other.
    pub fn resemble(&self, one: &CauseId, other: &CauseId) -> bool {
        self.separator(one, other).is_some() || self.separator(other, one).is_some()
    }

    /// What `id` says of the look-alike `other`.
    pub fn separator(&self, id: &CauseId, other: &CauseId) -> Option<&str> {
        let listed = self.get(id)?.look_alikes.iter().find(|look_alike| look_alike.cause.as_ref() == Some(other));
        listed.map(|look_alike| look_alike.separator.as_str())
    }

    /// The layers in order.
    pub fn layers(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.causes.iter().map(|cause| cause.id.layer()).filter(|layer| seen.insert(*layer)).collect()
    }

    /// The known ids nearest to a wrong one.
    pub fn nearest(&self, wrong: &str) -> Vec<&str> {
        nearest(wrong, self.causes.iter().map(|cause| cause.id.as_str()))
    }
}

/// `vendor.NAME.CAUSE`, a plugin's own.
pub(crate) fn is_vendor(id: &CauseId) -> bool {
    let mut parts = id.as_str().split('.');
    parts.next() == Some("vendor") && parts.clone().count() >= 2 && parts.all(|part| !part.is_empty())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cause: Vec<CauseEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CauseEntry {
    id: String,
    title: String,
    proof: String,
    remedy: String,
    component: String,
    #[serde(default)]
    effect: Effect,
    #[serde(default)]
    answered: bool,
    #[serde(default)]
    look_alikes: Vec<LookAlikeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookAlikeEntry {
    cause: Option<String>,
    separator: String,
}

impl TryFrom<CauseEntry> for Cause {
    type Error = String;

    fn try_from(entry: CauseEntry) -> Result<Self, String> {
        let id = |text: &str| CauseId::parse(text).ok_or_else(|| format!("{text:?} is no id"));
        let look_alikes = entry.look_alikes.into_iter().map(|look_alike| {
            let cause = look_alike.cause.as_deref().map(id).transpose()?;
            Ok(LookAlike { cause, separator: look_alike.separator })
        });
        Ok(Self {
            id: id(&entry.id)?,
            title: entry.title,
            proof: entry.proof,
            look_alikes: look_alikes.collect::<Result<_, String>>()?,
            remedy: entry.remedy,
            component: entry.component,
            effect: entry.effect,
            answered: entry.answered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CauseId {
        CauseId::parse(text).expect("an id")
    }

    #[test]
    fn the_catalogue_is_whole() {
        assert_eq!(catalogue().iter().count(), 175);
        assert_eq!(
            catalogue().layers(),
            ["host", "l2", "l3", "fw", "nf", "tcp", "udp", "dns", "tls", "http", "lb", "app", "k8s"]
        );
        for cause in catalogue().iter() {
            let words = [&cause.title, &cause.proof, &cause.remedy, &cause.component];
            assert!(words.iter().all(|text| !text.trim().is_empty()), "{cause:?}");
            assert!(cause.look_alikes.iter().all(|look_alike| !look_alike.separator.is_empty()), "{cause:?}");
        }
    }

    #[test]
    fn every_look_alike_exists_and_is_another_cause() {
        for cause in catalogue().iter() {
            for named in cause.look_alikes.iter().filter_map(|look_alike| look_alike.cause.as_ref()) {
                assert!(catalogue().get(named).is_some(), "{} names {named}", cause.id);
                assert_ne!(&cause.id, named);
            }
        }
    }

    #[test]
    fn every_cause_has_a_look_alike_that_can_be_ruled_out() {
        for cause in catalogue().iter() {
            assert!(!catalogue().look_alikes(&cause.id).is_empty(), "{} can never be named", cause.id);
        }
    }

    #[test]
    fn the_relation_of_look_alikes_is_symmetric() {
        let (host_down, icmp) = (id("l3.host_down"), id("l3.icmp_unreachable"));
        assert!(catalogue().resemble(&host_down, &icmp) && catalogue().resemble(&icmp, &host_down));
        assert_eq!(catalogue().separator(&icmp, &host_down), Some("~3 s"));
        let servfail = id("dns.servfail_upstream");
        assert_eq!(catalogue().separator(&servfail, &id("dns.resolver_mode")), None);
        assert!(catalogue().look_alikes(&servfail).iter().any(|cause| cause.id == id("dns.resolver_mode")));
    }

    #[test]
    fn only_causes_of_the_catalogue_and_of_vendors_are_known() {
        assert!(catalogue().is_known(&id("fw.drop_remote")));
        assert!(catalogue().is_known(&id("vendor.acme.licence_expired")));
        assert!(!catalogue().is_known(&id("fw.drop_everything")));
        assert!(!catalogue().is_known(&id("vendor.acme")));
        assert!(!catalogue().is_known(&id("vendor.acme.")));
        assert!(!catalogue().is_known(&id("vendor..x")));
    }

    #[test]
    fn a_wrong_id_finds_the_right_one() {
        assert_eq!(catalogue().nearest("dns.nxdomian").first(), Some(&"dns.nxdomain"));
    }

    #[test]
    fn a_catalogue_with_a_mistake_is_refused() {
        let entry = "[[cause]]\nid = \"fw.x\"\ntitle = \"t\"\nproof = \"p\"\nremedy = \"r\"\ncomponent = \"c\"\n";
        assert!(Catalogue::parse(entry).is_ok());
        assert!(Catalogue::parse(&entry.repeat(2)).is_err_and(|error| error.contains("twice")));
        assert!(Catalogue::parse(&format!("{entry}efect = \"warns\"\n")).is_err());
        assert!(Catalogue::parse(&entry.replace("fw.x", "fw")).is_err());
    }
}
