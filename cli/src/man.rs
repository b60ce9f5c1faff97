//! `perceptual-loss man`: manual pages.

use std::{fmt::Write as _, fs, path::PathBuf};

use clap::{Args, Command, CommandFactory as _, ValueHint};
use clap_mangen::Man;
use perceptual_loss::low_level::shown;

use crate::{arguments, failure::Failure, output::Output};

/// Print the manual page, or write one for each command.
///
/// To read it: perceptual-loss man | man -l -
#[derive(Args)]
pub struct Arguments {
    /// The folder to write all pages into, such as perceptual-loss-compare.1; it is made where there is none.
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    output: Option<PathBuf>,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let mut command = arguments::Arguments::command().disable_help_subcommand(true);
    // Subcommands learn their full names and the options that all have.
    command.build();
    let Some(folder) = &arguments.output else {
        let page = String::from_utf8(page(&Man::new(command))?);
        return page.map_err(|error| Failure::run(error.to_string()));
    };
    fs::create_dir_all(folder).map_err(|error| {
        Failure::input(format!("{}: cannot be made: {error}; name another folder", shown::name(folder)))
    })?;
    let mut written = String::new();
    for man in pages(command) {
        let path = folder.join(man.get_filename());
        Output::create(&path)?.finish(&page(&man)?)?;
        // Writing to a string does not fail.
        let _ = writeln!(written, "{}", shown::escaped(&shown::name(&path)));
    }
    Ok(written)
}

/// A command's page and those of its subcommands.
fn pages(command: Command) -> Vec<Man> {
    let mut all: Vec<_> = command.get_subcommands().cloned().flat_map(pages).collect();
    all.insert(0, Man::new(command));
    all
}

fn page(man: &Man) -> Result<Vec<u8>, Failure> {
    let mut page = vec![];
    man.render(&mut page).map_err(|error| Failure::run(error.to_string()))?;
    Ok(page)
}
