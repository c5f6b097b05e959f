"""Latency: from the commit of a change to the new bytes in the feeds it belongs to, while 2,000 requests a second are answered.

A writer commits at random moments: mostly another title for a recent article, now and then a new article. Before each
change a watcher is told which two feeds to watch, that of the article's category and the front page, and asks for them over
and over until the new title is in the bytes. The clock starts when the database says that the commit is done; the time
since the commit was sent is told beside it. A change that is not seen within some seconds is lost, and ends the run.
"""

import contextlib
import gzip
import multiprocessing
import random
import sqlite3
import subprocess
import time
from datetime import datetime, timezone

import big
import tools
from tools import Client, Figure, percentile

CONNECTIONS, DELAY_MS = 64, 31
REQUESTS_PER_SECOND = 2_000
ROUND_SECONDS, ROUND_SECONDS_QUICK = 40, 6
# Seconds between two changes, at least and at most.
PAUSE = (0.02, 0.25)
# Every so manieth change is a new article, the others change recent ones. Of both so few in a round that all stay among the
# fifty entries of the front page.
NEW_EVERY = 10
RECENT = 15
LOST_AFTER_SECONDS = 60
# Between two questions of the watcher: as good as none, without taking a core from those who are measured.
WATCH_EVERY_SECONDS = 0.0002
MUST = {"SQLite": {99: "< 100"}, "PostgreSQL": {50: "< 10", 99: "< 50"}}


def main(args):
    tools.install(wrk="wrk")
    for name, open_store in big.STORES.items():
        with open_store(args) as store, WRITERS[name](store) as writer, big.serving(args, name, store) as service:
            big.until_current(service)
            with watcher(service.port) as pipe:
                rounds = [one_round(args, name, number, service.port, writer, pipe) for number in range(args.rounds)]
        yield from figures(name, rounds)


def figures(name, rounds):
    loads, changes = [load for load, _ in rounds], [changes for _, changes in rounds]
    yield Figure("latency", f"{name}: changes a round, each seen in two feeds", "changes", [len(each) // 2 for each in changes])
    for percent in (50, 90, 99):
        values = [percentile([since_done for since_done, _ in each], percent) for each in changes]
        yield Figure("latency", f"{name}: commit to new bytes, p{percent}", "ms", values, MUST[name].get(percent, ""))
    for percent in (50, 99):
        values = [percentile([since_sent for _, since_sent in each], percent) for each in changes]
        yield Figure("latency", f"{name}: since the commit was sent, p{percent}", "ms", values)
    answered = [load.per_second for load in loads]
    yield Figure("latency", f"{name}: answered meanwhile", "requests/s", answered, f">= {REQUESTS_PER_SECOND * 0.95:.0f}")
    yield Figure("latency", f"{name}: p99 of these answers", "ms", [load.p99_ms for load in loads])


def one_round(args, name, number, port, writer, pipe):
    """Changes until the load has ended; gives what wrk measured and two times in milliseconds per change and feed."""
    tools.say(f"latency: {name}, round {number + 1} of {args.rounds}")
    seconds = ROUND_SECONDS_QUICK if args.quick else ROUND_SECONDS
    rng, run = random.Random(number), f"{time.time_ns():x}"
    recent = writer.recent()
    paths = sorted({big.FRONT_PAGE, *(feed_of(slug) for _, slug in recent)})
    environment = {"LOA_PATHS": " ".join(paths), "LOA_DELAY_MS": str(DELAY_MS)}
    took = []
    with tools.wrk(port, "/", {"Accept-Encoding": "gzip"}, CONNECTIONS, seconds, **environment) as asking:
        while asking.process.poll() is None:
            article, slug = rng.choice(recent)
            token = f"{run}-{len(took)}"
            pipe.send((token, (feed_of(slug), big.FRONT_PAGE)))
            pipe.recv()
            time.sleep(rng.uniform(*PAUSE))
            new = len(took) // 2 % NEW_EVERY == 0
            writer.begin(article, slug, f"Tin {token}", new)
            sent = time.monotonic()
            writer.commit()
            done = time.monotonic()
            seen = pipe.recv()
            if len(seen) < 2:
                tools.fail(f"latency: {token} is not in both feeds {LOST_AFTER_SECONDS} s after its commit: {seen}")
            took += [((at - done) * 1e3, (at - sent) * 1e3) for at in seen.values()]
        load = asking.result()
    if load.errors:
        tools.fail(f"latency: {load}")
    return load, took


def feed_of(slug):
    return f"/feeds/category/{slug}.rss"


# Watching


@contextlib.contextmanager
def watcher(port):
    """A process of its own, as it asks without a pause."""
    ours, theirs = multiprocessing.Pipe()
    started = multiprocessing.get_context("fork").Process(target=watch, args=(port, theirs), daemon=True)
    started.start()
    try:
        yield ours
    finally:
        started.terminate()
        started.join()


def watch(port, pipe):
    client = Client(port)
    while True:
        token, paths = pipe.recv()
        tags = {path: client.get(path, Accept_Encoding="gzip").value("etag") for path in paths}
        pipe.send("watching")
        begun, seen = time.monotonic(), {}
        while len(seen) < len(paths) and time.monotonic() - begun < LOST_AFTER_SECONDS:
            for path in set(paths) - set(seen):
                answer = client.get(path, Accept_Encoding="gzip", If_None_Match=tags[path])
                now = time.monotonic()
                if answer.status == 200:
                    tags[path] = answer.value("etag")
                    if token.encode() in gzip.decompress(answer.body):
                        seen[path] = now
            time.sleep(WATCH_EVERY_SECONDS)
        pipe.send(seen)


# Writing


class Sqlite:
    """The embedded store, as the newsroom's program has it open: durable by the defaults of SQLite."""

    def __init__(self, url):
        self.store = sqlite3.connect(url.removeprefix("sqlite:"), isolation_level=None, timeout=LOST_AFTER_SECONDS)

    def recent(self):
        return self.store.execute(recent_sql()).fetchall()

    def begin(self, article, slug, title, new):
        self.store.execute("BEGIN IMMEDIATE")
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for statement in changes_sql(article, slug, title, new, now):
            self.store.execute(statement)

    def commit(self):
        self.store.execute("COMMIT")

    def close(self):
        self.store.close()


class Postgres:
    """One session of psql, which answers line by line."""

    def __init__(self, url):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        command = ["psql", "-X", "-q", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1", url]
        self.process = subprocess.Popen(command, **pipes)

    def ask(self, sql):
        """Says `done` after it, so that we know."""
        self.process.stdin.write(f"{sql}; SELECT 'done';\n")
        lines = []
        while not lines or lines[-1] != "done":
            lines.append(self.process.stdout.readline().strip())
            if not lines[-1]:
                tools.fail("latency: psql has ended")
        return lines[:-1]

    def recent(self):
        return [tuple(line.split(" ")) for line in self.ask(recent_sql())]

    def begin(self, article, slug, title, new):
        self.ask("; ".join(["BEGIN", *changes_sql(article, slug, title, new, datetime.now(timezone.utc).isoformat())]))

    def commit(self):
        self.ask("COMMIT")

    def close(self):
        self.process.stdin.close()
        self.process.wait(LOST_AFTER_SECONDS)


def writer_of(kind):
    return lambda store: contextlib.closing(kind(store))


WRITERS = {"SQLite": writer_of(Sqlite), "PostgreSQL": writer_of(Postgres)}


def recent_sql():
    """Ids grow with the instant of publication, and are indexed."""
    return f"""SELECT a.id, c.slug FROM (SELECT id FROM articles ORDER BY id DESC LIMIT {RECENT}) a
        JOIN article_categories ac ON ac.article_id = a.id AND ac.position = 0 JOIN categories c ON c.id = ac.category_id"""


def changes_sql(article, slug, title, new, now):
    """The same statements for both; every value is of our making, so they stand in the text."""
    revision = title.rpartition(" ")[2]
    if not new:
        return [f"UPDATE articles SET title = '{title}', updated_at = '{now}', revision = '{revision}' WHERE id = '{article}'"]
    newest = "(SELECT max(id) FROM articles)"
    number = f"{newest} + 1"
    return [
        f"""INSERT INTO articles (id, slug, title, lead, body_html, byline, status, published_at, updated_at, revision)
            SELECT {number}, '{revision}', '{title}', lead, body_html, byline, 'published', '{now}', '{now}', '{revision}'
            FROM articles WHERE id = '{article}'""",
        f"""INSERT INTO article_categories (article_id, category_id, position)
            SELECT {newest}, id, 0 FROM categories WHERE slug = '{slug}'""",
    ]
