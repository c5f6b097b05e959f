//! The sections of the demo's newspaper: a tree of two levels, each with the word list of its subject.

use crate::domain::category::{Category, CategoryId};

use super::random::Random;

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    /// The store's id: not the slug, so that a slug can change.
    pub(super) id: &'static str,
    parent_id: Option<&'static str>,
    slug: &'static str,
    name: &'static str,
    /// What it writes about.
    pub(super) topic: Topic,
    /// How often, against the others.
    weight: u64,
}

/// What a section writes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Culture,
    Economy,
    Education,
    Health,
    Politics,
    Security,
    Society,
    Sport,
    Technology,
    World,
}

impl Topic {
    pub(super) const ALL: [Self; 10] = [
        Self::Culture,
        Self::Economy,
        Self::Education,
        Self::Health,
        Self::Politics,
        Self::Security,
        Self::Society,
        Self::Sport,
        Self::Technology,
        Self::World,
    ];

    /// Its word list.
    pub(super) const fn lexicon(self) -> &'static str {
        match self {
            Self::Culture => include_str!("lexicon/culture.txt"),
            Self::Economy => include_str!("lexicon/economy.txt"),
            Self::Education => include_str!("lexicon/education.txt"),
            Self::Health => include_str!("lexicon/health.txt"),
            Self::Politics => include_str!("lexicon/politics.txt"),
            Self::Security => include_str!("lexicon/security.txt"),
            Self::Society => include_str!("lexicon/society.txt"),
            Self::Sport => include_str!("lexicon/sport.txt"),
            Self::Technology => include_str!("lexicon/technology.txt"),
            Self::World => include_str!("lexicon/world.txt"),
        }
    }
}

const fn top(id: &'static str, slug: &'static str, name: &'static str, topic: Topic, weight: u64) -> Section {
    Section { id, parent_id: None, slug, name, topic, weight }
}

impl Section {
    const fn below(self, parent_id: &'static str) -> Self {
        Self { parent_id: Some(parent_id), ..self }
    }
}

/// The tree, in the order of the newspaper's menu. Every parent stands before its children.
const SECTIONS: [Section; 30] = [
    top("1", "trung-du-24h", "Trung du 24h", Topic::Society, 10),
    top("2", "chinh-tri", "Chính trị", Topic::Politics, 4),
    top("3", "xay-dung-dang", "Xây dựng Đảng", Topic::Politics, 6).below("2"),
    top("4", "quoc-hoi-hoi-dong-nhan-dan", "Quốc hội - Hội đồng nhân dân", Topic::Politics, 4).below("2"),
    top("5", "hoc-va-lam-theo-bac", "Học và làm theo Bác", Topic::Politics, 2).below("2"),
    top("6", "kinh-te", "Kinh tế", Topic::Economy, 9),
    top("7", "gia-ca-thi-truong", "Giá cả - Thị trường", Topic::Economy, 3).below("6"),
    top("8", "nong-thon-moi", "Nông thôn mới", Topic::Economy, 4).below("6"),
    top("9", "van-hoa-xa-hoi", "Văn hóa - Xã hội", Topic::Culture, 4),
    top("10", "xa-hoi", "Xã hội", Topic::Society, 8).below("9"),
    top("11", "van-hoa", "Văn hóa", Topic::Culture, 4).below("9"),
    top("12", "van-hoc-nghe-thuat", "Văn học - Nghệ thuật", Topic::Culture, 2).below("9"),
    top("13", "dan-toc-ton-giao", "Dân tộc - Tôn giáo", Topic::Culture, 2).below("9"),
    top("14", "net-dep-doi-thuong", "Nét đẹp đời thường", Topic::Society, 2).below("9"),
    top("15", "giao-duc", "Giáo dục", Topic::Education, 5),
    top("16", "y-te", "Y tế", Topic::Health, 5),
    top("17", "quoc-phong-an-ninh", "Quốc phòng - An ninh", Topic::Security, 5),
    top("18", "phap-luat", "Pháp luật", Topic::Security, 4).below("17"),
    top("19", "the-thao", "Thể thao", Topic::Sport, 5),
    top("20", "giai-tri", "Giải trí", Topic::Sport, 2),
    top("21", "quoc-te", "Quốc tế", Topic::World, 6),
    top("22", "khoa-hoc-cong-nghe", "Khoa học - Công nghệ", Topic::Technology, 2),
    top("23", "chuyen-doi-so", "Chuyển đổi số", Topic::Technology, 3).below("22"),
    top("24", "o-to-xe-may", "Ô tô - Xe máy", Topic::Technology, 2),
    top("25", "du-lich-le-hoi", "Du lịch - Lễ hội", Topic::Culture, 3),
    top("26", "den-hung", "Đền Hùng", Topic::Culture, 1).below("25"),
    top("27", "phong-su-ghi-chep", "Phóng sự - Ghi chép", Topic::Society, 2),
    top("28", "cong-dong", "Cộng đồng", Topic::Society, 2),
    top("29", "ong-kinh-phong-vien", "Ống kính phóng viên", Topic::Culture, 1),
    top("30", "toa-soan-ban-doc", "Tòa soạn - Bạn đọc", Topic::Society, 1),
];

/// The sections as the store holds them.
pub(super) fn categories() -> Vec<Category> {
    let category = |(position, section): (i64, &Section)| Category {
        id: CategoryId::new(section.id),
        parent_id: section.parent_id.map(CategoryId::new),
        slug: section.slug.to_owned(),
        name: section.name.to_owned(),
        position,
    };
    (0..).zip(&SECTIONS).map(category).collect()
}

/// Chooses a section, the busy ones more often.
pub(super) fn choose(random: &mut Random) -> &'static Section {
    let total: u64 = SECTIONS.iter().map(|section| section.weight).sum();
    let mut ticket = random.between(1, total);
    let [first, ..] = &SECTIONS;
    let drawn = SECTIONS.iter().find(|section| {
        let drawn = ticket <= section.weight;
        ticket = ticket.saturating_sub(section.weight);
        drawn
    });
    drawn.unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::CategoryTree;

    #[test]
    fn ids_and_slugs_are_distinct_and_parents_stand_before_their_children() {
        let categories = categories();
        for (at, category) in categories.iter().enumerate() {
            let before = &categories[..at];
            assert!(before.iter().all(|other| other.id != category.id && other.slug != category.slug));
            assert!(category.parent_id.as_ref().is_none_or(|parent| before.iter().any(|other| other.id == *parent)));
        }
        assert_eq!(CategoryTree::new(categories).all().len(), SECTIONS.len());
    }

    #[test]
    fn every_section_is_chosen_at_times() {
        let mut random = Random::new(1, 1);
        let mut seen: Vec<_> = (0..3000).map(|_| choose(&mut random).id).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), SECTIONS.len());
    }
}
