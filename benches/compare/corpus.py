"""A made-up newsroom of any size: the same articles in every run, made block by block so that processes can share the work.

The text means nothing, but costs what news costs: it is put together from pieces of one to four syllables (those of the
demo's lexicon) in the frequencies of natural language, so that it compresses as real Vietnamese prose does (gzip leaves
0.30 to 0.35). Sentences merely shuffled compress ten times better, and every figure about compressing would be a lie.
"""

import bisect
import csv
import functools
import random
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ZONE = timezone(timedelta(hours=7))
# The newest article is of this instant, the oldest of ten years before, whatever the number of articles.
NEWEST = datetime(2026, 3, 18, 6, 30, tzinfo=ZONE)
SPAN = timedelta(days=3653)
# Articles that are made together, with a generator of random numbers of their own.
BLOCK = 5_000
PIECES = 12_000
SENTENCES = 100_000
PARAGRAPHS = 24_000
AUTHORS = 400
TAGS = 3_000
SECTIONS, SUBSECTIONS = 12, 4
MEDIA_URL = "https://anh.baovidu.example/"


@dataclass(frozen=True)
class Article:
    """A row of the store with what hangs on it: shapes and names are those of docs/STORE.md."""

    id: str
    slug: str
    title: str
    lead: str
    body_html: str
    byline: str
    published_at: datetime
    updated_at: datetime
    revision: str
    categories: tuple[str, ...]
    localities: tuple[str, ...]
    tags: tuple[str, ...]
    picture: str


class Skewed:
    """Picks from a list so that the first is picked most: the weight of the n-th is 1 / (n + offset)."""

    def __init__(self, items, offset):
        self.items = items
        self.totals = list(accumulate(1 / (place + offset) for place in range(len(items))))

    def pick(self, rng):
        return self.items[bisect.bisect(self.totals, rng.random() * self.totals[-1])]

    def picks(self, rng, count):
        return rng.choices(self.items, cum_weights=self.totals, k=count)


def categories():
    """Rows of the tree: id, parent, slug, name, position. Twelve sections with four below each."""
    rows = []
    for section in range(1, SECTIONS + 1):
        rows.append((f"c{section:02}", None, f"muc-{section}", f"Mục {section}", section))
        for below in range(1, SUBSECTIONS + 1):
            name = f"Mục {section} phần {below}"
            rows.append((f"c{section:02}{below}", f"c{section:02}", f"muc-{section}-phan-{below}", name, below))
    return rows


class Newsroom:
    """What all articles are made from: read and drawn once, then only picked from."""

    def __init__(self, articles, seed=1):
        self.articles, self.seed = articles, seed
        rng = random.Random(f"{seed} text")
        lexicon = "\n".join(path.read_text() for path in sorted((REPOSITORY / "src/demo/lexicon").glob("*.txt")))
        # Without comments and names of rules, which are English.
        prose = re.sub(r"(?m)^#.*|\[\w+\]|\{\w+\}", " ", lexicon)
        syllables = sorted({word for word in re.findall(r"[^\W\d_]+", prose) if word.islower()})
        pieces = [" ".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 2, 3, 4)))) for _ in range(PIECES)]
        self.pieces = Skewed(pieces, 40)
        self.sentences = [self.sentence(rng) for _ in range(SENTENCES)]
        self.paragraphs = [" ".join(rng.choices(self.sentences, k=rng.randint(3, 6))) for _ in range(PARAGRAPHS)]
        letters = set("".join(syllables))
        self.plain_letters = {ord(x): unicodedata.normalize("NFD", x)[0].replace("đ", "d") for x in letters}
        names = [word.capitalize() for word in syllables]
        self.authors = Skewed([" ".join(rng.choices(names, k=3)) for _ in range(AUTHORS)], 20)
        tags = [" ".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(TAGS)]
        self.tags = Skewed(tags, 20)
        rows = categories()
        rng.shuffle(rows)
        self.categories = Skewed([row[0] for row in rows], 5)
        with (REPOSITORY / "src/gazetteer/data/units.csv").open() as file:
            self.units = list(csv.DictReader(file))
        rng.shuffle(self.units)

    def blocks(self):
        return range((self.articles + BLOCK - 1) // BLOCK)

    def block(self, number):
        """The articles of one block, oldest first, as those of all blocks are."""
        rng = random.Random(f"{self.seed} block {number}")
        first = number * BLOCK
        return [self.article(rng, place) for place in range(first, min(first + BLOCK, self.articles))]

    def article(self, rng, place):
        published = NEWEST - SPAN * ((self.articles - 1 - place) / self.articles)
        published = published.replace(microsecond=0)
        identifier = f"{published:%y%m%d}{place:010}"
        title = self.pieces.picks(rng, rng.randint(4, 7))
        slug = "-".join(title).replace(" ", "-").translate(self.plain_letters)
        body = rng.choices(self.paragraphs, k=max(2, min(60, int(rng.lognormvariate(2.39, 0.5)))))
        provinces, communes = self.localities(published.year, (published.month - 1) // 3 * 3 + 1)
        localities = {rng.choice((communes, communes, provinces)).pick(rng) for _ in range(rng.choice((1, 1, 2, 2)))}
        return Article(
            id=identifier,
            slug=f"{slug}-{identifier}",
            title=" ".join(title).capitalize(),
            lead=" ".join(rng.choices(self.sentences, k=2)),
            body_html="<p>" + "</p>\n<p>".join(body) + "</p>",
            byline=self.authors.pick(rng),
            published_at=published,
            # Every tenth was edited within a day.
            updated_at=published + timedelta(minutes=rng.randint(1, 1_440) if rng.random() < 0.1 else 0),
            revision=f"{rng.getrandbits(64):016x}",
            categories=tuple(dict.fromkeys(self.categories.picks(rng, rng.choice((1, 1, 1, 1, 2))))),
            localities=tuple(sorted(localities)),
            tags=tuple(dict.fromkeys(self.tags.picks(rng, rng.choice((1, 2, 3))))),
            picture=f"{MEDIA_URL}{identifier}.jpg",
        )

    def sentence(self, rng):
        words = self.pieces.picks(rng, rng.randint(6, 14))
        words[len(words) // 2] += ","
        return " ".join(words).capitalize() + "."

    @functools.lru_cache(maxsize=100)
    def localities(self, year, month):
        """Provinces, and the units below them, by official code, that are in force on the first of a month."""
        day = f"{year}-{month:02}-01"
        valid = [unit for unit in self.units if unit["from"] <= day < (unit["until"] or "9999")]
        provinces = [unit["code"] for unit in valid if not unit["parent"]]
        return Skewed(provinces, 10), Skewed([unit["code"] for unit in valid if unit["parent"]], 200)
