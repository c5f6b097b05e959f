//! The feeds that hold articles, in groups and in order: what the index page and OPML show. Combinations are in no list.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::view::Names;
use crate::domain::category::Category;
use crate::domain::place::Place;
use crate::domain::scope::Scope;
use crate::feed;
use crate::gazetteer::FeedAddresses;
use crate::text::collate;
use crate::text::xml_chars::XmlText;

/// A kind of feeds that are listed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// The feed of everything.
    Front,
    /// The newsroom's sections.
    Category,
    /// Provinces and what is below them.
    Locality,
    /// Bylines.
    Author,
    /// Tags.
    Tag,
    /// What the configuration puts together.
    Custom,
}

impl GroupKind {
    /// Every kind, in the order of lists.
    pub const ALL: [Self; 6] = [Self::Front, Self::Category, Self::Locality, Self::Author, Self::Tag, Self::Custom];

    /// What the paths of its feeds begin with, below `/feeds/`; also the anchor of its part of the index page.
    #[must_use]
    pub const fn segment(self) -> &'static str {
        match self {
            Self::Front => "all",
            Self::Category => "category",
            Self::Locality => "locality",
            Self::Author => "author",
            Self::Tag => "tag",
            Self::Custom => "custom",
        }
    }

    /// The kind with this segment.
    #[must_use]
    pub fn from_segment(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.segment() == segment)
    }

    /// The heading in Vietnamese.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Front => "Trang nhất",
            Self::Category => "Chuyên mục",
            Self::Locality => "Địa phương",
            Self::Author => "Tác giả",
            Self::Tag => "Từ khóa",
            Self::Custom => "Tuyển chọn",
        }
    }

    /// The heading in English.
    #[must_use]
    pub const fn heading_en(self) -> &'static str {
        match self {
            Self::Front => "Front page",
            Self::Category => "Categories",
            Self::Locality => "Localities",
            Self::Author => "Authors",
            Self::Tag => "Tags",
            Self::Custom => "Selections",
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFeed {
    /// What the feed is about: the name of a section, a unit, a person.
    pub title: String,
    /// Its path below `/feeds/`, without extension. `None`: it holds nothing itself and stands above some that do.
    pub path: Option<String>,
    /// How deep it stands below its group's root, from 0.
    pub depth: usize,
}

/// Feeds of one kind: a tree, each feed before those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// What they have in common.
    pub kind: GroupKind,
    /// The feeds.
    pub feeds: Vec<ListedFeed>,
}

/// Every group that has feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of [`GroupKind::ALL`].
    pub groups: Vec<ListedGroup>,
}

impl Listing {
    /// The feeds of one kind; none if it has none.
    #[must_use]
    pub fn of_kind(&self, kind: GroupKind) -> &[ListedFeed] {
        self.groups.iter().find(|group| group.kind == kind).map_or(&[], |group| &group.feeds)
    }

    /// A feed and everything below it in its group, by its path; empty if it is not listed.
    #[must_use]
    pub fn branch(&self, path: &str) -> &[ListedFeed] {
        let kind = path.split('/').next().and_then(GroupKind::from_segment);
        let feeds = kind.map_or(&[][..], |kind| self.of_kind(kind));
        let Some(start) = feeds.iter().position(|feed| feed.path.as_deref() == Some(path)) else { return &[] };
        let (_, from) = feeds.split_at(start);
        let is_below = |feed: &ListedFeed| from.first().is_some_and(|root| feed.depth > root.depth);
        let below = from.iter().skip(1).take_while(|feed| is_below(feed)).count();
        from.get(..=below).unwrap_or_default()
    }

    /// How many feeds there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.iter().flat_map(|group| &group.feeds).filter(|feed| feed.path.is_some()).count()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// What may be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it is about.
    pub(super) title: String,
    /// Its path, if it holds articles.
    pub(super) path: Option<String>,
    /// The one above it, by its place among the candidates.
    pub(super) parent: Option<usize>,
}

/// How those stand that are below one parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they come.
    Given,
    /// As Vietnamese sorts.
    Dictionary,
}

impl ListedGroup {
    /// Puts candidates in order and leaves out those that hold nothing and have nothing below them. What hangs in a
    /// circle is left out: it has no root.
    pub(super) fn new(kind: GroupKind, order: Order, mut candidates: Vec<Candidate>) -> Self {
        let tree = in_tree_order(&candidates, order);
        let mut kept: Vec<bool> = candidates.iter().map(|candidate| candidate.path.is_some()).collect();
        for (at, _) in tree.iter().rev() {
            let parent = candidates.get(*at).and_then(|candidate| candidate.parent);
            if let (Some(true), Some(parent)) = (kept.get(*at).copied(), parent)
                && let Some(above) = kept.get_mut(parent)
            {
                *above = true;
            }
        }
        let kept = tree.into_iter().filter(|(at, _)| kept.get(*at) == Some(&true));
        let feeds = kept.filter_map(|(at, depth)| {
            let Candidate { title, path, .. } = candidates.get_mut(at)?;
            Some(ListedFeed { title: std::mem::take(title), path: path.take(), depth })
        });
        Self { kind, feeds: feeds.collect() }
    }
}

/// Every candidate that a root leads to, after its parent, with its depth.
fn in_tree_order(candidates: &[Candidate], order: Order) -> Vec<(usize, usize)> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); candidates.len()];
    let mut roots = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        match candidate.parent.and_then(|parent| below.get_mut(parent)) {
            Some(siblings) => siblings.push(at),
            None => roots.push(at),
        }
    }
    let sorted = |mut siblings: Vec<usize>| {
        if order == Order::Dictionary {
            let key = |at: usize| candidates.get(at).map(|c| (c.title.as_str(), c.path.as_deref())).unwrap_or_default();
            siblings.sort_by(|a, b| {
                let ((a, a_path), (b, b_path)) = (key(*a), key(*b));
                collate::vietnamese(a, b).then_with(|| a_path.cmp(&b_path))
            });
        }
        siblings
    };
    let mut ordered = Vec::with_capacity(candidates.len());
    let mut open: Vec<(usize, usize)> = sorted(roots).into_iter().rev().map(|at| (at, 0)).collect();
    while let Some((at, depth)) = open.pop() {
        let children = below.get_mut(at).map(std::mem::take).unwrap_or_default();
        open.extend(sorted(children).into_iter().rev().map(|child| (child, depth + 1)));
        ordered.push((at, depth));
    }
    ordered
}

/// Lists the feeds that hold articles.
pub(super) fn listing(names: &Names, held: &HashSet<Scope>, options: &feed::Options) -> Listing {
    let path_of = |scope: &Scope| names.addresses.current(scope).filter(|_| held.contains(scope));
    let front = Candidate { title: options.title.clone(), path: path_of(&Scope::All), parent: None };
    let is_over =
        |scope: &Scope| if let Scope::Custom(name) = scope { !options.custom.contains_key(name) } else { false };
    let title =
        |scope: &Scope| feed::title(scope, options, &names.categories, &names.addresses).map(XmlText::into_string);
    let titled = |is_kind: fn(&Scope) -> bool| {
        let scopes = held.iter().filter(|scope| is_kind(scope) && !is_over(scope));
        let listed = scopes.filter_map(|scope| Some((title(scope)?, path_of(scope)?)));
        listed.map(|(title, path)| Candidate { title, path: Some(path), parent: None }).collect()
    };
    let groups = vec![
        ListedGroup::new(GroupKind::Front, Order::Given, vec![front]),
        ListedGroup::new(GroupKind::Category, Order::Given, categories(names, path_of)),
        ListedGroup::new(GroupKind::Locality, Order::Given, localities(&names.addresses, held, title)),
        ListedGroup::new(GroupKind::Author, Order::Dictionary, titled(|scope| matches!(scope, Scope::Author(_)))),
        ListedGroup::new(GroupKind::Tag, Order::Dictionary, titled(|scope| matches!(scope, Scope::Tag(_)))),
        ListedGroup::new(GroupKind::Custom, Order::Dictionary, titled(|scope| matches!(scope, Scope::Custom(_)))),
    ];
    Listing { groups: groups.into_iter().filter(|group| !group.feeds.is_empty()).collect() }
}

/// In the newsroom's own order.
fn categories(names: &Names, path_of: impl Fn(&Scope) -> Option<String>) -> Vec<Candidate> {
    let all = names.categories.all();
    let places: HashMap<_, _> = all.iter().enumerate().map(|(at, category)| (&category.id, at)).collect();
    let candidate = |category: &Category| Candidate {
        title: category.name.clone(),
        path: path_of(&Scope::Category(category.id.clone())),
        parent: category.parent_id.as_ref().and_then(|parent| places.get(parent).copied()),
    };
    all.iter().map(candidate).collect()
}

/// Each unit below its province, in the order of their names, those that are no more after the others: what a title says
/// after the name does not count.
fn localities(
    addresses: &FeedAddresses,
    held: &HashSet<Scope>,
    title: impl Fn(&Scope) -> Option<String>,
) -> Vec<Candidate> {
    let gazetteer = addresses.gazetteer();
    let held: BTreeSet<Place> =
        held.iter().filter_map(|scope| if let Scope::Locality(place) = scope { Some(*place) } else { None }).collect();
    let province = |place: &Place| {
        let path = gazetteer.path_of(*place)?;
        gazetteer.by_path(path.split_once('/').map_or(path, |(province, _)| province))
    };
    let name = |place: &Place| gazetteer.units_of(*place).last().map(|unit| unit.full_name()).unwrap_or_default();
    let provinces: BTreeSet<Place> = held.iter().filter_map(province).collect();
    let below = held.difference(&provinces);
    let mut places: Vec<(String, Place)> = provinces.iter().chain(below).map(|place| (name(place), *place)).collect();
    let ended = |place: Place| gazetteer.has_ended(place);
    places.sort_by(|(a, at), (b, other)| {
        ended(*at).cmp(&ended(*other)).then_with(|| collate::vietnamese(a, b)).then_with(|| at.cmp(other))
    });
    let numbers: HashMap<Place, usize> = places.iter().map(|(_, place)| *place).zip(0..).collect();
    let candidate = |(name, place): (String, Place)| {
        let scope = Scope::Locality(place);
        Candidate {
            title: title(&scope).unwrap_or(name),
            path: addresses.current(&scope).filter(|_| held.contains(&place)),
            parent: province(&place).filter(|above| *above != place).and_then(|above| numbers.get(&above).copied()),
        }
    };
    places.into_iter().map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(title: &str, holds: bool, parent: Option<usize>) -> Candidate {
        Candidate { title: title.to_owned(), path: holds.then(|| format!("locality/{title}")), parent }
    }

    /// Two spaces for each level; what holds nothing itself is in brackets.
    fn shown(feeds: &[ListedFeed]) -> String {
        let line = |feed: &ListedFeed| {
            let title = if feed.path.is_some() { feed.title.clone() } else { format!("[{}]", feed.title) };
            format!("{}{title}", "  ".repeat(feed.depth))
        };
        feeds.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn places() -> Vec<Candidate> {
        vec![
            candidate("Phú Thọ", true, None),
            candidate("Phường 10", true, Some(0)),
            candidate("Đồng Tháp", false, None),
            candidate("Phường 2", true, Some(0)),
            candidate("Xã Ấm Hạ", true, Some(2)),
            candidate("An Giang", false, None),
            candidate("Vòng", true, Some(7)),
            candidate("Tròn", true, Some(6)),
        ]
    }

    #[test]
    fn a_group_is_a_tree_in_order_without_what_is_empty() {
        let sorted = ListedGroup::new(GroupKind::Locality, Order::Dictionary, places());
        assert_eq!(shown(&sorted.feeds), "[Đồng Tháp]\n  Xã Ấm Hạ\nPhú Thọ\n  Phường 2\n  Phường 10");
        let given = ListedGroup::new(GroupKind::Locality, Order::Given, places());
        assert_eq!(shown(&given.feeds), "Phú Thọ\n  Phường 10\n  Phường 2\n[Đồng Tháp]\n  Xã Ấm Hạ");
    }

    #[test]
    fn a_branch_ends_where_the_next_one_begins() {
        let listing = Listing { groups: vec![ListedGroup::new(GroupKind::Locality, Order::Given, places())] };
        let check = |path: &str, expect: &str| assert_eq!(shown(listing.branch(path)), expect, "{path}");
        check("locality/Phú Thọ", "Phú Thọ\n  Phường 10\n  Phường 2");
        check("locality/Phường 2", "  Phường 2");
        check("locality/Xã Ấm Hạ", "  Xã Ấm Hạ");
        check("locality/An Giang", "");
        check("category/Phú Thọ", "");
        assert_eq!(listing.len(), 4);
    }
}
