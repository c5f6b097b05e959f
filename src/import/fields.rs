//! The fields of a JSON object, each taken once and judged singly.

use serde_json::{Map, Value};

use crate::domain::clock::Timestamp;
use crate::domain::point::Point;
use crate::text::normalize::nfc;
use crate::text::stamp::{self, StampError, Zones};

/// Why a record cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// No JSON.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A list, a text ...
    #[error("expected an object, found {found}")]
    NoObject {
        /// What it is.
        found: &'static str,
    },
    /// A field that must be there.
    #[error("`{name}` is missing or empty")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// A field of a wrong type.
    #[error("`{name}`: expected {expected}, found {found}")]
    Type {
        /// Which.
        name: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A stamp that cannot be read.
    #[error("`{name}`: {source}")]
    Stamp {
        /// Which.
        name: &'static str,
        /// Why.
        source: StampError,
    },
    /// A word that is not one of those known.
    #[error("`{name}`: `{word}` is none of {expected}")]
    Word {
        /// Which.
        name: &'static str,
        /// What stands there.
        word: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Nothing to make an address of.
    #[error("there is neither `url` nor `slug`, and no slug can be made of the title")]
    NoAddress,
}

/// An object whose fields are taken out one by one.
pub(super) struct Fields {
    map: Map<String, Value>,
    /// What an editor should know of a stamp, or of coordinates.
    pub(super) notes: Vec<String>,
}

impl Fields {
    pub(super) fn new(value: Value) -> Result<Self, BadRecord> {
        match value {
            Value::Object(map) => Ok(Self { map, notes: Vec::new() }),
            other => Err(BadRecord::NoObject { found: kind(&other) }),
        }
    }

    /// A text in NFC; `None` for null and for an empty one. NUL, which ends a text for half of all programs, is left
    /// out.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, BadRecord> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(tidy(&text)),
            Some(other) => Err(wrong(name, "a text", &other)),
        }
    }

    /// A text or an integer, as text.
    pub(super) fn id(&mut self, name: &'static str) -> Result<Option<String>, BadRecord> {
        match self.map.get(name) {
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
                let text = number.to_string();
                self.map.remove(name);
                Ok(Some(text))
            }
            _ => self.text(name).map(|text| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())),
        }
    }

    pub(super) fn stamp(&mut self, name: &'static str, zones: Zones) -> Result<Option<Timestamp>, BadRecord> {
        let text = match self.map.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(other) => return Err(wrong(name, "a time stamp", &other)),
        };
        let stamp = stamp::read(&text, &zones).map_err(|source| BadRecord::Stamp { name, source })?;
        self.notes.extend(stamp.notes.iter().map(|note| format!("`{name}` `{}`: {note}", text.trim())));
        Ok(Some(stamp.instant))
    }

    /// A point of `latitude` and `longitude`, numbers or texts. What is none costs the article nothing but a note.
    pub(super) fn point(&mut self) -> Option<Point> {
        let [latitude, longitude] = ["latitude", "longitude"].map(|name| match self.map.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text).filter(|text| !text.trim().is_empty()),
            Some(other) => Some(other.to_string()),
        });
        Point::read(latitude.as_deref(), longitude.as_deref()).unwrap_or_else(|error| {
            self.notes.push(format!("no point: {error}"));
            None
        })
    }

    /// A whole number that is not negative.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, name: &'static str) -> Result<Option<T>, BadRecord> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|number| T::try_from(number).ok());
                number.map(Some).ok_or_else(|| wrong(name, "a whole number in range", &value))
            }
        }
    }

    /// A list; empty for null. A single value counts as a list of one.
    pub(super) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        }
    }

    /// A list of texts or integers, each once, without empty ones.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, BadRecord> {
        let mut texts: Vec<String> = Vec::new();
        for value in self.list(name) {
            let text = match &value {
                Value::String(text) => tidy(text.trim()),
                Value::Number(number) => Some(number.to_string()),
                other => return Err(wrong(name, "a list of texts", other)),
            };
            texts.extend(text.filter(|text| !texts.contains(text)));
        }
        Ok(texts)
    }

    /// The names of fields that nobody took.
    pub(super) fn left(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }
}

fn tidy(text: &str) -> Option<String> {
    let text = nfc(text).replace('\0', "");
    (!text.trim().is_empty()).then_some(text)
}

pub(super) fn wrong(name: &'static str, expected: &'static str, value: &Value) -> BadRecord {
    BadRecord::Type { name, expected, found: kind(value) }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
