//! `sonde completions SHELL`: a completion script.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::exit;
use crate::render::out::Output;

/// Print a completion script.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sonde completions bash > ~/.local/share/bash-completion/completions/sonde
  sonde completions fish > ~/.config/fish/completions/sonde.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub(crate) fn run(&self, output: &Output) -> Result<u8, CommandError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "sonde", &mut script);
        output.text(&String::from_utf8_lossy(&script))?;
        Ok(exit::HEALTHY)
    }
}
