//! From start to end of the process: every task has an owner here, and ends in two stages. The first signal asks all to
//! stop and waits for what is under way; the second, or the end of the grace, ends the process at once.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every task finished.
    Cleanly,
    /// A task panicked, and the others finished.
    Broken,
    /// Tasks were left behind: a second signal came, or the grace was over.
    Cut,
}

/// The tasks of the process and the word to stop.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Cancelled by a task that panicked.
    broken: CancellationToken,
}

impl Lifecycle {
    /// Nothing runs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when everything should stop; a task may cancel it too, when the process cannot go on.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts a task that the end of the process waits for. It has to watch [`Self::stop`]. A panic in it is logged and
    /// stops the process: a service that lacks a part should be restarted, not limp on.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, broken) = (self.stop.clone(), self.broken.clone());
        self.tasks.spawn(async move {
            let _alarm = Alarm { name, stop, broken };
            task.await;
        });
    }

    /// Waits for a signal, or for [`Self::stop`]; then for the tasks, at most `grace` or until the second signal.
    pub async fn run(self, mut signals: Signals, grace: Duration) -> Ended {
        self.run_until(async || signals.next().await, grace).await
    }

    async fn run_until(self, mut next_signal: impl AsyncFnMut() -> &'static str, grace: Duration) -> Ended {
        tokio::select! {
            name = next_signal() => tracing::info!(signal = name, "stopping, what is under way is finished"),
            () = self.stop.cancelled() => tracing::info!("stopping"),
        }
        self.stop.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => if self.broken.is_cancelled() { Ended::Broken } else { Ended::Cleanly },
            name = next_signal() => {
                tracing::warn!(signal = name, tasks = self.tasks.len(), "second signal, stopping at once");
                Ended::Cut
            }
            () = tokio::time::sleep(grace) => {
                tracing::warn!(tasks = self.tasks.len(), "the grace is over, stopping at once");
                Ended::Cut
            }
        }
    }
}

/// SIGTERM and SIGINT. From the moment they are watched they no longer end the process by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to watch: before the process says that it serves, for whoever reads that may stop it at once.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn watch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Stops the process if it is dropped while a task unwinds.
struct Alarm {
    name: &'static str,
    stop: CancellationToken,
    broken: CancellationToken,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task ended by a panic, the process stops");
            self.broken.cancel();
            self.stop.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_mins(1);

    /// A lifecycle that was sent `count` signals.
    async fn run(lifecycle: Lifecycle, count: usize, grace: Duration) -> Ended {
        let (send, mut signals) = tokio::sync::mpsc::unbounded_channel();
        (0..count).for_each(|_| send.send("SIGTERM").unwrap());
        let ended = lifecycle.run_until(async || signals.recv().await.unwrap(), grace).await;
        drop(send);
        ended
    }

    #[tokio::test]
    async fn the_first_signal_stops_and_waits() {
        let lifecycle = Lifecycle::new();
        let stop = lifecycle.stop().clone();
        lifecycle.spawn("polite", async move { stop.cancelled().await });
        assert_eq!(run(lifecycle, 1, GRACE).await, Ended::Cleanly);
    }

    #[tokio::test]
    async fn the_second_signal_or_the_grace_ends_at_once() {
        for (signals, grace) in [(2, GRACE), (1, Duration::from_millis(1))] {
            let lifecycle = Lifecycle::new();
            lifecycle.spawn("stubborn", std::future::pending());
            assert_eq!(run(lifecycle, signals, grace).await, Ended::Cut);
        }
    }

    #[tokio::test]
    async fn a_panic_stops_the_process() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("broken", async { panic!("for the test") });
        assert_eq!(run(lifecycle, 0, GRACE).await, Ended::Broken);
    }
}
