//! The commands, one file each, and what they share: how to reach the daemon and which words exclude each other.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use sonde_proto::v1::Vantage;
use sonde_proto::v1::vantage::Where;

use crate::arguments::{Arguments, Command, Format, Global};
use crate::connection::Session;
use crate::error::CommandError;
use crate::render::out::Output;
use crate::status::StatusError;

pub(crate) mod cause;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod counters;
pub(crate) mod daemon;
pub(crate) mod diagnose;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod listeners;
pub(crate) mod man;
pub(crate) mod parameter;
pub(crate) mod past;
pub(crate) mod path;
pub(crate) mod sockets;
pub(crate) mod view;

/// Refuses global options that exclude each other, and those that mean nothing to the command: dropped in silence, they
/// would be taken for obeyed.
pub(crate) fn coherent(Arguments { global, command }: &Arguments) -> Result<(), CommandError> {
    let refuse = |problem: String| Err(CommandError::Usage(problem));
    if global.netns.is_some() && global.pid.is_some() {
        return refuse("--netns cannot be given together with --pid: both say where to measure from".into());
    }
    if global.endpoint.is_some() && global.context.is_some() {
        return refuse("--endpoint cannot be given together with --context: both name a daemon".into());
    }
    let draws = matches!(command, Command::Sockets(sockets) if sockets.draws());
    if matches!(global.output, Format::Html | Format::Svg) && !draws {
        return refuse(
            "html and svg are forms of `sonde sockets heatmap` alone; give -o table, wide, json, jsonl or yaml".into(),
        );
    }
    if let Command::Diagnose(diagnose) = command {
        diagnose.coherent()?;
    }
    let measures = match command {
        Command::Diagnose(_)
        | Command::Check(check::Check::Run(_))
        | Command::Dial(_)
        | Command::Dns(_)
        | Command::Path(_)
        | Command::Listeners(_)
        | Command::Counters(_) => true,
        Command::Sockets(sockets) => sockets.measures(),
        _ => false,
    };
    let asks = !matches!(command, Command::Daemon(daemon::Daemon::Run(_)) | Command::Completions(_) | Command::Man(_));
    let options = [
        ("--netns", global.netns.is_some() && !measures, MEASURING),
        ("--pid", global.pid.is_some() && !measures, MEASURING),
        ("--endpoint", global.endpoint.is_some() && !asks, "it asks no daemon"),
        ("--context", global.context.is_some() && !asks, "it asks no daemon"),
        ("--timeout", global.timeout.is_some() && !asks, "it has no deadline"),
    ];
    match options.into_iter().find(|(_, meaningless, _)| *meaningless) {
        Some((option, _, why)) => refuse(format!("{option} means nothing to this command: {why}; leave it out")),
        None => Ok(()),
    }
}

/// Runs what needs neither a daemon nor a runtime; none where the command is not of this kind.
pub(crate) fn run_offline(command: &Command, output: &Output) -> Option<Result<u8, CommandError>> {
    match command {
        Command::Completions(completions) => Some(completions.run(output)),
        Command::Man(man) => Some(man.run(output)),
        Command::Diagnose(_)
        | Command::Dial(_)
        | Command::Dns(_)
        | Command::Path(_)
        | Command::Sockets(_)
        | Command::Listeners(_)
        | Command::Counters(_)
        | Command::Check(_)
        | Command::Cause(_)
        | Command::Daemon(_) => None,
    }
}

/// Runs any other command. The exit code, or why there is no answer.
pub(crate) async fn run(arguments: Arguments, output: &Output) -> Result<u8, CommandError> {
    let global = arguments.global;
    match arguments.command {
        Command::Diagnose(diagnose) => {
            with_session(&global, async |session| diagnose.run(session, &global, output).await).await
        }
        Command::Dial(dial) => with_session(&global, async |session| dial.run(session, &global, output).await).await,
        Command::Dns(dns) => with_session(&global, async |session| dns.run(session, &global, output).await).await,
        Command::Path(path) => with_session(&global, async |session| path.run(session, &global, output).await).await,
        Command::Sockets(sockets) => {
            with_tables(&global, async |session| sockets.run(session, &global, output).await).await
        }
        Command::Listeners(listeners) => {
            with_tables(&global, async |session| listeners.run(session, &global, output).await).await
        }
        Command::Counters(counters) => {
            with_tables(&global, async |session| counters.run(session, &global, output).await).await
        }
        Command::Check(check) => with_session(&global, async |session| check.run(session, &global, output).await).await,
        Command::Cause(cause) => with_session(&global, async |session| cause.run(session, &global, output).await).await,
        Command::Daemon(daemon) => daemon.run(&global, output).await,
        // They have run offline.
        Command::Completions(completions) => completions.run(output),
        Command::Man(man) => man.run(output),
    }
}

/// Opens a session, lets the command use it, and closes it whatever came of it.
async fn with_session(
    global: &Global,
    command: impl AsyncFnOnce(&Session) -> Result<u8, CommandError>,
) -> Result<u8, CommandError> {
    within(Session::open(global).await?, command).await
}

/// The same for a command that needs the kernel's tables alone.
async fn with_tables(
    global: &Global,
    command: impl AsyncFnOnce(&Session) -> Result<u8, CommandError>,
) -> Result<u8, CommandError> {
    within(Session::open_tables(global).await?, command).await
}

async fn within(
    session: Session,
    command: impl AsyncFnOnce(&Session) -> Result<u8, CommandError>,
) -> Result<u8, CommandError> {
    let result = command(&session).await;
    session.close().await;
    result
}

/// Where to measure from, as the options say.
fn vantage(global: &Global) -> Result<Option<Vantage>, CommandError> {
    let place = match (&global.netns, global.pid) {
        (Some(path), _) => {
            // The daemon may stand in another folder.
            let absolute = std::path::absolute(path)
                .map_err(|error| CommandError::Unreadable { path: path.clone(), problem: error.to_string() })?;
            Some(Where::NetnsPath(text_of(absolute)?))
        }
        (None, Some(pid)) => Some(Where::Pid(pid)),
        (None, None) => None,
    };
    Ok(place.map(|place| Vantage { r#where: Some(place) }))
}

fn text_of(path: PathBuf) -> Result<String, CommandError> {
    path.into_os_string().into_string().map_err(|path| CommandError::Unreadable {
        path: PathBuf::from(path),
        problem: "a path in a request must be valid UTF-8".into(),
    })
}

/// A call with one answer, bounded here too: the daemon's own deadline holds only while it is alive.
async fn answer<T>(
    deadline: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, CommandError> {
    match tokio::time::timeout(deadline + GRACE, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(StatusError::from(status).into()),
        Err(_) => Err(CommandError::NoAnswer(humantime::format_duration(deadline))),
    }
}

/// The deadline of a call with one answer.
fn deadline(global: &Global) -> Duration {
    global.timeout.unwrap_or(Duration::from_secs(10))
}

/// The time between two looks; the daemon bounds it too.
fn watch(text: &str) -> Result<Duration, String> {
    let right = "write a number and a unit, from 100ms to 1h, such as 2s";
    let interval = humantime::parse_duration(text).map_err(|_| right.to_owned())?;
    if (SHORTEST_WATCH..=LONGEST_WATCH).contains(&interval) { Ok(interval) } else { Err(right.to_owned()) }
}

/// Of `CounterService`.
const SHORTEST_WATCH: Duration = Duration::from_millis(100);

/// Of `CounterService`.
const LONGEST_WATCH: Duration = Duration::from_hours(1);

/// Why a vantage means nothing to other commands.
const MEASURING: &str = "only `sonde diagnose`, `sonde check run`, `sonde dial`, `sonde dns`, `sonde path`, `sonde sockets`, `sonde listeners` and `sonde counters` measure";

/// What the daemon may be late before the client gives up on it.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Evidence can be large: a listing of every listener, certificate chains.
pub(crate) const LARGEST_MESSAGE_BYTES: usize = 64 << 20;

/// Of a listing that never ends.
const MOST_PAGES: usize = 100;

/// What a page asks for at most.
const PAGE_SIZE: i32 = 1_000;
