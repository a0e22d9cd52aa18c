//! `seawall-sim`: plays scenarios.

mod args;
mod commands;
mod failure;
mod seeds;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    let command = Args::parse().command;
    let mut out = BufWriter::new(io::stdout().lock());
    match execute(command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn execute(command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Run(args) => commands::run(&args, out)?,
        Command::Compare(args) => commands::compare(&args, out)?,
        Command::Check(args) => commands::check(&args, out)?,
        Command::History(args) => commands::history(&args, out)?,
        Command::Seconds(args) => commands::seconds(&args, out)?,
        Command::TradeOff(args) => commands::trade_off(&args, out)?,
        Command::Policies => commands::policies(out)?,
    }
    Ok(out.flush()?)
}
