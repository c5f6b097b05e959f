//! The commands, one file each.

pub mod import;

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
