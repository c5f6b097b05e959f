//! What a feed is about: the key of the catalog and of the ledger. A scope is named by stable ids, never by slugs.

use std::fmt;
use std::str::FromStr;

use super::category::CategoryId;

/// What a feed is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Every published article: the front page feed.
    All,
    /// A category with everything below it in the tree.
    Category(CategoryId),
}

/// The written form of a scope in state: `all`, `category:{id}`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Category(id) => write!(f, "category:{id}"),
        }
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope, expected `all` or `category:{{id}}`")]
pub struct NotAScope(pub String);

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("category", id)) if !id.is_empty() => Ok(Self::Category(CategoryId::new(id))),
            _ => Err(NotAScope(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_survives_being_written_down() {
        for scope in [Scope::All, Scope::Category(CategoryId::new("7")), Scope::Category(CategoryId::new("a:b c"))] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("category:".parse::<Scope>().is_err());
        assert!("everything".parse::<Scope>().is_err());
    }
}
