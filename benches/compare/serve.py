"""Serving: the same documents under the same addresses by Loa, nginx and its like, each asked by wrk in turn.

What counts is requests per second of CPU that the server's processes used: on one machine the client takes more time than
the server, so requests per second only tell how fast the client is.
"""

import contextlib
import gzip
import os
import shutil
import subprocess
from dataclasses import dataclass

import tools
from tools import CLIENT_CORE, HERE, SERVER_CORE, TARGET, WORK, Client, Figure, free_port, loa, process

CONNECTIONS = 64
ROUND_SECONDS, ROUND_SECONDS_QUICK = 4, 1
# Some years of a small paper: enough for feeds of 50 entries.
ARTICLES = 3_000
SUMMARY, FULL = "/feeds/all.rss", "/feeds/category/muc-1.rss"
CONFIG = """
[feeds.scope."category/muc-1"]
content = "full"
"""
STATIC_WEB_SERVER = TARGET / "compare/cargo/bin/static-web-server"
GZIP = {"Accept-Encoding": "gzip"}
CLOSE = {"Connection": "close"}


@dataclass(frozen=True)
class Case:
    name: str
    path: str
    headers: dict
    status: int
    must: str = ""

    def suits(self, server):
        """static-web-server resets a connection that the client wants closed: each request would be an error."""
        return server != "static-web-server" or self.headers.get("Connection") != "close"


CASES = (
    Case("200 gzip summary", SUMMARY, GZIP, 200, ">= 0.85"),
    Case("200 identity summary", SUMMARY, {}, 200),
    Case("304", SUMMARY, GZIP, 304, ">= 0.90"),
    Case("200 gzip full", FULL, GZIP, 200),
    Case("200 gzip summary, new connection each", SUMMARY, GZIP | CLOSE, 200, ">= 0.80"),
    Case("304, new connection each", SUMMARY, GZIP | CLOSE, 304, ">= 0.80"),
)
# How often Loa has to be as fast as these, for the first case.
MUST_OF_PEERS = {"static-web-server": ">= 1.8", "varnish": ">= 2", "caddy": ">= 5"}
P99_MUST = "<= 1.2"


def main(args):
    tools.install(nginx="nginx", varnish="varnishd", caddy="caddy", wrk="wrk")
    directory = WORK / "serve"
    store = directory / "articles.sqlite"
    if not store.exists():
        directory.mkdir(parents=True, exist_ok=True)
        tools.run(HERE / "store.py", f"sqlite:{store}", "--articles", ARTICLES, "--loa", tools.LOA)
    with contextlib.ExitStack() as running:
        ours = running.enter_context(loa(directory, f"sqlite:{store}", config=CONFIG))
        ours.until_ready()
        sizes = list(publish_files(ours.port, directory / "www"))
        servers = {"loa": (ours.pid, ours.port)}
        for name, start in PEERS.items():
            if server := start(running, directory):
                servers[name] = server
        yield from sizes
        for case in CASES:
            yield from compare(case, {name: servers[name] for name in servers if case.suits(name)}, args)
        for name, (pid, _) in servers.items():
            yield Figure("serve", f"resident: {name}", "MB", [tools.memory_megabytes(pid)])


def publish_files(port, www):
    """What Loa serves as files for the others, with Loa's own gzip."""
    shutil.rmtree(www, ignore_errors=True)
    for name, path in (("summary", SUMMARY), ("full", FULL)):
        file = www / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        plain, packed = Client(port).get(path).body, Client(port).get(path, Accept_Encoding="gzip").body
        assert gzip.decompress(packed) == plain, path
        file.write_bytes(plain)
        file.with_name(file.name + ".gz").write_bytes(packed)
        yield Figure("serve", f"bytes of the {name} feed", "bytes", [len(plain)])
        yield Figure("serve", f"bytes of the {name} feed, gzip", "bytes", [len(packed)])


# The peers: each starts one server and gives its process and port.


def configured(name, directory, **values):
    """The file of that name, with our values for the words in capitals."""
    text = (HERE / "serve" / name).read_text()
    for word, value in values.items():
        text = text.replace(word, str(value))
    (directory / name).write_text(text)
    return directory / name


def start(running, port, *command, **options):
    """Gives process and port, once it answers."""
    options = {"core": SERVER_CORE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    started = running.enter_context(process(*command, **options))
    tools.wait_for(port, started)
    return started.pid, port


def start_nginx(running, directory):
    port = free_port()
    file = configured("nginx.conf", directory, DIRECTORY=directory, PORT=port)
    if os.geteuid() == 0:
        # Its worker is another user and must be able to read the documents.
        file.write_text("user root;\n" + file.read_text())
    return start(running, port, "nginx", "-c", file, "-e", directory / "nginx.log")


def start_varnish(running, directory):
    backend, port = free_port(), free_port()
    file = configured("varnish.vcl", directory, BACKEND=backend)
    origin = directory / "origin"
    origin.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (origin / "www").symlink_to(directory / "www")
    settings = configured("nginx.conf", origin, DIRECTORY=origin, PORT=backend)
    settings.write_text(("user root;\n" if os.geteuid() == 0 else "") + settings.read_text())
    start(running, backend, "nginx", "-c", settings, "-e", origin / "nginx.log", core=CLIENT_CORE)
    memory = ["-s", "malloc,256m", "-n", directory / "varnish", "-j", "none"]
    return start(running, port, "varnishd", "-F", "-a", f"127.0.0.1:{port}", "-f", file, *memory)


def start_caddy(running, directory):
    port = free_port()
    file = configured("Caddyfile", directory, DIRECTORY=directory, PORT=port)
    environment = os.environ | {"XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    return start(running, port, "caddy", "run", "--config", file, "--adapter", "caddyfile", env=environment)


def start_static_web_server(running, directory):
    if not STATIC_WEB_SERVER.exists():
        tools.say("static-web-server is left out; benches/compare/run --static-web-server builds it in some minutes")
        return None
    port = free_port()
    options = ["--compression-static", "true", "--log-level", "error", "--threads-multiplier", "1"]
    return start(running, port, STATIC_WEB_SERVER, "--host", "127.0.0.1", "--port", port, "--root", directory / "www", *options)


def build_static_web_server():
    if not STATIC_WEB_SERVER.exists():
        tools.say("cargo install static-web-server")
        root = STATIC_WEB_SERVER.parents[1]
        tools.run("cargo", "install", "--locked", "static-web-server", "--root", root, "--target-dir", root / "build")
        shutil.rmtree(root / "build")


PEERS = {
    "nginx": start_nginx,
    "varnish": start_varnish,
    "caddy": start_caddy,
    "static-web-server": start_static_web_server,
}


# Measuring


def compare(case, servers, args):
    """All servers in turn, in so many rounds: a machine that is busy for a while is so for all of them."""
    seconds = ROUND_SECONDS_QUICK if args.quick else ROUND_SECONDS
    rounds = []
    for number in range(args.rounds):
        tools.say(f"serve: {case.name}, round {number + 1} of {args.rounds}")
        rounds.append({name: load(case, *server, seconds) for name, server in servers.items()})
    for name in servers:
        each, detail = [r[name] for r in rounds], name not in ("loa", "nginx")
        what = f"{case.name}: {name}"
        yield Figure("serve", what, "requests per CPU second", [e.per_cpu_second for e in each], detail=detail)
        yield Figure("serve", f"{what}, requests", "requests/s", [e.per_second for e in each], detail=True)
        yield Figure("serve", f"{what}, p99", "ms", [e.p99_ms for e in each], detail=True)
    for name in servers:
        if name != "loa":
            must = case.must if name == "nginx" else MUST_OF_PEERS.get(name, "") if case == CASES[0] else ""
            ratios = [r["loa"].per_cpu_second / r[name].per_cpu_second for r in rounds]
            yield Figure("serve", f"{case.name}: loa / {name}", "ratio", ratios, must)
    ratios = [r["loa"].p99_ms / r["nginx"].p99_ms for r in rounds]
    yield Figure("serve", f"{case.name}: p99, loa / nginx", "ratio", ratios, P99_MUST if case.must else "")


def load(case, pid, port, seconds):
    headers, expected_bytes = checked(case, port)
    before = tools.cpu_seconds(pid)
    with tools.wrk(port, case.path, headers, CONNECTIONS, seconds) as asking:
        measured = asking.result()
    measured.cpu_seconds = tools.cpu_seconds(pid) - before
    # Every answer was the one that was checked: no error, and as long on the average.
    bytes_each = measured.bytes / measured.requests
    if measured.errors or abs(bytes_each / expected_bytes - 1) > 0.05:
        tools.fail(f"{case.name}: {measured}, {expected_bytes} bytes expected an answer")
    return measured


def checked(case, port):
    """Asks once, so that nobody measures a wrong answer; gives the headers to ask with, and the bytes of an answer."""
    asked = {name.replace("-", "_"): value for name, value in case.headers.items()}
    answer = Client(port).get(case.path, **asked)
    want = (WORK / "serve/www" / case.path.lstrip("/")).read_bytes()
    got = gzip.decompress(answer.body) if answer.value("content-encoding") == "gzip" else answer.body
    if answer.status != 200 or got != want or ("Accept-Encoding" in case.headers) != (got is not answer.body):
        tools.fail(f"{case.name} at port {port}: {answer.status}, {len(answer.body)} bytes\n{answer.head}")
    headers = dict(case.headers)
    if case.status == 304:
        # static-web-server has no entity tags.
        tag, date = answer.value("etag"), answer.value("last-modified")
        headers |= {"If-None-Match": tag} if tag else {"If-Modified-Since": date}
        answer = Client(port).get(case.path, **{name.replace("-", "_"): value for name, value in headers.items()})
        if answer.status != 304:
            tools.fail(f"{case.name} at port {port}: {answer.status} for {headers}\n{answer.head}")
    return headers, answer.bytes
