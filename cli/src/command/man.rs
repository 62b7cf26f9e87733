//! `sonde man [--out DIR]`: the manual.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::exit;
use crate::render::out::Output;

/// Print the manual, or write a page for each command.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sonde man | man -l -\n  sonde man --out /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this existing folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Prints or writes it.
    pub(crate) fn run(&self, output: &Output) -> Result<u8, CommandError> {
        if let Some(folder) = &self.out {
            clap_mangen::generate_to(Arguments::command(), folder)
                .map_err(|error| CommandError::Unwritable { path: folder.clone(), problem: error.to_string() })?;
            return Ok(exit::HEALTHY);
        }
        let mut page = Vec::new();
        // Writing to memory fails only as writing to stdout would.
        clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(CommandError::Stdout)?;
        output.text(&String::from_utf8_lossy(&page))?;
        Ok(exit::HEALTHY)
    }
}
