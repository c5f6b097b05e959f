//! What a feed is called, wherever it is named: in its documents, in lists, in commands.

use super::Options;
use super::coverage::day_text;
use crate::domain::category::{CategoryId, CategoryTree};
use crate::domain::place::{Level, Place};
use crate::domain::scope::Scope;
use crate::gazetteer::{FeedAddresses, Gazetteer};
use crate::text::plain::plain;
use crate::text::xml_chars::XmlText;

/// The title of a scope without the newspaper's name, not empty; `None` for the front page, which is the newspaper.
#[must_use]
pub fn title(
    scope: &Scope,
    options: &Options,
    categories: &CategoryTree,
    addresses: &FeedAddresses,
) -> Option<XmlText> {
    let name = match scope {
        Scope::All => return None,
        Scope::Category(id) => category(categories, id),
        Scope::Locality(place) => locality(addresses.gazetteer(), *place),
        Scope::Combination(id, place) => {
            format!("{} – {}", category(categories, id), locality(addresses.gazetteer(), *place))
        }
        Scope::Author(name) | Scope::Tag(name) => addresses.book().label(scope).unwrap_or(name.as_str()).to_owned(),
        Scope::Custom(name) => options.custom.get(name).map_or_else(|| name.to_string(), |custom| custom.title.clone()),
        Scope::Language(tag) => tag.to_string(),
    };
    let name = plain(&name);
    if name.is_empty() { addresses.current(scope).map(|path| last_segment(&path)) } else { Some(name) }
}

fn category(categories: &CategoryTree, id: &CategoryId) -> String {
    let Some(category) = categories.get(id) else { return String::new() };
    let name = plain(&category.name);
    if name.is_empty() { category.slug.clone() } else { name.into_string() }
}

/// `Tỉnh Phú Thọ`; `Xã Hy Cương, Phú Thọ`, because names repeat from province to province; of a unit that is no more with its
/// last day: `Thành phố Việt Trì (đến 30/6/2025), Phú Thọ`.
fn locality(gazetteer: &Gazetteer, place: Place) -> String {
    let Some(unit) = gazetteer.units_of(place).last().copied() else { return String::new() };
    let day = unit.last_day();
    let until = if gazetteer.has_ended(place) { format!(" (đến {})", day_text(day)) } else { String::new() };
    let above = gazetteer.self_and_ancestors(unit, day);
    match above.last().filter(|_| place.code.level() != Level::Province) {
        Some(province) => format!("{}{until}, {}", unit.full_name(), province.name),
        None => format!("{}{until}", unit.full_name()),
    }
}

fn last_segment(path: &str) -> XmlText {
    XmlText::new(path.rsplit('/').next().unwrap_or(path))
}
