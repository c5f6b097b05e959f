//! Defaults, file, environment and flags as layers of one table: each key has the value of the last layer that sets it,
//! and remembers where that was, so that every fault can name the place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::ConfigFault;

/// The built-in defaults: the documented file itself, so that the two cannot differ.
const DEFAULTS: &str = include_str!("../../config/default.toml");
/// What every environment variable of ours begins with.
const ENVIRONMENT_PREFIX: &str = "LOA_";
/// Keys of one feed stand below this, by the feed's path.
pub(super) const SCOPE: &str = "feeds.scope.";
/// Custom feeds stand below this, by their names.
pub(super) const CUSTOM: &str = "feeds.custom.";
/// Tables that a newspaper names itself: what comes before the name, the keys that are texts, and those that are lists.
const NAMED: [(&str, &[&str], &[&str]); 2] = [
    (SCOPE, &["content"], &[]),
    (
        CUSTOM,
        &["title", "description", "language", "content"],
        &[
            "categories",
            "localities",
            "authors",
            "tags",
            "languages",
            "except_categories",
            "except_localities",
            "except_authors",
            "except_tags",
            "except_languages",
        ],
    ),
];
/// Below this every key is an address.
const REDIRECTS: &str = "redirects.";
/// A mistyped key is at most this many edits away from the one that was meant.
const TYPO_EDITS_MAX: usize = 3;

/// Where a value was set, the later ones winning over the earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Default,
    File { name: String, line: usize },
    Environment(String),
    Flag(String),
}

impl Origin {
    /// Which layer it is.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { name, line } => write!(f, "{name}, line {line}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// What a key can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<String>),
    Numbers(Vec<i64>),
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text in quotes",
            Self::Integer(_) => "a whole number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list of texts",
            Self::Numbers(_) => "a list of whole numbers",
        }
    }

    /// An empty list is one of anything.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Numbers(_), Self::List(items)) if items.is_empty() => true,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A value and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All keys with their values.
#[derive(Debug)]
pub(super) struct Layers {
    settings: BTreeMap<String, Setting>,
    defaults: BTreeMap<String, Value>,
}

impl Layers {
    /// The built-in defaults alone.
    pub(super) fn defaults(faults: &mut Vec<ConfigFault>) -> Self {
        let mut layers = Self { settings: BTreeMap::new(), defaults: BTreeMap::new() };
        for (key, value, _) in read_toml("default.toml", DEFAULTS, faults) {
            layers.settings.insert(key.clone(), Setting { value: value.clone(), origin: Origin::Default });
            layers.defaults.insert(key, value);
        }
        layers
    }

    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, path: &Path, faults: &mut Vec<ConfigFault>) {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_toml(&name, &text, faults),
            Err(error) => faults.push(ConfigFault::new("", name, format!("cannot be read: {error}"))),
        }
    }

    /// Lays the text of a file over what is there.
    pub(super) fn add_toml(&mut self, name: &str, text: &str, faults: &mut Vec<ConfigFault>) {
        for (key, value, line) in read_toml(name, text, faults) {
            self.add(key, value, Origin::File { name: name.to_owned(), line }, faults);
        }
    }

    /// Lays the environment over what is there. A variable is ours if it names one of our sections; others that begin
    /// alike (an orchestrator sets `LOA_SERVICE_HOST` for a service named so) are left alone.
    pub(super) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
        faults: &mut Vec<ConfigFault>,
    ) {
        let keys: BTreeMap<String, String> =
            self.defaults.keys().map(|key| (environment_name(key), key.clone())).collect();
        let sections: BTreeSet<String> = self
            .defaults
            .keys()
            .filter_map(|key| key.split_once('.'))
            .map(|(s, _)| environment_name(s) + "_")
            .collect();
        let ours = |name: &String| sections.iter().any(|section| name.starts_with(section.as_str()));
        for (name, text) in variables.into_iter().filter(|(name, _)| ours(name)) {
            let origin = Origin::Environment(name.clone());
            let Some(key) = keys.get(&name) else {
                let meant = meant(&name, keys.keys());
                faults.push(ConfigFault::new("", origin, format!("is no setting{meant}; unset it or correct it")));
                continue;
            };
            match self.defaults.get(key).map(|default| parse_as(default, &text)) {
                Some(Some(value)) => self.add(key.clone(), value, origin, faults),
                Some(None) => {
                    let kind = self.defaults.get(key).map_or("", Value::kind);
                    faults.push(ConfigFault::new(key, origin, format!("`{text}` is not {kind}")));
                }
                None => {}
            }
        }
    }

    /// Lays flags (key, value, name of the flag) over what is there.
    pub(super) fn add_flags(
        &mut self,
        flags: impl IntoIterator<Item = (&'static str, String, &'static str)>,
        faults: &mut Vec<ConfigFault>,
    ) {
        for (key, text, flag) in flags {
            let value = self.defaults.get(key).and_then(|default| parse_as(default, &text));
            self.add(key.to_owned(), value.unwrap_or(Value::Text(text)), Origin::Flag(flag.to_owned()), faults);
        }
    }

    /// The value of a key and where it was set.
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// What stands in the tables of one kind: the table's name, key, setting.
    pub(super) fn named(&self, kind: &'static str) -> impl Iterator<Item = (&str, &str, &Setting)> {
        self.settings.iter().filter_map(move |(key, setting)| {
            let (name, key) = key.strip_prefix(kind)?.rsplit_once('.')?;
            Some((name, key, setting))
        })
    }

    /// Redirects: key, address, setting.
    pub(super) fn redirects(&self) -> impl Iterator<Item = (&str, &str, &Setting)> {
        self.settings.iter().filter_map(|(key, setting)| Some((key.as_str(), key.strip_prefix(REDIRECTS)?, setting)))
    }

    /// Every key that can be set, but for those in tables that a newspaper names itself.
    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.defaults.keys().map(String::as_str)
    }

    fn add(&mut self, key: String, value: Value, origin: Origin, faults: &mut Vec<ConfigFault>) {
        match kind_in_named(&key).as_ref().or_else(|| self.defaults.get(&key)) {
            None => {
                let meant = meant(&key, self.defaults.keys());
                faults.push(ConfigFault::new(&key, origin, format!("is no known key{meant}")));
            }
            Some(expected) if !expected.is_like(&value) => {
                let problem = format!("is {}, expected {}", value.kind(), expected.kind());
                faults.push(ConfigFault::new(&key, origin, problem));
            }
            Some(_) => drop(self.settings.insert(key, Setting { value, origin })),
        }
    }
}

/// What a key in a table that a newspaper names itself has to be like; `None` if it is no such key.
fn kind_in_named(key: &str) -> Option<Value> {
    if key.starts_with(REDIRECTS) {
        return Some(Value::Text(String::new()));
    }
    let (name, texts, lists) = NAMED.iter().find_map(|(kind, texts, lists)| {
        let (_, name) = key.strip_prefix(kind)?.rsplit_once('.')?;
        Some((name, texts, lists))
    })?;
    let text = texts.contains(&name).then(|| Value::Text(String::new()));
    text.or_else(|| lists.contains(&name).then(|| Value::List(Vec::new())))
}

fn environment_name(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn parse_as(kind: &Value, text: &str) -> Option<Value> {
    match kind {
        Value::Text(_) => Some(Value::Text(text.to_owned())),
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Flag(_) => text.trim().parse().ok().map(Value::Flag),
        Value::List(_) => Some(Value::List(items(text).map(str::to_owned).collect())),
        Value::Numbers(_) => items(text).map(|item| item.parse().ok()).collect::<Option<_>>().map(Value::Numbers),
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Reads a TOML text into dotted keys with their lines.
fn read_toml(name: &str, text: &str, faults: &mut Vec<ConfigFault>) -> Vec<(String, Value, usize)> {
    let mut found = Vec::new();
    match DeTable::parse(text) {
        Ok(table) => flatten(&Place { name, text }, "", table.get_ref(), &mut found, faults),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let origin = Origin::File { name: name.to_owned(), line };
            faults.push(ConfigFault::new("", origin, format!("is not TOML: {}", error.message())));
        }
    }
    found
}

struct Place<'a> {
    name: &'a str,
    text: &'a str,
}

fn flatten(
    place: &Place<'_>,
    prefix: &str,
    table: &DeTable<'_>,
    found: &mut Vec<(String, Value, usize)>,
    faults: &mut Vec<ConfigFault>,
) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
        let line = line_of(place.text, name.span().start);
        match (value.get_ref(), plain(value.get_ref())) {
            (DeValue::Table(table), _) => flatten(place, &key, table, found, faults),
            (_, Some(value)) => found.push((key, value, line)),
            (other, None) => {
                let origin = Origin::File { name: place.name.to_owned(), line };
                let problem = format!("is of a type that no key has ({})", other.type_str());
                faults.push(ConfigFault::new(&key, origin, problem));
            }
        }
    }
}

fn plain(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Integer(_) => whole_number(value).map(Value::Integer),
        DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            let numbers = items.iter().map(|item| whole_number(item.get_ref()));
            let list = texts.collect::<Option<_>>().map(Value::List);
            list.or_else(|| numbers.collect::<Option<_>>().map(Value::Numbers))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn whole_number(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(number) = value else { return None };
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// `, did you mean ...?` if a known name is near; else nothing.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let near = known.map(|known| (edits(name, known), known)).min();
    match near {
        Some((distance, known)) if distance <= TYPO_EDITS_MAX => format!(", did you mean `{known}`?"),
        _ => String::new(),
    }
}

/// Levenshtein's distance, in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (diagonal + usize::from(from != *to)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
