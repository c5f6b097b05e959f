//! Reads typed values out of the layers and collects every fault. What it returns for a faulty value is only a filler:
//! a configuration with faults is refused as a whole.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use url::Url;

use super::ConfigFault;
use super::layers::{Layers, Setting, Value};
use crate::domain::secret::Secret;

/// What an address of the web has to be like.
const HTTP_URL: &str = "an absolute address such as `https://baovidu.example/`, without user and fragment";

pub(super) struct Reader<'a> {
    layers: &'a Layers,
    faults: RefCell<Vec<ConfigFault>>,
    /// Keys that were asked for: a test compares them with those that are documented.
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers, faults: Vec<ConfigFault>) -> Self {
        Self { layers, faults: RefCell::new(faults), asked: RefCell::default() }
    }

    pub(super) fn finish(self) -> (Vec<ConfigFault>, BTreeSet<String>) {
        (self.faults.into_inner(), self.asked.into_inner())
    }

    /// Any text; empty if not set.
    pub(super) fn text(&self, key: &str) -> String {
        match self.value(key) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// Any text, or `None` if not set.
    pub(super) fn optional_text(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Flag(true)))
    }

    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// A number within a range.
    pub(super) fn number<T: TryFrom<i64> + Default>(&self, key: &str, range: RangeInclusive<i64>) -> T {
        let Some(Value::Integer(number)) = self.value(key) else { return T::default() };
        self.within(key, *number, &range).unwrap_or_default()
    }

    /// Numbers, each within a range; at least one.
    pub(super) fn numbers<T: TryFrom<i64>>(&self, key: &str, range: RangeInclusive<i64>) -> Vec<T> {
        let numbers = if let Some(Value::Numbers(numbers)) = self.value(key) { numbers.as_slice() } else { &[] };
        if numbers.is_empty() {
            self.fault(key, "is empty, expected at least one number; leave the key out to get the default");
        }
        numbers.iter().filter_map(|number| self.within(key, *number, &range)).collect()
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], filler: T) -> T {
        let text = self.text(key);
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.fault(key, format!("`{text}` is unknown, expected {}", known.join(" or ")));
        filler
    }

    /// A text that a parser understands, or `None` if not set.
    pub(super) fn parsed<T>(&self, key: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.understood(key, &self.optional_text(key)?, expected, parse)
    }

    /// An absolute http(s) address, or `None` if not set.
    pub(super) fn http_url(&self, key: &str) -> Option<Url> {
        self.parsed(key, HTTP_URL, http_url)
    }

    /// Absolute http(s) addresses.
    pub(super) fn http_urls(&self, key: &str) -> Vec<Url> {
        self.list(key).iter().filter_map(|text| self.understood(key, text, HTTP_URL, http_url)).collect()
    }

    /// A secret that stands in the key itself or in a file named by `{key}_file`; the later layer wins.
    pub(super) fn secret(&self, key: &str) -> Secret {
        let file_key = format!("{key}_file");
        let (direct, file) = (self.setting(key), self.setting(&file_key));
        let path = self.text(&file_key);
        let rank = |setting: Option<&Setting>| setting.map_or(0, |setting| setting.origin.rank());
        if path.is_empty() || rank(direct) > rank(file) {
            return Secret::new(self.text(key));
        }
        if rank(direct) == rank(file) {
            self.fault(&file_key, format!("contradicts `{key}`, which is set in the same place; keep one of the two"));
        }
        match std::fs::read_to_string(Path::new(&path)) {
            Ok(text) => Secret::new(text.trim().to_owned()),
            Err(error) => {
                self.fault(&file_key, format!("`{path}` cannot be read: {error}"));
                Secret::new(self.text(key))
            }
        }
    }

    pub(super) fn fault(&self, key: &str, problem: impl Display) {
        let origin = self.layers.get(key).map(|setting| setting.origin.to_string()).unwrap_or_default();
        self.faults.borrow_mut().push(ConfigFault::new(key, origin, problem));
    }

    fn within<T: TryFrom<i64>>(&self, key: &str, number: i64, range: &RangeInclusive<i64>) -> Option<T> {
        let value = T::try_from(number).ok().filter(|_| range.contains(&number));
        if value.is_none() {
            self.fault(key, format!("{number} is out of range, expected {} to {}", range.start(), range.end()));
        }
        value
    }

    fn understood<T>(&self, key: &str, text: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            self.fault(key, format!("`{text}` cannot be used, expected {expected}"));
        }
        value
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.setting(key).map(|setting| &setting.value)
    }

    fn setting(&self, key: &str) -> Option<&Setting> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.layers.get(key)
    }
}

fn http_url(text: &str) -> Option<Url> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    };
    Url::parse(text).ok().filter(is_plain)
}
