//! `perceptual-loss completions`: what a shell completes command lines by.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::{arguments, failure::Failure};

/// Print a shell's completions of this command.
///
/// For bash, in a session or in ~/.bashrc: source <(perceptual-loss completions bash)
#[derive(Args)]
pub struct Arguments {
    /// The shell.
    shell: Shell,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let mut command = arguments::Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = vec![];
    generate(arguments.shell, &mut command, name.as_str(), &mut script);
    let script = String::from_utf8(script).map_err(|error| Failure::run(error.to_string()))?;
    // For bash the generator writes a name with a hyphen in two ways, so that nothing after a subcommand is
    // completed (clap-rs/clap#6421). The other shells have no such words.
    Ok(script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__")))
}
