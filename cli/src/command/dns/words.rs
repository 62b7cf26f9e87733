//! The words of `sonde dns query`, as dig takes them: `@SERVER NAME TYPE CLASS +OPTION`. They become the arguments of the check
//! `dns-query`; nothing here acts.

use std::net::{IpAddr, SocketAddr};

use sonde_proto::v1::CheckArgument;

/// What the words ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// Named with `@`.
    pub(crate) server: Option<IpAddr>,
    /// Behind the server's address, or of the option `-p`.
    pub(crate) port: Option<u16>,
    /// `+short`: the data of the answer only.
    pub(crate) short: bool,
    /// Of the check, each name once.
    arguments: Vec<CheckArgument>,
}

impl Question {
    /// Reads the words; the error quotes the wrong one.
    pub(crate) fn parse(words: &[String], reverse: Option<IpAddr>) -> Result<Self, String> {
        let mut question = Self::default();
        if let Some(address) = reverse {
            question.set("name", reverse_name(address));
            question.set("type", "PTR");
        }
        for word in words {
            if let Some(server) = word.strip_prefix('@') {
                question.server(server)?;
            } else if let Some(option) = word.strip_prefix('+') {
                question.option(option)?;
            } else if question.value("name").is_none() {
                question.set("name", word.as_str());
            } else if ["IN", "CH", "CHAOS", "HS"].contains(&word.to_ascii_uppercase().as_str()) {
                question.set("class", word.as_str());
            } else if question.value("type").is_none() {
                question.set("type", word.as_str());
            } else {
                return Err(format!("{word:?} is one word too many; write [@SERVER] NAME [TYPE] [CLASS] [+OPTION]..."));
            }
        }
        if question.value("name").is_none() {
            // As dig: the servers of the root.
            question.set("name", ".");
            question.set("type", "NS");
        }
        Ok(question)
    }

    /// For the check; server and port among them.
    pub(crate) fn into_arguments(mut self) -> Vec<CheckArgument> {
        if let Some(server) = self.server {
            self.set("server", server.to_string());
        }
        if let Some(port) = self.port {
            self.set("port", port.to_string());
        }
        self.arguments
    }

    /// The port that will be asked.
    pub(crate) fn effective_port(&self) -> u16 {
        self.port.unwrap_or(match self.value("transport") {
            Some("tls" | "quic") => 853,
            Some("https") => 443,
            _ => 53,
        })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|argument| argument.name == name).map(|argument| argument.value.as_str())
    }

    /// The last one holds, as with dig.
    fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.arguments.iter_mut().find(|argument| argument.name == name) {
            Some(argument) => argument.value = value,
            None => self.arguments.push(CheckArgument { name: name.to_owned(), value }),
        }
    }

    fn server(&mut self, text: &str) -> Result<(), String> {
        let right = || format!("the server \"@{text}\" is no address; write @ADDRESS, @ADDRESS:PORT or @ADDRESS#PORT");
        if self.server.is_some() {
            return Err(format!("\"@{text}\" is a second server; name one"));
        }
        let (address, port) = if let Ok(address) = text.parse::<IpAddr>() {
            (address, None)
        } else if let Some((address, port)) = text.rsplit_once('#') {
            (address.parse().map_err(|_| right())?, Some(port.parse().map_err(|_| right())?))
        } else {
            let endpoint = text.parse::<SocketAddr>().map_err(|_| right())?;
            (endpoint.ip(), Some(endpoint.port()))
        };
        self.server = Some(address);
        self.port = port.or(self.port);
        Ok(())
    }

    fn option(&mut self, text: &str) -> Result<(), String> {
        let (word, value) = match text.split_once('=') {
            Some((word, value)) => (word, Some(value)),
            None => (text, None),
        };
        if value == Some("") {
            return Err(format!("\"+{text}\" lacks its value; write it behind the equals sign"));
        }
        let needed = || value.ok_or_else(|| format!("\"+{word}\" needs a value; write +{word}=VALUE"));
        let (word, on) = match word.strip_prefix("no") {
            Some(rest) if SWITCHES.contains(&rest) => (rest, false),
            _ => (word, true),
        };
        match word {
            "udp" => self.set("transport", "udp"),
            "tcp" | "vc" => self.set("transport", if on { "tcp" } else { "udp" }),
            "tls" | "quic" | "https" | "https-get" | "https-post" => self.encrypted(word, value),
            "tls-name" | "tls-hostname" => self.set("server-name", needed()?),
            "dnssec" | "do" => self.set("dnssec", on.to_string()),
            "nsid" => self.set("nsid", on.to_string()),
            "edns" => match value {
                Some(version) => self.set("edns-version", version),
                None => self.set("edns", on.to_string()),
            },
            "bufsize" => self.set("bufsize", needed()?),
            "ecs" | "subnet" => self.set("ecs", needed()?),
            "cookie" => self.set("cookie", value.unwrap_or(COOKIE)),
            "padding" => self.set("padding", value.unwrap_or("128")),
            "ednsopt" => {
                let more = needed()?;
                let options = self.value("options").map_or_else(|| more.to_owned(), |known| format!("{known},{more}"));
                self.set("options", options);
            }
            "timeout" | "time" => self.set("timeout", seconds(needed()?)),
            "rec" | "recurse" | "rdflag" => self.flag("rd", on),
            "cd" | "cdflag" => self.flag("cd", on),
            "ad" | "adflag" => self.flag("ad", on),
            "aa" | "aaflag" => self.flag("aa", on),
            "z" | "zflag" => self.flag("z", on),
            "tc" | "tcflag" => self.flag("tc", on),
            "ra" | "raflag" => self.flag("ra", on),
            "short" => self.short = on,
            _ => return Err(format!("\"+{text}\" is not known; options are {OPTIONS}")),
        }
        Ok(())
    }

    /// `+tls`, `+quic`, `+https[=/PATH]`, `+https-get[=/PATH]`.
    fn encrypted(&mut self, word: &str, value: Option<&str>) {
        let (transport, method) = match word {
            "https-get" => ("https", Some("get")),
            "https" | "https-post" => ("https", Some("post")),
            other => (other, None),
        };
        self.set("transport", transport);
        if let Some(method) = method {
            self.set("method", method);
        }
        match value {
            Some(path) if transport == "https" => self.set("path", path),
            Some(name) => self.set("server-name", name),
            None => {}
        }
    }

    fn flag(&mut self, flag: &str, on: bool) {
        let mut flags: Vec<&str> =
            self.value("flags").unwrap_or("rd").split(',').filter(|known| *known != flag).collect();
        if on {
            flags.push(flag);
        }
        let flags = flags.join(",");
        self.set("flags", flags);
    }
}

/// A plain number is in seconds, as dig's.
fn seconds(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{text}s") } else { text.to_owned() }
}

/// RFC 1035 section 3.5, RFC 3596 section 2.5.
fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 0xf, byte >> 4]);
            let labels = nibbles.fold(String::new(), |labels, nibble| labels + &format!("{nibble:x}."));
            format!("{labels}ip6.arpa.")
        }
    }
}

/// Of a client that has none yet; any eight bytes do (RFC 7873 section 4.1).
const COOKIE: &str = "736f6e6465303031";

/// Those that `+no` turns off.
const SWITCHES: &[&str] = &[
    "tcp", "vc", "dnssec", "do", "nsid", "edns", "rec", "recurse", "rdflag", "cd", "cdflag", "ad", "adflag", "aa",
    "aaflag", "z", "zflag", "tc", "tcflag", "ra", "raflag", "short",
];

/// For messages and help.
pub(crate) const OPTIONS: &str = "+tcp +tls[=NAME] +https[=/PATH] +https-get[=/PATH] +quic[=NAME] +tls-name=NAME +[no]dnssec +[no]cd +[no]ad \
     +[no]rec +[no]aa +[no]z +[no]tc +[no]ra +[no]edns[=VERSION] +bufsize=BYTES +ecs=PREFIX +[no]nsid +cookie[=HEX] \
     +padding[=BYTES] +ednsopt=CODE:HEX +timeout=SECONDS +[no]short";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Result<Question, String> {
        Question::parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>(), None)
    }

    fn arguments(words: &str) -> Vec<(String, String)> {
        let question = asked(words).expect(words);
        question.into_arguments().into_iter().map(|argument| (argument.name, argument.value)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn words_come_in_the_order_of_dig() {
        assert_eq!(
            arguments("@192.0.2.1 orders.example AAAA +tcp +dnssec"),
            pairs(&[
                ("name", "orders.example"),
                ("type", "AAAA"),
                ("transport", "tcp"),
                ("dnssec", "true"),
                ("server", "192.0.2.1")
            ])
        );
        assert_eq!(arguments("version.bind TXT CH")[2], ("class".to_owned(), "CH".to_owned()));
    }

    #[test]
    fn a_server_may_have_a_port() {
        for (words, port) in
            [("@192.0.2.1#54 a", 54), ("@192.0.2.1:55 a", 55), ("@[2001:db8::1]:56 a", 56), ("@2001:db8::1#57 a", 57)]
        {
            assert_eq!(asked(words).expect(words).effective_port(), port);
        }
        assert_eq!(asked("@192.0.2.1 a +https").expect("right").effective_port(), 443);
        assert_eq!(asked("@192.0.2.1 a +tls").expect("right").effective_port(), 853);
    }

    #[test]
    fn flags_add_up_and_are_taken_away() {
        assert_eq!(arguments("a +cd +norec +z")[1], ("flags".to_owned(), "cd,z".to_owned()));
    }

    #[test]
    fn options_with_values_keep_them() {
        let question = arguments("a +ecs=192.0.2.0/24 +timeout=3 +ednsopt=65001:0a +ednsopt=65002 +https=/q +edns=1");
        assert!(question.contains(&("ecs".to_owned(), "192.0.2.0/24".to_owned())));
        assert!(question.contains(&("timeout".to_owned(), "3s".to_owned())));
        assert!(question.contains(&("options".to_owned(), "65001:0a,65002".to_owned())));
        assert!(question.contains(&("path".to_owned(), "/q".to_owned())));
        assert!(question.contains(&("edns-version".to_owned(), "1".to_owned())));
    }

    #[test]
    fn what_makes_no_sense_is_quoted_with_what_would() {
        for (words, quoted) in [
            ("@resolver.example a", "@resolver.example"),
            ("@192.0.2.1 @192.0.2.2 a", "@192.0.2.2"),
            ("a AAAA IN more", "more"),
            ("a +tpc", "+tpc"),
            ("a +bufsize", "+bufsize"),
            ("a +ecs=", "+ecs="),
        ] {
            let problem = asked(words).expect_err(words);
            assert!(problem.contains(quoted), "{problem}");
        }
    }

    #[test]
    fn without_a_name_the_roots_servers_are_asked_for() {
        assert_eq!(arguments("@192.0.2.1")[..2], pairs(&[("name", "."), ("type", "NS")])[..]);
    }

    #[test]
    fn an_address_is_asked_for_in_reverse() {
        let question = Question::parse(&[], "192.0.2.1".parse().ok()).expect("right");
        assert_eq!(question.value("name"), Some("1.2.0.192.in-addr.arpa."));
        let question = Question::parse(&[], "2001:db8::1".parse().ok()).expect("right");
        assert!(
            question
                .value("name")
                .is_some_and(|name| name.starts_with("1.0.0.0.") && name.ends_with("8.b.d.0.1.0.0.2.ip6.arpa."))
        );
    }
}
