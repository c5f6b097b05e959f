//! The real program, as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::http::Client;

/// A command line of the program, with an empty environment but for `env`.
pub(crate) fn loa(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loa"));
    command.args(args).env_clear().envs(env.iter().copied()).current_dir(directory);
    command
}

/// Runs a command to its end: exit status, standard output, standard error.
pub(crate) fn run(directory: &Path, args: &[&str]) -> (i32, String, String) {
    told(&loa(directory, args, &[]).output().unwrap())
}

/// The parts of what a command left.
pub(crate) fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// `loa serve`, or another command that serves, which is killed at the end of the test if it still runs.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts it on a free port and waits until it says that it serves.
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Self {
        Self::start_command(directory, "serve", args)
    }

    /// The same with a command of its own.
    pub(crate) fn start_command(directory: &Path, command: &str, args: &[&str]) -> Self {
        let args = [&[command, "--listen", "127.0.0.1:0"], args].concat();
        Self::by(loa(directory, &args, &[]))
    }

    /// By another command line.
    pub(crate) fn by(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.strip_prefix("serving at http://").and_then(|rest| rest.split('/').next()) else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("{line}{said}");
        };
        let address = address.parse().unwrap();
        Self { child, address }
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Kills it at once: it finishes nothing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end: the exit status, and what it wrote to standard output after it served.
    pub(crate) fn told(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        (self.ended(), said)
    }

    /// Waits for the end: the exit status.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
