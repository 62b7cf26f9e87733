//! What can be typed: the global options and the commands. It parses and says what a word means; nothing here acts.
//!
//! Units: durations are written with theirs (`250ms`, `15s`, `2m`).

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::command::{cause, check, completions, counters, daemon, diagnose, dial, dns, listeners, man, path, sockets};

pub(crate) mod help;
pub(crate) mod usage;

/// Names the root cause of a network problem, with proof.
#[derive(Debug, Parser)]
#[command(
    name = "sonde",
    version,
    about = "Names the root cause of a network problem, with proof",
    long_about = "sonde diagnoses a network target: it runs sandboxed checks that measure each layer, names the root cause with its \
                  proof and the look-alikes it ruled out, and says what to do.\n\nIt talks to a running sonded in this network \
                  namespace, else runs the same daemon inside this process.",
    after_help = help::short(),
    after_long_help = help::long(),
    styles = STYLES,
    arg_required_else_help = false,
    subcommand_required = true,
    propagate_version = false,
    disable_help_subcommand = true,
    infer_subcommands = false
)]
pub(crate) struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes, before or after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The daemon to ask, where the command asks one: http://HOST:PORT or unix:PATH
    #[arg(long, global = true, value_name = "URL|unix:PATH")]
    pub(crate) endpoint: Option<String>,
    /// A named context of the configuration file, where the command asks a daemon
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The form of what is printed to stdout
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// How long it may take, from 1ms to 10m, for example 15s or 250ms: a run gets it as its budget, 15s unless given (dial 1m, path and
    /// dns walk 30s, dns resolve 2m, dns query and dns config 10s), any other command that asks a daemon as its deadline
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// Measure from this network namespace, for example /run/netns/blue, where the command measures
    #[arg(long, global = true, value_name = "PATH", value_parser = netns, value_hint = ValueHint::FilePath)]
    pub(crate) netns: Option<PathBuf>,
    /// Measure from the network and mount namespaces of this process, where the command measures
    #[arg(long, global = true, value_name = "N", value_parser = pid, allow_hyphen_values = true)]
    pub(crate) pid: Option<u32>,
    /// Whether to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
    /// Tell on stderr what happens meanwhile
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Diagnose a target, this whole host when none is given
    Diagnose(diagnose::Diagnose),
    /// Dial every address of a target, and show how each phase went
    Dial(dial::Dial),
    /// Query name servers, look names up as programs would, walk delegations, read the configuration
    #[command(subcommand, arg_required_else_help = false)]
    Dns(dns::Dns),
    /// Trace the way to a target's port hop by hop, measure the path MTU, count echoes
    Path(path::Path),
    /// List sockets as ss does, with what the kernel knows of each, or count them
    Sockets(sockets::Sockets),
    /// List TCP listeners with their queues and processes
    Listeners(listeners::Listeners),
    /// Show the kernel's network counters, or what moves of them
    Counters(counters::Counters),
    /// List, describe and run checks
    #[command(subcommand, arg_required_else_help = false)]
    Check(check::Check),
    /// List and explain the root causes that a diagnosis may name
    #[command(subcommand, arg_required_else_help = false)]
    Cause(cause::Cause),
    /// Run the daemon, or ask a running one about itself
    #[command(subcommand, arg_required_else_help = false)]
    Daemon(daemon::Daemon),
    /// Print a completion script
    Completions(completions::Completions),
    /// Print the manual, or write a page for each command
    Man(man::Man),
}

/// The form of what is printed to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For people, with every finding and every host call.
    Wide,
    /// One JSON document (the canonical protobuf mapping).
    Json,
    /// One JSON document on each line, as they come.
    Jsonl,
    /// The JSON document as YAML.
    Yaml,
    /// A page that stands for itself; of a heatmap only.
    Html,
    /// A picture; of a heatmap only.
    Svg,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn timeout(text: &str) -> Result<Duration, String> {
    let right = "write a number and a unit, such as 15s, 250ms or 2m";
    let duration = humantime::parse_duration(text).map_err(|_| right.to_owned())?;
    if duration.is_zero() || duration > LONGEST { Err("it is from 1ms to 10m".to_owned()) } else { Ok(duration) }
}

fn netns(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("write the path of a network namespace, such as /run/netns/blue".to_owned()),
        path => Ok(PathBuf::from(path)),
    }
}

fn pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| (1..=LARGEST_PID).contains(pid));
    pid.ok_or_else(|| format!("write a process id, 1 to {LARGEST_PID}"))
}

/// A target is parsed by the daemon; only an empty one would be taken for this host there.
pub(crate) fn target(text: &str) -> Result<String, String> {
    match text {
        "" => Err("write a target, such as https://HOST/PATH, HOST:PORT, :PORT or host".to_owned()),
        target => Ok(target.to_owned()),
    }
}

/// The kernel's `PID_MAX_LIMIT` on 64-bit machines (linux/threads.h).
const LARGEST_PID: u32 = 4 * 1024 * 1024;

/// What the daemon grants a run at most.
const LONGEST: Duration = Duration::from_mins(10);

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_timeout_outside_what_the_daemon_grants_is_refused() {
        assert_eq!(timeout("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(timeout("0s").is_err());
        assert!(timeout("11m").is_err());
        assert!(timeout("soon").is_err());
    }

    #[test]
    fn a_global_option_is_taken_after_the_command_too() {
        let arguments = Arguments::try_parse_from(["sonde", "cause", "list", "-o", "json"]).expect("it is right");

        assert_eq!(arguments.global.output, Format::Json);
    }
}
