//! The lines of a source, one at a time, with bounded memory.

use std::io::{self, BufRead};

/// What a source says next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line of text, without its end.
    Text(String),
    /// A line that is no UTF-8.
    NoUtf8,
    /// A line over the limit, which was skipped.
    TooLong,
}

/// Reads the next line, and whether an end of line closed it; `None` at the end of the source.
pub(super) fn next_line(source: &mut dyn BufRead, bytes_max: usize) -> io::Result<Option<(Line, bool)>> {
    let (mut bytes, mut is_too_long) = (Vec::new(), false);
    loop {
        let chunk = source.fill_buf()?;
        if chunk.is_empty() {
            let nothing = bytes.is_empty() && !is_too_long;
            return Ok((!nothing).then(|| (finish(bytes, is_too_long), false)));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        is_too_long |= bytes.len() + text.len() > bytes_max;
        if is_too_long {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(text);
        }
        let used = text.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            return Ok(Some((finish(bytes, is_too_long), true)));
        }
    }
}

fn finish(bytes: Vec<u8>, is_too_long: bool) -> Line {
    if is_too_long {
        return Line::TooLong;
    }
    String::from_utf8(bytes).map_or(Line::NoUtf8, |text| Line::Text(text.trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_judged_singly() {
        let mut source = io::BufReader::with_capacity(3, &b"mot\r\n\xff\nxxxxxxxxxx\n\nhai"[..]);
        let text = |text: &str, closed| Some((Line::Text(text.to_owned()), closed));
        let expect = [
            text("mot", true),
            Some((Line::NoUtf8, true)),
            Some((Line::TooLong, true)),
            text("", true),
            text("hai", false),
        ];
        for line in expect.into_iter().chain([None]) {
            assert_eq!(next_line(&mut source, 9).unwrap(), line);
        }
    }
}
