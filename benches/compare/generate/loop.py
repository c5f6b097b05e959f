"""The loop around the generators in Python: `PROGRAM ARTICLES.json summary|full SECONDS OUTPUT`.

The generators in other languages have the same loop: the articles are in memory, feeds are made for so many seconds, at
least five of them, and the median of their times is printed in microseconds; the last feed is written to OUTPUT.
"""

import json
import statistics
import sys
import time


def entries():
    with open(sys.argv[1]) as file:
        site = json.load(file)
    return site, site["items"]


def measure(feed, site, items):
    full, seconds, output = sys.argv[2] == "full", float(sys.argv[3]), sys.argv[4]
    took, begun = [], time.perf_counter()
    while len(took) < 5 or time.perf_counter() - begun < seconds:
        before = time.perf_counter()
        document = feed(site, items, full)
        took.append(time.perf_counter() - before)
    with open(output, "w") as file:
        file.write(document)
    print(statistics.median(took) * 1e6)
