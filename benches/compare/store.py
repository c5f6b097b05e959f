#!/usr/bin/env python3
"""Fills an article store with a made-up newsroom (corpus.py), by default of a million articles: an SQLite file, or a
database of a PostgreSQL server that is running.

    benches/compare/store.py sqlite:PATH [--articles N] [--loa PROGRAM]
    benches/compare/store.py postgres://USER@HOST:PORT/DATABASE [--articles N]

What is there by that name is replaced. The SQLite file is made by the program itself (`loa import` of nothing), so it is
an embedded store like any other.
"""

import argparse
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from corpus import REPOSITORY, Newsroom, categories

ARTICLES = 1_000_000
CATEGORIES = ("categories", "id, parent_id, slug, name, position")
# Relation and columns, in the order of what `rows` gives.
RELATIONS = (
    ("articles", "id, slug, title, lead, body_html, byline, status, published_at, updated_at, revision"),
    ("article_categories", "article_id, category_id, position"),
    ("article_localities", "article_id, locality"),
    ("article_tags", "article_id, tag, position"),
    ("article_media", "article_id, position, url, type, length, width, height, caption"),
)
POSTGRES_TABLES = """
DROP TABLE IF EXISTS articles, categories, article_categories, article_localities, article_tags, article_media CASCADE;
CREATE TABLE categories (id text PRIMARY KEY, parent_id text, slug text NOT NULL, name text NOT NULL, position integer);
CREATE TABLE articles (id bigint, slug text, title text NOT NULL, lead text, body_html text, byline text,
    status text NOT NULL, published_at timestamptz, updated_at timestamptz, revision text);
CREATE TABLE article_categories (article_id bigint, category_id text, position integer);
CREATE TABLE article_localities (article_id bigint, locality text);
CREATE TABLE article_tags (article_id bigint, tag text, position integer);
CREATE TABLE article_media (article_id bigint, position integer, url text, type text, length integer, width integer,
    height integer, caption text);
"""
# After the rows: that is several times as fast. docs/STORE.md asks for no more indexes than these.
POSTGRES_INDEXES = """
ALTER TABLE articles ADD PRIMARY KEY (id);
ALTER TABLE article_categories ADD PRIMARY KEY (article_id, category_id);
ALTER TABLE article_localities ADD PRIMARY KEY (article_id, locality);
ALTER TABLE article_tags ADD PRIMARY KEY (article_id, tag);
ALTER TABLE article_media ADD PRIMARY KEY (article_id, position);
VACUUM ANALYZE;
"""


def rows(articles, stamp):
    """A list of rows per relation; `stamp` writes an instant as the store has it."""
    lists = ([], [], [], [], [])
    for a in articles:
        published, updated = stamp(a.published_at), stamp(a.updated_at)
        texts = (a.id, a.slug, a.title, a.lead, a.body_html, a.byline)
        lists[0].append((*texts, "published", published, updated, a.revision))
        lists[1].extend((a.id, category, place) for place, category in enumerate(a.categories))
        lists[2].extend((a.id, locality) for locality in a.localities)
        lists[3].extend((a.id, tag, place) for place, tag in enumerate(a.tags))
        lists[4].append((a.id, 0, a.picture, "image/jpeg", 183_000, 1_200, 800, a.title))
    return lists


def stamp_sqlite(instant):
    """As the importer writes them: UTC with microseconds."""
    return (instant - instant.utcoffset()).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def copy_text(relation, columns, lines):
    """The rows as psql reads them; the corpus has no character that COPY would want escaped but line ends."""
    body = "".join("\t".join(map(str, line)).replace("\n", "\\n") + "\n" for line in lines)
    return f"COPY {relation} ({columns}) FROM STDIN;\n{body}\\.\n"


newsroom: Newsroom


def make_sqlite_rows(block):
    return rows(newsroom.block(block), stamp_sqlite)


def copy_block(task):
    url, block = task
    lists = rows(newsroom.block(block), lambda instant: instant.isoformat())
    psql(url, "".join(copy_text(*relation, lines) for relation, lines in zip(RELATIONS, lists)))


def psql(url, script):
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url]
    subprocess.run(command, input=script.encode(), stdout=subprocess.DEVNULL, check=True)


def fill_sqlite(path, loa, pool):
    """One transaction without waiting for the disk: a file that is half done is thrown away anyway."""
    for leftover in (path, f"{path}-wal", f"{path}-shm"):
        Path(leftover).unlink(missing_ok=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    nothing = Path(f"{path}.ndjson")
    nothing.touch()
    # It complains that there is no article, but has made the tables: without them the next lines fail.
    subprocess.run([loa, "import", "--store", f"sqlite:{path}", nothing], capture_output=True)
    nothing.unlink()
    store = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
        store.execute(f"PRAGMA {pragma}")
    store.execute("BEGIN")
    triggers = store.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    # They tell of changes; these rows were always there.
    for name, _ in triggers:
        store.execute(f"DROP TRIGGER {name}")
    insert(store, *CATEGORIES, categories())
    for done, lists in enumerate(pool.imap(make_sqlite_rows, newsroom.blocks()), 1):
        for relation, lines in zip(RELATIONS, lists):
            insert(store, *relation, lines)
        tell(done)
    for _, sql in triggers:
        store.execute(sql)
    store.execute("COMMIT")
    # As every store is whose program has it open.
    store.execute("PRAGMA journal_mode = WAL")
    store.close()


def insert(store, relation, columns, lines):
    marks = ", ".join("?" * len(columns.split(",")))
    store.executemany(f"INSERT INTO {relation} ({columns}) VALUES ({marks})", lines)


def fill_postgres(url, pool):
    """Blocks are copied by several connections at once, so only the rows are the same in every run, not their order."""
    psql(url, "SET client_min_messages = warning;" + POSTGRES_TABLES)
    rows_of_tree = [tuple("\\N" if value is None else value for value in row) for row in categories()]
    psql(url, copy_text(*CATEGORIES, rows_of_tree))
    for done, _ in enumerate(pool.imap_unordered(copy_block, ((url, block) for block in newsroom.blocks())), 1):
        tell(done)
    psql(url, "SET maintenance_work_mem = '512MB';" + POSTGRES_INDEXES)


def tell(blocks_done):
    if sys.stderr.isatty() or blocks_done % 20 == 0:
        print(f"\rstore: {blocks_done} of {len(newsroom.blocks())} blocks", end="", file=sys.stderr, flush=True)


def main():
    global newsroom
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="sqlite:PATH or postgres://...")
    parser.add_argument("--articles", type=int, default=ARTICLES)
    build = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    parser.add_argument("--loa", default=build / "release/loa", help="the program; default: the release build")
    args = parser.parse_args()
    begun = time.monotonic()
    newsroom = Newsroom(args.articles)
    # Forked: the children have the newsroom without being sent it.
    with multiprocessing.get_context("fork").Pool() as pool:
        if args.target.startswith("sqlite:"):
            fill_sqlite(args.target.removeprefix("sqlite:"), args.loa, pool)
        else:
            fill_postgres(args.target, pool)
    print(f"\rstore: {args.articles} articles in {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
