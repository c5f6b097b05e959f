"""The big store: what a million articles cost to start with, to keep in memory and to make a rare feed of.

A store is filled once and kept for the next run. Loa may use both cores here, as it would; the database shares them.
"""

import contextlib
import csv
import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter

import postgres
import tools
from tools import HERE, REPOSITORY, WORK, Client, Figure, loa, percentile

# Feeds asked for in a round, and the localities with the fewest articles beside them.
FEEDS, FEEDS_QUICK = 1_000, 100
RAREST, RAREST_QUICK = 200, 20
FRONT_PAGE = "/feeds/all.rss"
# A first start reads everything and writes the ledger.
FIRST_START_SECONDS_MAX = 1_800
# Longer than any read may take: what takes too long is to be measured, not given up. Entries lead to the newspaper, and not to
# the port of this run.
SETTINGS = {"STORE_QUERY_TIMEOUT_MS": "1800000", "SITE_HOME_URL": "https://baovidu.example"}
COMPLETE_READ_MUST = {"SQLite": "< 30", "PostgreSQL": "< 40"}
COLD_MUST = {"summary": "< 5", "full": "< 25"}
SNAPSHOT = "catalog.snapshot"
# Made with the ledger when the store is read for the first time, as the ledger is.
SUMMARIES = "summaries.sqlite"


def main(args):
    for name, open_store in STORES.items():
        with open_store(args) as store:
            yield from starts(args, name, store)
            for content in COLD_MUST:
                yield from cold_feeds(args, name, store, content)
            (state_of(args, name) / "documents" / SUMMARIES).unlink(missing_ok=True)
            yield from cold_feeds(args, name, store, "summary", from_store=True)


# Stores


def directory(args):
    return WORK / f"big-{args.articles}"


@contextlib.contextmanager
def sqlite_store(args):
    file = directory(args) / "articles.sqlite"
    fill(args, file.with_suffix(".filled"), f"sqlite:{file}")
    yield f"sqlite:{file}"


@contextlib.contextmanager
def postgres_store(args):
    """With the change log installed, as a newsroom would have it."""
    tools.install(postgresql="/usr/lib/postgresql/*/bin/initdb")
    cluster = directory(args) / "postgres"
    filled = directory(args) / "postgres.filled"
    if not filled.exists():
        with postgres.server(cluster, **postgres.HASTY) as url:
            fill(args, filled, url)
            tools.run(tools.LOA, "store", "install", "--store", url)
    with postgres.server(cluster) as url:
        yield url


def fill(args, filled, target):
    """Leaves a mark when it is done: a store that is half full is filled anew."""
    if not filled.exists():
        tools.say(f"filling {target}")
        command = [HERE / "store.py", target, "--articles", str(args.articles), "--loa", tools.LOA]
        subprocess.run(command, check=True)
        filled.touch()


STORES = {"SQLite": sqlite_store, "PostgreSQL": postgres_store}


# Starting


@contextlib.contextmanager
def serving(args, name, store, **settings):
    """On both cores, with state and documents of its own for each kind of store."""
    with loa(state_of(args, name), store, core=None, **SETTINGS | settings) as service:
        yield service


def state_of(args, name):
    return directory(args) / f"state-{name.lower()}"


def is_current(answer):
    return answer.status == 200 and json.loads(answer.body)["serving"] == "current"


def until_current(service):
    return service.until("current", "/readyz", is_current, FIRST_START_SECONDS_MAX)


def until_front_page(service):
    return service.until("answering", FRONT_PAGE, lambda answer: answer.status == 200, FIRST_START_SECONDS_MAX)


def starts(args, name, store):
    shutil.rmtree(state_of(args, name), ignore_errors=True)
    tools.say(f"big: first start on {name}")
    # Of summaries, which then are made ready as well.
    with serving(args, name, store, FEEDS_CONTENT="summary") as service:
        yield Figure("big", f"{name}: first start, empty ledger, to current", "s", [until_current(service)])
        most = tools.memory_megabytes(service.pid, "VmHWM")
        yield Figure("big", f"{name}: resident at most while it read everything", "MB", [most])
        yield Figure("big", f"{name}: feeds listed", "feeds", [len(service.feeds())])
        Client(service.port).get(FRONT_PAGE)
    without, answers, ready = [], [], []
    for number in range(args.rounds):
        tools.say(f"big: starts on {name}, round {number + 1} of {args.rounds}")
        forget_documents(state_of(args, name) / "documents", SUMMARIES)
        with serving(args, name, store) as service:
            without.append(until_current(service))
            Client(service.port).get(FRONT_PAGE)
        with serving(args, name, store) as service:
            answers.append(until_front_page(service))
            ready.append(until_current(service))
    yield Figure("big", f"{name}: start with the snapshot, to the first answer", "s", answers, "< 1")
    yield Figure("big", f"{name}: start with the snapshot, to current", "s", ready, "< 5")
    yield Figure("big", f"{name}: start without a snapshot, to current", "s", without, COMPLETE_READ_MUST[name])


# Feeds that nobody has asked for


def cold_feeds(args, name, store, content, from_store=False):
    """Each feed is asked for once, gzipped: made of summaries that are ready, or from the store, rendered, read back,
    compressed."""
    count, rare = (FEEDS_QUICK, RAREST_QUICK) if args.quick else (FEEDS, RAREST)
    forget_documents(state_of(args, name) / "documents", SNAPSHOT, SUMMARIES)
    with serving(args, name, store, FEEDS_CONTENT=content) as service:
        until_current(service)
        # It may have something to do after its start, such as to make the feeds anew that were asked for lately.
        time.sleep(1)
        listed = service.feeds()
        order = random.Random(content).sample(listed, len(listed))
        rarest = [path for path in rarest_localities(args) if path in set(listed)][:rare]
        order = [path for path in order if path not in rarest]
        took = [ask(service, order[number * count : (number + 1) * count]) for number in range(args.rounds)]
        what = f"{name}: a cold {content} feed" + (" whose articles are ready nowhere" if from_store else "")
        if from_store:
            # Each is so once only.
            yield Figure("big", what, "ms", [percentile(took[0], 50)])
            return
        yield Figure("big", what, "ms", [percentile(each, 50) for each in took], COLD_MUST[content])
        yield Figure("big", f"{what}, p99", "ms", [percentile(each, 99) for each in took])
        yield Figure("big", f"{what} of the rarest localities", "ms", [percentile(ask(service, rarest), 50)], COLD_MUST[content])
        yield Figure("big", f"{name}: resident after these {content} feeds", "MB", [tools.memory_megabytes(service.pid)])


def ask(service, paths):
    """Milliseconds of each, one after the other over one connection."""
    client, took = Client(service.port), []
    for path in paths:
        begun = time.perf_counter()
        answer = client.get(path, Accept_Encoding="gzip")
        took.append((time.perf_counter() - begun) * 1e3)
        if answer.status != 200:
            tools.fail(f"{path} answered {answer.status}")
    client.close()
    return took


def forget_documents(documents, *kept):
    """All but these files: a feed is not cold that is on disk."""
    for entry in documents.glob("*"):
        if not entry.name.startswith(kept):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def rarest_localities(args):
    """Addresses of the units that the fewest articles name, the rarest first. Both stores hold the same articles."""
    with contextlib.closing(sqlite3.connect(directory(args) / "articles.sqlite")) as store:
        counts = Counter(dict(store.execute("SELECT locality, count(*) FROM article_localities GROUP BY locality")))
    with (REPOSITORY / "src/gazetteer/data/addresses.csv").open() as file:
        paths = {row["code"]: f"/feeds/locality/{row['path']}.rss" for row in csv.DictReader(file)}
    return [paths[code] for code, _ in reversed(counts.most_common()) if code in paths]
