//! Writes to stdout and stderr: data to the one, everything else to the other.

use std::io::{self, IsTerminal as _, Write};
use std::{env, fmt};

use anstream::{AutoStream, ColorChoice};
use sonde_proto::json;
use sonde_proto::v1::DiagnosisEvent;

use crate::arguments::{Colour, Format};
use crate::error::CommandError;

/// Where data goes, and in which form.
pub(crate) struct Output {
    format: Format,
    colour: Colour,
}

impl Output {
    /// As the options say.
    pub(crate) fn new(format: Format, colour: Colour) -> Self {
        Self { format, colour }
    }

    /// The form asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Text for people, or for a shell.
    pub(crate) fn text(&self, text: &str) -> Result<(), CommandError> {
        let choice = match self.colour {
            Colour::Auto => AutoStream::choice(&io::stdout()),
            Colour::Always => ColorChoice::AlwaysAnsi,
            Colour::Never => ColorChoice::Never,
        };
        let mut stdout = AutoStream::new(io::stdout().lock(), choice);
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(CommandError::Stdout)
    }

    /// A message in the form asked for; `lines` gives what stands on a line of its own in JSONL, `table` the text for people.
    pub(crate) fn message<M: Message>(
        &self,
        message: &M,
        lines: impl FnOnce(&M) -> Result<Vec<String>, json::JsonError>,
        table: impl FnOnce(&M, usize) -> String,
    ) -> Result<(), CommandError> {
        let text = match self.format {
            Format::Table | Format::Wide | Format::Html | Format::Svg => return self.text(&table(message, width())),
            Format::Json => json::to_string_pretty(message)? + "\n",
            Format::Yaml => yaml(&json::to_string(message)?)?,
            Format::Jsonl => lines(message)?.into_iter().map(|line| line + "\n").collect(),
        };
        raw(&text)
    }

    /// A document that is no message, in the form asked for: in JSONL each element of it on a line of its own.
    pub(crate) fn document<T: serde::Serialize>(
        &self,
        elements: &[T],
        table: impl FnOnce(usize) -> String,
    ) -> Result<(), CommandError> {
        let text = match self.format {
            Format::Table | Format::Wide | Format::Html | Format::Svg => return self.text(&table(width())),
            Format::Json => serde_json::to_string_pretty(elements).map_err(CommandError::Document)? + "\n",
            Format::Yaml => yaml(&serde_json::to_string(elements).map_err(CommandError::Document)?)?,
            Format::Jsonl => {
                let lines: Result<String, _> =
                    elements.iter().map(|element| serde_json::to_string(element).map(|line| line + "\n")).collect();
                lines.map_err(CommandError::Document)?
            }
        };
        raw(&text)
    }

    /// An empty line between two looks for people; nothing where a program reads.
    pub(crate) fn gap(&self) -> Result<(), CommandError> {
        match self.format {
            Format::Table | Format::Wide => raw("\n"),
            Format::Html | Format::Svg | Format::Json | Format::Yaml | Format::Jsonl => Ok(()),
        }
    }

    /// An event of a run, at once, where that is the form asked for.
    pub(crate) fn event(&self, event: &DiagnosisEvent) -> Result<(), CommandError> {
        match self.format {
            Format::Jsonl => raw(&(json::to_string(event)? + "\n")),
            Format::Table | Format::Wide | Format::Json | Format::Yaml | Format::Html | Format::Svg => Ok(()),
        }
    }
}

/// What can be printed as JSON.
pub(crate) trait Message: prost::Message + prost::Name {}

impl<M: prost::Message + prost::Name> Message for M {}

/// One line on stderr. Where even that fails there is nobody left to tell.
pub(crate) fn complain(line: impl fmt::Display) {
    drop(writeln!(io::stderr().lock(), "error: {line}"));
}

/// One line of progress on stderr.
pub(crate) fn note(line: impl fmt::Display) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Whether somebody looks at stderr.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The width to print for, in columns.
fn width() -> usize {
    let terminal = comfy_table::Table::new().width().map(usize::from);
    let told = || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal.or_else(told).filter(|columns| *columns > 0).unwrap_or(WIDTH_WITHOUT_TERMINAL)
}

/// The same document with its fields in the same order.
fn yaml(json: &str) -> Result<String, CommandError> {
    let value: serde_yaml_ng::Value = serde_json::from_str(json).map_err(CommandError::Yaml)?;
    serde_yaml_ng::to_string(&value).map_err(|error| CommandError::Stdout(io::Error::other(error)))
}

/// Text as it is: without colours, and harmless already.
pub(crate) fn raw(text: &str) -> Result<(), CommandError> {
    raw_bytes(text.as_bytes())
}

/// The same, of text that was written as bytes.
pub(crate) fn raw_bytes(text: &[u8]) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).map_err(CommandError::Stdout)
}

const WIDTH_WITHOUT_TERMINAL: usize = 100;
