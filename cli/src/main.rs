//! The command line of sonde: parses, connects, asks, prints, and ends with a documented exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use clap::error::ErrorKind;

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
    let result = runtime.block_on(command::run(arguments, &output));
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

/// One for the client and its timers, one for the API of a daemon inside this process.
const WORKERS: usize = 2;
