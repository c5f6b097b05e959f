//! The program `loa`: see [`loa::cli`].

fn main() -> std::process::ExitCode {
    loa::cli::main()
}
