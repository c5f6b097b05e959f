//! Restarts without a refused connection: the socket is held by somebody else, as systemd does.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::http::{Client, patiently, request};
use crate::support::newsroom::small;
use crate::support::process::Served;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

const HOST: &[&str] = &["Host: localhost"];

/// As systemd starts it: the socket is file 3, and `LISTEN_PID` names the process.
fn activated(directory: &Path, listener: &TcpListener, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" serve --config loa.toml";
    command.args(["-c", script, env!("CARGO_BIN_EXE_loa")]).env_clear().env("LISTEN_FDS", "1");
    command.envs(env.iter().copied()).current_dir(directory);
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    command
}

#[tokio::test]
async fn a_restart_refuses_nobody_and_systemd_is_told_when_it_serves() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let directory = tempfile::tempdir().unwrap();
        // An address that nobody could listen on is not looked at.
        let text = format!("store.url = \"{}\"\nhttp.listen = \"192.0.2.1:1\"\nhttp.metrics_listen = \"\"\n", db.url());
        std::fs::write(directory.path().join("loa.toml"), text).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let notify = directory.path().join("notify");
        let systemd = UnixDatagram::bind(&notify).unwrap();
        systemd.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let start =
            || Served::by(activated(directory.path(), &listener, &[("NOTIFY_SOCKET", notify.to_str().unwrap())]));
        let told = || {
            let mut bytes = [0; 100];
            let length = systemd.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };

        let first = start();
        assert_eq!((first.address, told().as_str()), (address, "READY=1\n"));
        assert_eq!(Client::connect(address).await.ask("GET /healthz", HOST).await.status, 200);
        first.terminate();
        assert_eq!(first.ended(), Some(0));
        // Nobody is there, and yet nobody is refused: who comes now is answered by the next process.
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let mut client = Client::connect(address).await;
            client.send(request("GET /healthz", HOST)).await;
            waiting.push(client);
        }
        let second = start();
        assert_eq!((second.address, told().as_str()), (address, "READY=1\n"));
        for mut client in waiting {
            let answer = patiently("an answer of the next process", client.answer(false)).await.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
        }
    })
    .await;
}

/// What cannot be taken over is said, and nothing else is listened on instead.
#[tokio::test]
async fn a_socket_of_another_kind_is_refused() {
    on::<Sqlite>(async |db| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("loa.toml"), format!("store.url = \"{}\"\n", db.url())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let said = |count: &str, stdin: OwnedFd| {
            let mut command = activated(directory.path(), &listener, &[("LISTEN_FDS", count)]);
            let output = command.stdin(Stdio::from(stdin)).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (status, error) = said("2", listener.try_clone().unwrap().into());
        assert!(status == Some(2) && error.contains("LISTEN_FDS passes 2 sockets"), "{error}");
        let (status, error) = said("1", UnixDatagram::unbound().unwrap().into());
        assert!(status == Some(2) && error.contains("something else than a TCP socket"), "{error}");
    })
    .await;
}
