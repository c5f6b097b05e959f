"""Memory: what a service holds that has answered for every feed of the big store in every format, and what that cost.

The cache of documents has its default of 64 MB. The rounds are one after the other in the same process: memory that only
grows would show.
"""

import big
import tools
from tools import Client, Figure

FEEDS, FEEDS_QUICK = 10_000, 300
FORMATS = ("rss", "atom", "json")
RESIDENT_MUST = "< 300"


def main(args):
    big.forget_documents(big.state_of(args, "SQLite") / "documents", big.SNAPSHOT, big.SUMMARIES)
    with big.sqlite_store(args) as store, big.serving(args, "SQLite", store) as service:
        big.until_current(service)
        yield Figure("memory", "resident when ready", "MB", [tools.memory_megabytes(service.pid)])
        paths = service.feeds()[: FEEDS_QUICK if args.quick else FEEDS]
        resident = []
        for number in range(args.rounds):
            tools.say(f"memory: {len(paths)} feeds in three formats, round {number + 1} of {args.rounds}")
            before = tools.cpu_seconds(service.pid)
            ask_all(service.port, paths)
            if number == 0:
                yield Figure("memory", "feeds asked for, each in three formats", "feeds", [len(paths)])
                yield Figure("memory", "CPU for all of them, cold", "s", [tools.cpu_seconds(service.pid) - before])
            resident.append(tools.memory_megabytes(service.pid))
        yield Figure("memory", "resident after each round", "MB", resident, RESIDENT_MUST)
        yield Figure("memory", "resident at most", "MB", [tools.memory_megabytes(service.pid, "VmHWM")], RESIDENT_MUST)


def ask_all(port, paths):
    client = Client(port)
    for path in paths:
        for suffix in FORMATS:
            path = f"{path.rpartition('.')[0]}.{suffix}"
            answer = client.get(path, Accept_Encoding="gzip")
            if answer.status != 200:
                tools.fail(f"{path} answered {answer.status}")
    client.close()
