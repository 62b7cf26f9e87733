//! `sonded`: the daemon as a program of its own. `sonde daemon run` is the same.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use sonded::config::{Config, Listen};
use sonded::telemetry::{self, Logs};
use sonded::{Overrides, serve, terminated};

/// A probe allocates hundreds of times, on several threads; the C library's takes more CPU for that, and keeps more memory afterwards.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[expect(unsafe_code, reason = "jemalloc looks for its settings by this name")]
// SAFETY: nothing else has that name, and it is what jemalloc expects there: a pointer to a C string.
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: &[u8; 10] = sonded::ALLOCATOR_SETTINGS;

/// Diagnoses networks for whoever asks over gRPC.
#[derive(Debug, Parser)]
#[command(name = "sonded", version, after_help = after_help())]
struct Arguments {
    /// The configuration; /etc/sonde/sonded.toml where it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, in place of the configuration: unix:PATH or ADDRESS:PORT (loopback). Can be repeated.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<Listen>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return failed(&misread(&error.to_string())),
        // The help, or the version. A reader that went away has seen enough.
        Err(error) => {
            error.print().ok();
            return ExitCode::SUCCESS;
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn failed(line: &str) -> ExitCode {
    // There is no one else to tell.
    std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("sonded: failed to {line}\n")).ok();
    ExitCode::from(TOOL_ERROR)
}

/// What clap has to say, as one line: its first paragraph, which quotes the value.
fn misread(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let problem = lines.join(" ");
    let problem = problem.strip_prefix("error: ").unwrap_or(&problem);
    format!("read the command line: {problem}; sonded --help says what can be given")
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(Logs::Daemon);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the daemon's threads")?;
    runtime.block_on(async {
        let shutdown = async {
            if let Err(error) = terminated().await {
                tracing::error!(%error, "signals cannot be received; end the daemon with SIGKILL");
                std::future::pending::<()>().await;
            }
        };
        serve(config, Overrides { listen: arguments.listen }, shutdown).await
    })?;
    Ok(())
}

fn after_help() -> String {
    let variables = sonded::config::ENVIRONMENT.iter().chain(sonded::ENVIRONMENT);
    let lines = variables.map(|(name, meaning)| format!("\n  {name}  {meaning}"));
    format!(
        "{}\n\nEnvironment:\n  RUST_LOG  what is logged, info unless given{}",
        sonded::config::help(),
        lines.collect::<String>()
    )
}

/// As the exit codes of `sonde`.
const TOOL_ERROR: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_the_keys_of_the_configuration_and_the_environment() {
        let help = Arguments::try_parse_from(["sonded", "--help"]).expect_err("help is no arguments").to_string();

        assert!(
            ["runs.probe_timeout", "OTEL_SERVICE_NAME", "SSL_CERT_FILE"].iter().all(|part| help.contains(part)),
            "{help}"
        );
    }

    #[test]
    fn a_wrong_argument_is_one_line_that_quotes_it() {
        for (wrong, quoted) in [(&["--listen", "0.0.0.0:1"][..], "0.0.0.0:1"), (&["--bogus"][..], "--bogus")] {
            let arguments = ["sonded"].iter().chain(wrong);

            let line = misread(&Arguments::try_parse_from(arguments).expect_err("it is wrong").to_string());

            assert!(line.contains(quoted) && !line.contains('\n') && !line.contains("error:"), "{line}");
        }
    }
}
