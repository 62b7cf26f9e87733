//! The command line of sonde: parses, connects, asks, prints, and ends with a documented exit code.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use clap::error::ErrorKind;
use tokio::task::JoinSet;

use crate::arguments::{Arguments, Colour, Format, usage};
use crate::error::CommandError;
use crate::render::out::{Output, complain};

mod arguments;
mod command;
mod configuration;
mod connection;
mod error;
mod exit;
mod follow;
mod render;
mod status;

/// As `sonded` has it, for the daemon that may run in here.
#[cfg(feature = "embedded")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(feature = "embedded")]
#[expect(unsafe_code, reason = "jemalloc looks for its settings by this name")]
// SAFETY: nothing else has that name, and it is what jemalloc expects there: a pointer to a C string.
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: &[u8; 10] = sonded::ALLOCATOR_SETTINGS;

fn main() -> ExitCode {
    let code = match Arguments::try_parse() {
        Ok(arguments) => finish(run(arguments)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let help = Output::new(Format::Table, Colour::Auto).text(&error.render().ansi().to_string());
            finish(help.map(|()| exit::HEALTHY))
        }
        Err(error) => finish(Err(CommandError::Usage(usage::line(&error)))),
    };
    ExitCode::from(code)
}

fn run(arguments: Arguments) -> Result<u8, CommandError> {
    command::coherent(&arguments)?;
    let output = Output::new(arguments.global.output, arguments.global.color);
    if let Some(result) = command::run_offline(&arguments.command, &output) {
        return result;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)?;
    // On a worker, as the task of its connection is: the two wake each other for every batch of a listing, which between threads takes a
    // system call and a processor that may sleep.
    let result = runtime.block_on(async {
        let mut command = JoinSet::new();
        command.spawn(async move { command::run(arguments, &output).await });
        match command.join_next().await {
            Some(Ok(result)) => result,
            // A panic, of which the hook has told.
            Some(Err(error)) => Err(CommandError::Runtime(error.into())),
            None => Err(CommandError::Runtime(io::ErrorKind::NotFound.into())),
        }
    });
    // Whatever blocks by now, a name lookup for instance, has nobody left to answer to.
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

fn finish(result: Result<u8, CommandError>) -> u8 {
    match result {
        Ok(code) => code,
        Err(error) => {
            if let Some(line) = error.line() {
                complain(line);
            }
            error.exit_code()
        }
    }
}

/// One for the client and its timers, one for the API of a daemon inside this process, and one that a terminal may keep waiting.
const WORKERS: usize = 3;
