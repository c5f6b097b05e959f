//! The three ways to tell: a command that is given addresses, an HTTP request for each, a ping of a hub for each.

use std::fmt;
use std::io::{Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{sleep, timeout};
use url::{Position, Url};

use super::external::ExternalHub;
use crate::domain::format::Format;
use crate::observe::metrics::{self, Purged};
use crate::outgoing::{self, Call, FetchError, Limits};

/// Addresses that a command is given at once.
const ADDRESSES_A_COMMAND: usize = 500;
/// What is read of an answer at most: it is forgotten.
const ANSWER_BYTES_MAX: usize = 1_000_000;
/// How often is looked whether a command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Where a command finds programs: its environment holds nothing else, for ours may hold secrets.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Who is told, and how.
#[derive(Debug, Clone)]
pub enum Hook {
    /// A cache, by a program with its arguments; it reads absolute addresses, one a line, until the end of its standard input.
    Command(Vec<String>),
    /// A cache, by a request for each address: in the template `{url}` stands for the address, `{path}` for its path.
    Request {
        /// The template of an address.
        template: String,
        /// Method, `Host`, header.
        call: Call,
    },
    /// An external hub, by a ping for each document.
    Ping(Arc<ExternalHub>),
}

/// A success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is done.
    Done,
    /// The cache does not have it.
    Absent,
}

impl Hook {
    /// Addresses that one call can tell.
    pub(super) const fn addresses_max(&self) -> usize {
        match self {
            Self::Command(_) => ADDRESSES_A_COMMAND,
            Self::Request { .. } | Self::Ping(_) => 1,
        }
    }

    /// Is it told of what is at this path? Pages and lists are no topics of a hub.
    pub(super) fn is_told_of(&self, path: &str) -> bool {
        match self {
            Self::Command(_) | Self::Request { .. } => true,
            Self::Ping(_) => is_document(path),
        }
    }

    /// Counts what became of addresses.
    pub(super) fn count(&self, result: Purged, addresses: usize) {
        match self {
            Self::Command(_) | Self::Request { .. } => metrics::purged(result, addresses),
            Self::Ping(_) => metrics::pinged(result, addresses),
        }
    }

    /// Says how many addresses wait.
    pub(super) fn count_waiting(&self, addresses: usize) {
        match self {
            Self::Command(_) | Self::Request { .. } => metrics::purges_waiting(addresses),
            Self::Ping(hub) => hub.count_waiting(addresses),
        }
    }

    /// Tells addresses, at most [`Self::addresses_max`]. An error is a text for the log, without what may be secret.
    pub(super) async fn tell(&self, addresses: &[String], limit: Duration) -> Result<Told, String> {
        match self {
            Self::Command(command) => run(command, addresses, limit).await,
            Self::Request { template, call } => {
                let mut told = Told::Absent;
                for address in addresses {
                    if request(template, call, address, limit).await? == Told::Done {
                        told = Told::Done;
                    }
                }
                Ok(told)
            }
            Self::Ping(hub) => {
                for address in addresses {
                    hub.ping(address, limit).await?;
                }
                Ok(Told::Done)
            }
        }
    }
}

/// What is done, for the log.
impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) | Self::Request { .. } => f.write_str("purging"),
            Self::Ping(hub) => write!(f, "pinging {hub}"),
        }
    }
}

fn is_document(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| Format::from_extension(extension).is_some())
}

async fn request(template: &str, call: &Call, address: &str, limit: Duration) -> Result<Told, String> {
    let path = Url::parse(address).map(|url| url[Position::BeforePath..].to_owned()).unwrap_or_default();
    let filled = template.replace("{url}", address).replace("{path}", &path);
    let url = Url::parse(&filled).map_err(|error| format!("the address is none: {error}"))?;
    let limits = Limits { total_timeout: limit, body_bytes_max: ANSWER_BYTES_MAX };
    let status = outgoing::call(&url, call, limits).await.map_err(|error| match error {
        // Not the address: its query may hold a key.
        FetchError::Timeout { timeout_ms, .. } => format!("no answer within {timeout_ms} ms"),
        FetchError::TooLarge { bytes_max, .. } => format!("the answer has more than {bytes_max} bytes"),
        FetchError::Unreachable { .. } | FetchError::Broken { .. } => error.to_string(),
        _ => "the request cannot be made".to_owned(),
    })?;
    match status.as_u16() {
        200..=299 => Ok(Told::Done),
        // What caches say that have no such thing.
        404 | 410 | 412 => Ok(Told::Absent),
        _ => Err(format!("the answer is {status}")),
    }
}

/// A command with all that it started, in a process group of its own, which is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // An error says that nobody is left.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        drop(self.0.wait());
    }
}

async fn run(command: &[String], addresses: &[String], limit: Duration) -> Result<Told, String> {
    let [program, arguments @ ..] = command else { return Err("there is no command".to_owned()) };
    let started = start(program, arguments, addresses).map_err(|error| format!("`{program}` cannot be run: {error}"));
    let mut running = Running(started?);
    let ended = async {
        loop {
            match running.0.try_wait() {
                Ok(None) => sleep(LOOK_EVERY).await,
                ended => return ended,
            }
        }
    };
    match timeout(limit, ended).await {
        Ok(Ok(Some(status))) if status.success() => Ok(Told::Done),
        Ok(Ok(status)) => Err(format!("`{program}` ended with {}", status.unwrap_or_default())),
        Ok(Err(error)) => Err(format!("`{program}` cannot be waited for: {error}")),
        Err(_) => Err(format!("`{program}` did not end within {} ms and was killed", limit.as_millis())),
    }
}

/// What it reads is a file, so that it may read as slowly as it likes, or not at all.
fn start(program: &str, arguments: &[String], addresses: &[String]) -> std::io::Result<Child> {
    let mut input = tempfile::tempfile()?;
    for address in addresses {
        writeln!(input, "{address}")?;
    }
    input.rewind()?;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    async fn told(script: &str, limit: Duration) -> Result<Told, String> {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let addresses = ["https://tin.example/feeds/all.rss", "https://tin.example/"].map(str::to_owned);
        Hook::Command(command).tell(&addresses, limit).await
    }

    #[test]
    fn pages_and_lists_are_no_documents() {
        let check = |path: &str, expect: bool| assert_eq!(is_document(path), expect, "{path}");
        for path in ["/feeds/all.rss", "/feeds/tag/2.9.atom", "/feeds/locality/phu-tho/phuong-van-phu.json"] {
            check(path, true);
        }
        for path in ["/", "/feeds/all/", "/feeds/tag/a.rss/", "/feeds/category/", "/opml.xml", "/sitemap-news.xml"] {
            check(path, false);
        }
    }

    #[tokio::test]
    async fn a_command_reads_addresses_and_nothing_of_ours() {
        let directory = tempfile::tempdir().unwrap();
        let seen = directory.path().join("seen");
        assert_eq!(told(&format!("cat >{0}; env >>{0}; pwd >&2", seen.display()), LIMIT).await, Ok(Told::Done));
        let seen = std::fs::read_to_string(seen).unwrap();
        let (addresses, environment) = seen.split_at(seen.find("tin.example/\n").unwrap() + "tin.example/\n".len());
        assert_eq!(addresses, "https://tin.example/feeds/all.rss\nhttps://tin.example/\n");
        let names: Vec<_> = environment.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.iter().all(|name| ["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)), "{names:?}");
    }

    #[tokio::test]
    async fn a_command_that_fails_or_stays_is_told_of() {
        assert_eq!(told("exit 3", LIMIT).await, Err("`sh` ended with exit status: 3".to_owned()));
        let error = Hook::Command(vec!["/nowhere/at/all".to_owned()]).tell(&[], LIMIT).await.unwrap_err();
        assert!(error.starts_with("`/nowhere/at/all` cannot be run: "), "{error}");
        assert_eq!(Hook::Command(Vec::new()).tell(&[], LIMIT).await, Err("there is no command".to_owned()));
    }

    /// Also what it started itself.
    #[tokio::test]
    async fn what_takes_too_long_is_killed_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; wait", file.display());
        let error = told(&script, Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(error, "`sh` did not end within 500 ms and was killed");
        let stat = format!("/proc/{}/stat", std::fs::read_to_string(file).unwrap().trim());
        // Whoever takes over the orphan may not have looked after it yet: then it is a zombie.
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        let gone = async {
            while lives() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, gone).await.expect("its child is killed, too");
    }
}
