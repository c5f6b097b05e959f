//! What the program warns of on the thread of a test. All of an app is there: the runtime of a test has one thread.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use tracing::Level;

thread_local! {
    /// What was logged on this thread since it was asked for last.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One for the whole process: what a thread without one logs first, tracing would take for something that nobody hears.
static LISTENS: LazyLock<()> = LazyLock::new(|| {
    let log = tracing_subscriber::fmt().without_time().with_ansi(false).with_max_level(Level::WARN);
    tracing::subscriber::set_global_default(log.with_writer(|| ThisThread).finish()).unwrap();
});

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many warnings and errors with these words were logged since the last call; the first one begins to listen.
pub(crate) fn warned(words: &str) -> usize {
    LazyLock::force(&LISTENS);
    let logged = String::from_utf8(LOGGED.take()).unwrap();
    logged.lines().filter(|line| line.contains(words)).count()
}
