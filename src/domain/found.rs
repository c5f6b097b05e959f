//! Places that the text of an article names and its row does not.

use std::fmt;
use std::str::FromStr;

use super::place::{NotAPlace, Place};

/// What is done about the places that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum FindPolicy {
    /// Nothing is looked for.
    #[default]
    Off,
    /// They are kept for editors to look at, and put nothing into any feed.
    Suggest,
    /// A story that carries no locality gets them; for one that does they are suggestions.
    Assign,
}

impl FindPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Off, Self::Suggest, Self::Assign];

    /// The word in configuration, commands and state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Suggest => "suggest",
            Self::Assign => "assign",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

impl fmt::Display for FindPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place found in a text, and not given by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FoundPlace {
    /// Which. The unit is the period of it that is nearest to the article's day.
    pub place: Place,
    /// Is the article in its feeds? Else it is only a suggestion.
    pub is_assigned: bool,
}

const ASSIGNED: &str = "assigned";
const SUGGESTED: &str = "suggested";

/// The written form in state: `assigned:08287`, `suggested:227`.
impl fmt::Display for FoundPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.is_assigned { ASSIGNED } else { SUGGESTED }, self.place)
    }
}

impl FromStr for FoundPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let not = || NotAPlace(text.to_owned());
        let (standing, place) = text.split_once(':').ok_or_else(not)?;
        let is_assigned = match standing {
            ASSIGNED => true,
            SUGGESTED => false,
            _ => return Err(not()),
        };
        Ok(Self { place: place.parse()?, is_assigned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_place_survives_being_written_down() {
        for text in ["assigned:08287@2006-11-25", "suggested:227"] {
            assert_eq!(text.parse::<FoundPlace>().unwrap().to_string(), text);
        }
        for text in ["", "227", "assigned:", "given:227", "suggested:x"] {
            assert!(text.parse::<FoundPlace>().is_err(), "{text}");
        }
        for policy in FindPolicy::ALL {
            assert_eq!(FindPolicy::from_word(policy.as_str()), Some(policy));
        }
        assert_eq!(FindPolicy::from_word("Assign"), None);
    }
}
