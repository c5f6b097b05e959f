//! What can be wrong with an article, a category or a feed, for the editor who has to mend it: a stable code, a text in
//! Vietnamese and English, and the detail that names the value.

use std::fmt;

use super::article::ArticleId;
use super::category::CategoryId;
use super::scope::Scope;

/// What was done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Published as it is; somebody should look.
    Notice,
    /// Published, with the faulty part left out or mended.
    Repaired,
    /// Not published until it is mended.
    SetAside,
}

/// What a fault is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An article, by the store's id.
    Article(ArticleId),
    /// A category, by the store's id.
    Category(CategoryId),
    /// An author, a tag or a custom feed, by its written scope.
    Scope(Scope),
    /// A feed, by its path below `/feeds/`.
    Feed(String),
    /// A relation of the store, where not even an id could be read.
    Relation(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Article(id) => write!(f, "article {id}"),
            Self::Category(id) => write!(f, "category {id}"),
            Self::Scope(scope) => scope.fmt(f),
            Self::Feed(path) => write!(f, "feed {path}"),
            Self::Relation(name) => write!(f, "relation {name}"),
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub code: FaultCode,
    /// The faulty value, shortened, or the reason in the library's words. For people; no stable form.
    pub detail: String,
}

/// Longest detail, in characters: enough to find the place, too little to leak a text.
const DETAIL_CHARS_MAX: usize = 120;

impl Fault {
    /// A fault of an article.
    pub fn of_article(id: &ArticleId, code: FaultCode, detail: impl fmt::Display) -> Self {
        Self::new(Subject::Article(id.clone()), code, detail)
    }

    /// A fault; the detail is shortened, and control characters are shown as escapes.
    pub fn new(subject: Subject, code: FaultCode, detail: impl fmt::Display) -> Self {
        let text = detail.to_string();
        let mut detail = String::new();
        for (count, c) in text.chars().enumerate() {
            if count == DETAIL_CHARS_MAX {
                detail.push('…');
                break;
            }
            if c.is_control() { detail.extend(c.escape_default()) } else { detail.push(c) }
        }
        Self { subject, code, detail }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.subject, self.code.english(), self.code)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])* $variant:ident $code:literal $severity:ident $vi:literal $en:literal;)*) => {
        /// What is wrong. The code is stable: scripts may depend on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaultCode { $($(#[doc = $doc])* $variant,)* }

        impl FaultCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }

            /// What is done about it.
            #[must_use]
            pub const fn severity(self) -> Severity { match self { $(Self::$variant => Severity::$severity,)* } }

            /// For the editor, in Vietnamese.
            #[must_use]
            pub const fn vietnamese(self) -> &'static str { match self { $(Self::$variant => $vi,)* } }

            /// The same in English.
            #[must_use]
            pub const fn english(self) -> &'static str { match self { $(Self::$variant => $en,)* } }
        }
    };
}

fault_codes! {
    /// The driver or the JSON of a packed row cannot be read, or a text is not UTF-8.
    RowUnreadable "row_unreadable" SetAside "không đọc được dòng dữ liệu" "the row cannot be read";
    /// Two rows have one id.
    IdDuplicate "id_duplicate" SetAside "trùng mã bài" "the id stands in more than one row";
    /// The id is empty.
    IdMissing "id_missing" SetAside "bài không có mã" "the row has no id";
    /// No title, or one with no visible character.
    TitleMissing "title_missing" SetAside "bài không có tiêu đề" "the title is missing or empty";
    /// A published article without a publication stamp.
    PublishedAtMissing "published_at_missing" SetAside "bài đã đăng nhưng thiếu thời điểm đăng" "published, but without published_at";
    /// A stamp in no form we read, or out of all range.
    StampUnreadable "stamp_unreadable" SetAside "không đọc được dấu thời gian" "a time stamp cannot be read";
    /// A stamp before the first newspaper or after every plan.
    StampAbsurd "stamp_absurd" SetAside "dấu thời gian vô lý" "a time stamp is absurd";
    /// An embargo that cannot be read: held back, never guessed.
    EmbargoUnreadable "embargo_unreadable" SetAside "không đọc được thời điểm hết cấm đăng" "embargo_until cannot be read, so the article is held back";
    /// A local time that does not exist, or exists twice.
    StampAmbiguous "stamp_ambiguous" Notice "giờ địa phương không tồn tại hoặc lặp lại" "a local time does not exist or exists twice; the rule of docs/STORE.md was applied";
    /// A stamp whose weekday is not that of its date.
    StampWeekday "stamp_weekday" Notice "thứ trong tuần không khớp với ngày" "the weekday of a stamp is not that of its date; the date counts";
    /// `updated_at` before `published_at`.
    UpdatedBeforePublished "updated_before_published" Notice "thời điểm cập nhật trước thời điểm đăng" "updated_at is earlier than published_at; published_at counts";
    /// An `updated_at` that cannot be used.
    UpdatedAtUnusable "updated_at_unusable" Repaired "không dùng được thời điểm cập nhật" "updated_at cannot be used and was left out";
    /// A status word that the contract does not know.
    StatusUnknown "status_unknown" SetAside "trạng thái bài không hợp lệ" "the status is none of published, draft, withdrawn";
    /// Neither `url` nor `slug`, or an address that is not http(s).
    LinkMissing "link_missing" SetAside "bài không có đường dẫn hợp lệ" "there is no usable url or slug";
    /// A category id that the store does not have.
    CategoryUnknown "category_unknown" Notice "chuyên mục không tồn tại" "an article names a category that does not exist";
    /// A locality that the gazetteer does not know.
    LocalityUnknown "locality_unknown" Notice "không có đơn vị hành chính này" "the locality is no administrative unit";
    /// A locality that exists, but not on the day of the article.
    LocalityNotThen "locality_not_then" Notice "đơn vị hành chính không tồn tại vào ngày đăng bài" "the locality did not exist on the day of the article";
    /// A locality whose name several units have.
    LocalityAmbiguous "locality_ambiguous" Notice "nhiều đơn vị hành chính cùng tên, cần ghi thêm cấp trên hoặc mã" "several units have this name: add the parent, or give the code";
    /// Two scopes (categories, authors, tags) want one address.
    SlugTaken "slug_taken" Notice "trùng đường dẫn, nguồn tin sau có thêm số" "two scopes want one address; the later one got a suffix";
    /// A category whose slug cannot be part of an address.
    SlugUnusable "slug_unusable" Repaired "đường dẫn chuyên mục không dùng được" "the slug cannot be part of an address; one was made of it";
    /// A category whose parent is missing or closes a circle.
    CategoryParentUnknown "category_parent_unknown" Notice "chuyên mục cha không tồn tại" "the parent category does not exist or closes a circle";
    /// A category that a custom feed names and that never was.
    CriterionUnknown "criterion_unknown" Notice "nguồn tin tự chọn nêu chuyên mục không tồn tại" "a custom feed names a category that does not exist";
    /// Characters that XML 1.0 forbids.
    CharactersForbidden "characters_forbidden" Repaired "có ký tự điều khiển bị cấm trong XML" "characters that XML forbids were left out";
    /// Another article of the feed has the same guid: readers would show only one of the two.
    GuidTaken "guid_taken" SetAside "trùng guid với bài khác" "another article in the feed has the same guid";
    /// A title, lead, caption or other plain text over its limit.
    TextTooLong "text_too_long" Repaired "văn bản quá dài" "a text is over its limit and was cut";
    /// A body over the size, depth or attribute limit.
    BodyTooLarge "body_too_large" Repaired "nội dung quá lớn hoặc quá phức tạp" "the body is over a limit, so only the lead goes out";
    /// Elements or attributes that were taken out for safety.
    HtmlUnsafe "html_unsafe" Repaired "có mã HTML không an toàn" "unsafe HTML was taken out";
    /// A category, locality or tag of an article that cannot be read.
    JoinedRowUnreadable "joined_row_unreadable" Repaired "không đọc được dòng chuyên mục, địa phương hoặc từ khóa của bài" "a category, locality or tag row cannot be read and was left out";
    /// More categories, localities or tags than one article can be in.
    JoinedRowsTooMany "joined_rows_too_many" Repaired "bài có quá nhiều chuyên mục, địa phương hoặc từ khóa" "the article has more than 100 categories, localities or tags; the others were left out";
    /// A picture without a usable address.
    MediaUnusable "media_unusable" Repaired "ảnh hoặc tệp đính kèm không dùng được" "a media row has no usable address and was left out";
    /// A language that is no BCP 47 tag.
    LanguageUnusable "language_unusable" Repaired "mã ngôn ngữ không hợp lệ" "the language is no BCP 47 tag and was left out";
    /// Coordinates of which one is missing, or that are none.
    PointUnusable "point_unusable" Repaired "không dùng được tọa độ" "latitude and longitude are no point and were left out";
    /// Entry that makes a document unparsable in spite of every filter.
    EntryUnrenderable "entry_unrenderable" SetAside "bài làm hỏng nguồn tin" "the entry breaks the document, so it is left out";
    /// The window limits M or B won over N or T.
    WindowLimited "window_limited" Notice "nguồn tin bị cắt bởi giới hạn" "the entry or byte limit of the window won over its minimum";
    /// The store shows a withdrawn article as published again.
    WithdrawalFinal "withdrawal_final" SetAside "bài đã gỡ, không được đăng lại" "the article was withdrawn for good; `loa articles restore` lets it back";
    /// Publication instant was derived by import from a stamp that is not one of publication.
    PublicationFromUpdate "publication_from_update" Notice "thời điểm đăng lấy từ dấu cập nhật" "the publication instant was taken from the update stamp";
    /// `[redirects]` leads to a feed that does not exist.
    RedirectNowhere "redirect_nowhere" Notice "địa chỉ cũ dẫn tới nguồn tin không tồn tại" "a redirect leads to no feed";
    /// A feed could not be made.
    FeedUnrenderable "feed_unrenderable" SetAside "không tạo được nguồn tin" "the feed cannot be made";
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_have_both_texts() {
        let mut codes: Vec<_> = FaultCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FaultCode::ALL.len());
        assert!(FaultCode::ALL.iter().all(|code| !code.vietnamese().is_empty() && !code.english().is_empty()));
    }

    #[test]
    fn a_detail_is_short_and_shows_control_characters() {
        let fault =
            Fault::of_article(&ArticleId::new("7"), FaultCode::TitleMissing, "\u{8}".to_owned() + &"x".repeat(500));
        assert_eq!(fault.detail.chars().count(), 5 + DETAIL_CHARS_MAX);
        assert!(fault.detail.starts_with("\\u{8}x"));
    }
}
