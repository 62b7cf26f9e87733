//! The `hosts:` line of nsswitch.conf: its words as written, and its sources with their actions as glibc takes them.
//!
//! After `nss/nss_database.c` and `nss/nss_action_parse.c` of glibc 2.41. Go's own reading is [`super::go`]'s; musl has none.

use super::resolv::{is_space, lines, text, until_nul};

/// What a source answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dns) enum Status {
    Success,
    NotFound,
    Unavail,
    TryAgain,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dns) enum Action {
    Return,
    Continue,
    Merge,
}

/// An action for each status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dns) struct Actions([Action; 4]);

/// One source, `files` or `mdns4_minimal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dns) struct Source {
    pub(in crate::dns) name: String,
    pub(in crate::dns) actions: Actions,
    /// Its actions as written, `[NOTFOUND=return]`.
    written: Option<String>,
}

/// The file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsswitch {
    /// Of the last `hosts:` line, without its comment; an action is one word.
    pub(super) words: Vec<String>,
    /// With glibc's default where there is no line. Absent: some line does not parse, and then glibc has no source at all.
    pub(super) sources: Option<Vec<Source>>,
}

impl Actions {
    /// `nss_action_parse`'s own.
    const DEFAULT: Self = Self([Action::Return, Action::Continue, Action::Continue, Action::Continue]);

    /// What follows when the source answered so.
    pub(in crate::dns) fn on(self, status: Status) -> Action {
        self.0[status as usize]
    }

    fn set(&mut self, negated: bool, status: Status, action: Action) {
        let kept = self.on(status);
        if negated {
            self.0 = [action; 4];
        }
        self.0[status as usize] = if negated { kept } else { action };
    }
}

impl Source {
    fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), actions: Actions::DEFAULT, written: None }
    }

    /// The source and its actions as words.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.name.clone()).chain(self.written.clone())
    }
}

/// Reads text from anywhere as nsswitch.conf.
pub fn parse_nsswitch(bytes: &[u8]) -> Nsswitch {
    let mut words = Vec::new();
    let mut sources = Some(None);
    for (_, line) in lines(bytes) {
        let line = text(until_nul(line));
        let Some((database, rest)) = database(&line) else { continue };
        let parsed = parse_sources(rest);
        if parsed.is_none() && DATABASES.contains(&database) {
            // `process_line` gives up, and with it the reading of the whole file.
            sources = None;
        }
        if database == "hosts" {
            words = written(rest.split('#').next().unwrap_or_default());
            if let Some(sources) = &mut sources {
                *sources = parsed;
            }
        }
    }
    // "files dns" since glibc 2.35, `dns [!UNAVAIL=return] files` before.
    let sources = sources.map(|found| found.unwrap_or_else(|| ["files", "dns"].map(Source::plain).into()));
    Nsswitch { words, sources }
}

/// Blanks may stand before a database; its name ends at a blank or a colon, and blanks and colons follow it.
fn database(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(space);
    let end = line.find(|letter| space(letter) || letter == ':').filter(|end| *end > 0)?;
    let (name, rest) = line.split_at(end);
    Some((name, rest.trim_start_matches(|letter| space(letter) || letter == ':')))
}

/// The sources, or nothing where an action is not one. A comment is no comment there: its words are sources that do not exist.
fn parse_sources(line: &str) -> Option<Vec<Source>> {
    let mut sources = Vec::new();
    let mut rest = line.trim_start_matches(space);
    loop {
        let end = rest.find(|letter| space(letter) || letter == '[').unwrap_or(rest.len());
        if end == 0 {
            return Some(sources);
        }
        let (name, behind) = rest.split_at(end);
        let mut source = Source::plain(name);
        rest = behind.trim_start_matches(space);
        if let Some(criteria) = rest.strip_prefix('[') {
            let (criteria, behind) = criteria.split_once(']')?;
            source.actions = parse_actions(criteria)?;
            source.written = Some(action_word(criteria));
            rest = behind.trim_start_matches(space);
        }
        sources.push(source);
    }
}

/// `NOTFOUND=return !UNAVAIL = continue`, in any case, at least one.
fn parse_actions(criteria: &str) -> Option<Actions> {
    let mut actions = Actions::DEFAULT;
    let mut rest = criteria.trim_start_matches(space);
    loop {
        let (negated, behind) = rest.strip_prefix('!').map_or((false, rest), |behind| (true, behind));
        let (status, behind) = behind.split_once('=')?;
        let behind = behind.trim_start_matches(space);
        let end = behind.find(|letter| space(letter) || letter == '=').unwrap_or(behind.len());
        let (action, behind) = behind.split_at(end);
        actions.set(negated, parse_status(status.trim_end_matches(space))?, parse_action(action)?);
        rest = behind.trim_start_matches(space);
        if rest.is_empty() {
            return Some(actions);
        }
    }
}

fn parse_status(word: &str) -> Option<Status> {
    let all = [
        ("success", Status::Success),
        ("notfound", Status::NotFound),
        ("unavail", Status::Unavail),
        ("tryagain", Status::TryAgain),
    ];
    all.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, status)| status)
}

fn parse_action(word: &str) -> Option<Action> {
    let all = [("return", Action::Return), ("continue", Action::Continue), ("merge", Action::Merge)];
    all.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, action)| action)
}

/// The words of a line, whatever they mean; one that begins with a bracket goes on to its end.
fn written(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_matches(space);
    while !rest.is_empty() {
        let (word, behind) = if let Some(action) = rest.strip_prefix('[') {
            action.split_once(']').map_or_else(
                || (format!("[{}", squeezed(action)), ""),
                |(criteria, behind)| (action_word(criteria), behind),
            )
        } else {
            let end = rest.find(|letter| space(letter) || letter == '[').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        words.push(word);
        rest = behind.trim_start_matches(space);
    }
    words
}

fn action_word(criteria: &str) -> String {
    format!("[{}]", squeezed(criteria))
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn space(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(is_space)
}

/// nss/databases.def: a line of another name is nobody's.
const DATABASES: [&str; 17] = [
    "aliases",
    "ethers",
    "group",
    "group_compat",
    "gshadow",
    "hosts",
    "initgroups",
    "netgroup",
    "networks",
    "passwd",
    "passwd_compat",
    "protocols",
    "publickey",
    "rpc",
    "services",
    "shadow",
    "shadow_compat",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEBIAN: &[u8] = include_bytes!("../../../fixtures/etc/nsswitch.debian");

    fn sources(text: &str) -> Option<Vec<String>> {
        let sources = parse_nsswitch(text.as_bytes()).sources?;
        Some(sources.iter().flat_map(Source::words).collect())
    }

    #[test]
    fn the_hosts_line_is_split_with_its_actions() {
        let words = ["files", "mdns4_minimal", "[NOTFOUND=return]", "dns", "myhostname"];
        let parsed = parse_nsswitch(DEBIAN);
        assert_eq!(parsed.words, words);
        assert_eq!(sources(&text(DEBIAN)).expect("it parses"), words);
        assert_eq!(
            parse_nsswitch(b"hosts: files [ !UNAVAIL=return ]dns # x").words,
            ["files", "[!UNAVAIL=return]", "dns"]
        );
        assert_eq!(parse_nsswitch(b"hosts: dns [unfinished").words, ["dns", "[unfinished"]);
        assert_eq!(parse_nsswitch(b"passwd: files\n# hosts: dns\n").words, [""; 0]);
    }

    #[test]
    fn without_a_line_glibc_asks_files_then_dns_and_an_empty_line_means_nobody() {
        assert_eq!(sources("").expect("defaults"), ["files", "dns"]);
        assert_eq!(sources("passwd: files\n").expect("defaults"), ["files", "dns"]);
        assert_eq!(sources("hosts:\n").expect("empty"), [""; 0]);
        assert_eq!(sources("hosts: dns\n  hosts : files\n").expect("the last"), ["files"]);
    }

    #[test]
    fn the_words_of_a_comment_are_sources_to_glibc() {
        assert_eq!(sources("hosts: files # dns").expect("it parses"), ["files", "#", "dns"]);
        assert_eq!(parse_nsswitch(b"hosts: files # dns").words, ["files"]);
    }

    #[test]
    fn one_wrong_action_anywhere_leaves_glibc_without_sources() {
        for text in
            ["hosts: files [NOTFOUND=stop] dns", "hosts: dns [", "hosts: dns []", "passwd: files [x]\nhosts: dns"]
        {
            assert_eq!(sources(text), None, "{text}");
        }
        assert_eq!(sources("sudoers: files [x]\nhosts: dns").expect("not its database"), ["dns"]);
    }

    #[test]
    fn actions_are_kept_per_status() {
        let parsed = parse_nsswitch(b"hosts: dns [!UNAVAIL=return TryAgain = continue] files [SUCCESS=merge]");
        let sources = parsed.sources.expect("it parses");
        let all = [Status::Success, Status::NotFound, Status::Unavail, Status::TryAgain];
        let of = |source: &Source| all.map(|status| source.actions.on(status));
        assert_eq!(of(&sources[0]), [Action::Return, Action::Return, Action::Continue, Action::Continue]);
        assert_eq!(of(&sources[1]), [Action::Merge, Action::Continue, Action::Continue, Action::Continue]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(any in "(?s).{0,300}", lines in "(hosts|:|\\[|\\]|!|=|NOTFOUND|return|#| |\t|\n|a){0,60}") {
            drop((parse_nsswitch(any.as_bytes()), parse_nsswitch(lines.as_bytes())));
        }
    }
}
