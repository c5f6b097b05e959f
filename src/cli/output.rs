//! What commands write: results to standard output, errors to standard error, once.

use std::io::{ErrorKind, Write as _};

/// Writes a result. A reader that went away (`loa categories | head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes what a person should know beside the result.
pub(crate) fn note(text: &str) {
    eprintln!("loa: {text}");
}

/// Writes why the command could not run, with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("loa: {}", with_causes(error));
}

/// The error and its causes in one line. A cause that the text before it already quotes is not repeated.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        known if known.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("disk full");
        let error = anyhow::Error::from(inner).context("state: disk full").context("the article cannot be withdrawn");
        assert_eq!(with_causes(&error), "the article cannot be withdrawn: state: disk full");
    }
}
