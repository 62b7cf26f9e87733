//! `--param NAME=VALUE`, where the value may stand in a file.

use std::fs::File;
use std::io::Read;

use sonde_proto::v1::CheckArgument;

/// A baseline of settings has a few KiB; what is longer is some other file.
const LONGEST_VALUE_BYTES: u64 = 64 << 10;

/// `NAME=VALUE`. `@FILE` is what the file holds, and `@@` begins a value with an `@`.
pub(crate) fn parameter(text: &str) -> Result<CheckArgument, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => (name, value),
        _ => return Err("write NAME=VALUE, such as attempts=3, or NAME=@FILE".into()),
    };
    let value = match value.strip_prefix('@') {
        None => value.to_owned(),
        Some(literal) if literal.starts_with('@') => literal.to_owned(),
        Some("") => {
            return Err(format!("\"{name}=@\" names no file: write {name}=@FILE, or {name}=@@ for an @ itself"));
        }
        Some(path) => read(path).map_err(|problem| format!("read {path:?} for {name}: {problem}"))?,
    };
    Ok(CheckArgument { name: name.into(), value })
}

fn read(path: &str) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("{error}; for a value that begins with @ write @@"))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err("it is a folder; name a file of text".into());
    }
    let mut text = Vec::new();
    file.take(LONGEST_VALUE_BYTES + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_VALUE_BYTES) {
        return Err("it has more than 64 KiB; a value has at most that".into());
    }
    String::from_utf8(text).map_err(|_| "it is no UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn value(text: &str) -> Result<String, String> {
        parameter(text).map(|argument| argument.value)
    }

    #[test]
    fn a_parameter_keeps_what_comes_after_the_first_equals_sign() {
        let parsed = parameter("query=a=b").expect("it is right");

        assert_eq!((parsed.name.as_str(), parsed.value.as_str()), ("query", "a=b"));
        assert!(parameter("=3").is_err());
        assert!(parameter("attempts").is_err());
    }

    #[test]
    fn a_value_is_read_from_a_file_and_two_at_signs_are_one() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"net.ipv4.ip_forward = 1\n").expect("written");

        let read = value(&format!("baseline=@{}", file.path().display()));

        assert_eq!(read.as_deref(), Ok("net.ipv4.ip_forward = 1\n"));
        assert_eq!(value("user=@@me").as_deref(), Ok("@me"));
        assert_eq!(value("mail=me@lab").as_deref(), Ok("me@lab"));
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_with_the_file_and_the_reason() {
        let mut long = tempfile::NamedTempFile::new().expect("a file");
        long.write_all(&vec![b'#'; (64 << 10) + 1]).expect("written");
        let mut binary = tempfile::NamedTempFile::new().expect("a file");
        binary.write_all(&[0xff, 0xfe]).expect("written");
        let of = |file: &tempfile::NamedTempFile| format!("baseline=@{}", file.path().display());

        for (text, reason) in [
            (of(&long), "64 KiB"),
            (of(&binary), "UTF-8"),
            ("baseline=@/".to_owned(), "folder"),
            ("baseline=@/no/such/file".to_owned(), "No such file"),
            ("baseline=@".to_owned(), "@FILE"),
        ] {
            let problem = value(&text).expect_err(&text);
            assert!(problem.contains(reason) && problem.contains("baseline"), "{problem}");
        }
    }
}
