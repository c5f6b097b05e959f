"""The figures as lines, as JSON and as the tables of docs/PERFORMANCE.md."""

import json
import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

from tools import REPOSITORY, run

DOCS = REPOSITORY / "docs/PERFORMANCE.md"
BEGIN, END = "<!-- figures: written by {} --write-docs -->", "<!-- end of figures -->"
HOLDS = {True: "holds", False: "**missed**", None: ""}


def read(path):
    """Figures of earlier runs, by part: so parts can be measured one at a time."""
    return json.loads(path.read_text()) if path.exists() else {}


def write(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def part(figures, args):
    """What belongs to one part: with what it was measured, and what it gave."""
    return {
        "date": date.today().isoformat(),
        "commit": run("git", "rev-parse", "--short", "HEAD", cwd=REPOSITORY).strip(),
        "machine": machine(),
        "rounds": args.rounds,
        "quick": args.quick,
        "articles": args.articles,
        "figures": [figure.as_json() for figure in figures],
    }


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gibibytes = int(memory[1]) / 2**20
    return f"{os.cpu_count()} cores {model[1] if model else platform.machine()}, {gibibytes:.0f} GiB, Linux {platform.release()}"


def number(value):
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def line(figure):
    must = f"  must be {figure.must}: {HOLDS[figure.holds]}" if figure.must else ""
    return f"{figure.part:<9}{figure.what:<58}{number(figure.value):>10} {figure.unit}{must}"


def table(results):
    """Only what is asked for and how it came out; all figures are in the JSON."""
    asked = [figure for part in results.values() for figure in part["figures"] if figure["must"]]
    return "\n".join([f"\n{'asked for':<68}{'must':>10}{'is':>10}", *map(table_line, asked)])


def table_line(figure):
    what = f"{figure['part']}: {figure['what']}, {figure['unit']}"
    return f"{what:<68}{figure['must']:>10}{number(figure['value']):>10}  {HOLDS[figure['holds']].strip('*')}"


def write_docs(results, script):
    """Puts the tables in the place that is kept for this script. Parts that were not measured stay as they are there."""
    text, begin = DOCS.read_text(), BEGIN.format(script)
    before, rest = text.split(begin)
    old, after = rest.split(END, 1)
    parts = {section.split("\n", 1)[0]: f"\n### {section}" for section in old.split("\n### ")[1:]}
    parts |= {name: markdown_part(name, part) for name, part in results.items()}
    DOCS.write_text(f"{before}{begin}\n{''.join(parts.values())}{END}{after}")


def markdown_part(name, part):
    quick = "; a smoke run, which means nothing" if part["quick"] else ""
    about = f"{part['date']}, commit {part['commit']}, {part['machine']}, medians of {part['rounds']}{quick}."
    rows = [
        f"| {figure['what']} | {number(figure['value'])} {figure['unit']} | {figure['must']} | {HOLDS[figure['holds']]} |\n"
        for figure in part["figures"]
        if not figure["detail"]
    ]
    return f"\n### {name}\n{about}\n\n| what | median | asked for | |\n|---|---|---|---|\n{''.join(rows)}"
