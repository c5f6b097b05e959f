"""Generating: one feed of 50 entries as RSS, by the `rss` crate as Loa uses it and by generators in other languages.

All get the same articles, already in memory, as a JSON Feed that the bench `documents` writes; each one is timed by its
own clock. Loa's figure holds more than theirs: what it wrote is read back by a strict parser each time.
"""

import os
import xml.etree.ElementTree as ElementTree

import tools
from tools import CLIENT_CORE, HERE, REPOSITORY, WORK, Figure

ENTRIES = 50
# Feeds are made over and over for so long: Ruby needs some hundred milliseconds for each.
SECONDS, SECONDS_QUICK = 2.0, 0.2
FLAVOURS = ("summary", "full")
DIRECTORY = WORK / "generate"
ARTICLES = DIRECTORY / "articles.json"
REQUIREMENTS = ("Django==5.2.19", "feedgen==1.0.0")
NPM_FEED = "feed@6.0.0"
LOA = "loa: rss"
# The issue asks for ten times as fast as all but the template, and for as fast as that.
MUST = {"PHP template": ">= 1"}
MUST_OF_OTHERS = ">= 10"


def main(args):
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    peers = installed_peers()
    seconds = SECONDS_QUICK if args.quick else SECONDS
    # Built before it is pinned.
    tools.run("cargo", "bench", "--locked", "--no-run", "--bench", "documents", cwd=REPOSITORY)
    rounds = []
    for number in range(args.rounds):
        tools.say(f"generate: round {number + 1} of {args.rounds}")
        # First, as it writes the articles.
        took = loa()
        for name, command in peers.items():
            for flavour in FLAVOURS:
                took[name, flavour] = peer(name, command, flavour, seconds)
        rounds.append(took)
    for name, flavour in rounds[0]:
        yield Figure("generate", f"{flavour}: {name}", "microseconds", [r[name, flavour] for r in rounds])
    for flavour in FLAVOURS:
        for name in peers:
            ratios = [r[name, flavour] / r[LOA, flavour] for r in rounds]
            yield Figure("generate", f"{flavour}: {name} / {LOA}", "ratio", ratios, MUST.get(name, MUST_OF_OTHERS))


def loa():
    """The bench `documents` prints lines `name microseconds`."""
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", "documents"]
    environment = os.environ | {"LOA_BENCH_FEED": str(ARTICLES)}
    lines = tools.run("taskset", "-c", CLIENT_CORE, *command, cwd=REPOSITORY, env=environment).splitlines()
    figures = dict(line.split() for line in lines if line.startswith("loa-"))
    return {(LOA, flavour): float(figures[f"loa-rss-{flavour}"]) for flavour in FLAVOURS}


def peer(name, command, flavour, seconds):
    output = DIRECTORY / "feed.xml"
    environment = os.environ | {"NODE_PATH": str(DIRECTORY / "node_modules"), "TZ": "Asia/Ho_Chi_Minh"}
    pinned = ["taskset", "-c", CLIENT_CORE, *command, ARTICLES, flavour, seconds, output]
    took = float(tools.run(*pinned, env=environment))
    bodies = check(name, output)
    if (flavour == "full") != (bodies == ENTRIES):
        tools.fail(f"{name}: {bodies} bodies in the {flavour} feed")
    return took


def check(name, file):
    """Well-formed, with all entries; gives how many have a body."""
    items = ElementTree.parse(file).getroot().findall("channel/item")
    if len(items) != ENTRIES:
        tools.fail(f"{name}: {len(items)} items")
    body = "{http://purl.org/rss/1.0/modules/content/}encoded"
    return sum(1 for item in items if item.findtext(body))


def installed_peers():
    """Commands by name."""
    tools.install(nodejs="node", npm="npm", **{"php-cli": "php"}, ruby="ruby")
    python = tools.python_with(*REQUIREMENTS)
    npm_feed()
    programs = HERE / "generate"
    return {
        "PHP template": ["php", programs / "template.php"],
        "npm feed": ["node", programs / "feed.js"],
        "Django feedgenerator": [python, programs / "django_feed.py"],
        "python-feedgen": [python, programs / "feedgen_feed.py"],
        "Ruby RSS::Maker": ["ruby", programs / "maker.rb"],
    }


def npm_feed():
    installed = DIRECTORY / "npm-installed"
    if not installed.exists() or installed.read_text() != NPM_FEED:
        tools.say(f"to install with npm into {DIRECTORY}: {NPM_FEED}")
        tools.run("npm", "install", "--no-audit", "--no-fund", "--prefix", DIRECTORY, NPM_FEED)
        installed.write_text(NPM_FEED)
