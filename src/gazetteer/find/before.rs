//! What stands before a name without a kind: does it make the name a place, a person, or a part of another name? Read
//! backwards as far as one phrase may reach.

use super::lexicon::Lexicon;
use super::line::{Line, Phrase};
use super::tokens::{Shape, Token};
use super::words::Class;

/// What the words before a name make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Open,
    /// Nothing, but that an unknown word and the name begin a sentence.
    Opening,
    /// A place.
    Place,
    /// Somebody, or the end of somebody's name.
    Person,
    /// A firm, a street, a product: something else that is named so.
    Thing,
}

/// How many words a phrase may have between its first word and a name at its end.
const REACH: usize = 12;
/// The same for streets, shops and events, which have shorter names than firms.
const REACH_SHORT: usize = 3;
/// The same for villages and landmarks: `thôn 2 Hùng Lô`.
const REACH_NEAR: usize = 3;
/// The same for dishes: `chè xanh Thái Nguyên`.
const REACH_NEXT: usize = 2;

/// Reads the words before a token.
pub(super) fn before(lexicon: &Lexicon, line: &Line, start: usize) -> Before {
    let Some(last) = start.checked_sub(1) else { return Before::Open };
    if line.token(last).is_some_and(|token| token.is_foreign && token.is_capital()) {
        // A brand: `Samsung Thái Nguyên`, also where it begins a sentence.
        return Before::Thing;
    }
    let mut near = nearest(lexicon, line, start, last);
    if near == Before::Place || near == Before::Person && !is_capital_before(line, start) {
        return near;
    }
    if line.is_mark(last, &['(', '[']) {
        return Before::Place;
    }
    let (mut at, mut words, mut is_joined) = (start, 0, false);
    while let Some(here) = at.checked_sub(1).filter(|_| words < REACH) {
        let Some(token) = line.token(here) else { break };
        if let Shape::Mark(mark) = token.shape {
            // A hyphen joins what shares a name: `cao tốc Tuyên Quang - Phú Thọ`.
            if !matches!(mark, '-' | '&' | '/' | '“' | '"' | '\'') {
                break;
            }
            at = here;
            continue;
        }
        let Some(phrase) = line.phrase(here) else {
            (at, words) = (here, words + 1);
            continue;
        };
        match phrase.class {
            Class::Organisation | Class::Team => return Before::Thing,
            Class::Street | Class::Event | Class::Brand if words <= REACH_SHORT && !is_joined => {
                return Before::Thing;
            }
            Class::Village | Class::Landmark if words <= REACH_NEAR && !is_joined => return Before::Thing,
            Class::Product if words <= REACH_NEXT && !is_joined => return Before::Thing,
            Class::And => is_joined = true,
            // Perhaps that of a school or a firm, so that the way goes on. In `Hải Phòng` there is none.
            Class::Office if !is_within_name(line, phrase) => near = Before::Place,
            Class::Stop
            | Class::Which
            | Class::Reform
            | Class::Before
            | Class::Place
            | Class::Within
            | Class::Kind(_)
            | Class::Person
            | Class::Once => break,
            _ => {}
        }
        (at, words) = (phrase.start, words + 1);
    }
    if near == Before::Open && opens(line, start) { Before::Opening } else { near }
}

/// Is a phrase of one word a part of a name?
fn is_within_name(line: &Line, phrase: Phrase) -> bool {
    let is_capital = |at: usize| line.token(at).is_some_and(Token::is_capital);
    let follows_capital = phrase.start.checked_sub(1).is_some_and(is_capital);
    phrase.end == phrase.start + 1 && is_capital(phrase.start) && follows_capital
}

/// Does a sentence begin with an unknown word or two, and then the name?
fn opens(line: &Line, start: usize) -> bool {
    /// Syllables of such words.
    const SYLLABLES_MAX: usize = 2;
    let mut at = start;
    for _ in 0..SYLLABLES_MAX {
        let Some(before) = at.checked_sub(1) else { return false };
        let is_word = line.token(before).is_some_and(|token| !matches!(token.shape, Shape::Mark(_) | Shape::Number));
        if !is_word || line.phrase(before).is_some() {
            return false;
        }
        at = before;
        if line.begins_sentence(at) {
            return true;
        }
    }
    false
}

/// What the very word before says.
fn nearest(lexicon: &Lexicon, line: &Line, start: usize, last: usize) -> Before {
    let Some(token) = line.token(last) else { return Before::Open };
    if token.is_mark(':') && is_credit(line, last) {
        return Before::Person;
    }
    // Within a sentence, a small word with a capital is a name: `cô Ba Bình Thủy`.
    let is_small = !token.is_capital() || line.begins_sentence(last);
    match line.phrase(last).map(|phrase| (phrase.class, phrase.start)) {
        Some((Class::Person, _)) => return Before::Person,
        Some((Class::Place | Class::Within, _)) => return Before::Place,
        Some((Class::And | Class::Stop | Class::Today | Class::Several, _)) if is_small => return Before::Open,
        Some((Class::Authority(_), _)) => return Before::Open,
        _ => {}
    }
    if !is_capital_before(line, start) {
        return Before::Open;
    }
    // A capital at the beginning of a sentence says nothing, unless it is a name by itself.
    let is_own = !line.begins_sentence(last) || lexicon.is_surname(token) || token.shape == Shape::Upper;
    if is_own { Before::Person } else { Before::Open }
}

/// Is the word before another with a capital, in letters of the same size?
fn is_capital_before(line: &Line, start: usize) -> bool {
    let is_loud = |token: &Token| token.shape == Shape::Upper;
    let own = line.token(start);
    let before = start.checked_sub(1).and_then(|at| line.token(at));
    let is_loud_text = own.is_some_and(is_loud) && before.is_some_and(is_loud);
    before.is_some_and(Token::is_capital) && !is_loud_text
}

/// `Ảnh: Hòa Bình`, `Bài, ảnh: Hà Giang`
fn is_credit(line: &Line, colon: usize) -> bool {
    colon.checked_sub(1).and_then(|at| line.phrase(at)).is_some_and(|phrase| phrase.class == Class::Credit)
}
