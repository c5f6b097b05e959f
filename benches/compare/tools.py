"""What all comparisons need: packages, processes and what they cost, a client, our service, figures."""

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
# Everything that is installed, filled or written stands below it.
WORK = TARGET / "compare"
LOA = TARGET / "release/loa"
# One core serves and the other one asks, so that neither takes the other's time.
SERVER_CORE, CLIENT_CORE = 0, 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 60


def fail(text):
    """What could not be measured is no figure."""
    say(text)
    raise SystemExit(2)


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


# Packages


def install(**programs):
    """Installs the Debian packages whose program (name or pattern) is missing, and starts no service of theirs."""
    missing = [package for package, program in programs.items() if not (shutil.which(program) or glob.glob(program))]
    if not missing:
        return
    say(f"to install with apt-get: {' '.join(missing)}")
    if os.geteuid() != 0:
        fail(f"not root; run once: sudo apt-get install {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # Debian asks this program whether a package may start its service; 101 is no.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", *missing, env=os.environ | quiet)
    finally:
        if ours:
            policy.unlink()


def python_with(*requirements):
    """A Python that has these packages, in a directory of its own."""
    venv, installed = WORK / "python", WORK / "python/installed"
    if not installed.exists() or installed.read_text() != " ".join(requirements):
        say(f"to install with pip into {venv}: {' '.join(requirements)}")
        run(sys.executable, "-m", "venv", "--clear", venv)
        run(venv / "bin/pip", "install", "-q", "--disable-pip-version-check", *requirements)
        installed.write_text(" ".join(requirements))
    return venv / "bin/python"


def run(*command, **options):
    """Runs a command to its end; what it prints is shown only if it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))} failed\n{done.stdout}{done.stderr}")
    return done.stdout


def build_loa():
    say("cargo build --release")
    run("cargo", "build", "--release", "--locked", cwd=REPOSITORY)


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Processes


@contextlib.contextmanager
def process(*command, core=None, **options):
    """Runs a program beside us, with its children in a group of their own, which ends with the block."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    started = subprocess.Popen([*pinned, *map(str, command)], start_new_session=True, **options)
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def family(pid):
    """The process and all below it."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids.extend(map(int, (task / "children").read_text().split()))
    return pids


def cpu_seconds(pid):
    """What the process and all below it have used until now."""
    ticks = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            # utime, stime, and those of children that have ended.
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS_PER_SECOND


def memory_megabytes(pid, name="VmRSS"):
    """A line of /proc/PID/status, of the process and all below it."""
    kibibytes = 0
    for member in family(pid):
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{member}/status").read_text(), re.MULTILINE)
        kibibytes += int(found[1]) if found else 0
    return kibibytes * 1024 / 1e6


# Asking


@dataclass
class Answer:
    status: int
    head: str
    body: bytes
    # As it came, with its head and what frames it.
    bytes: int

    def value(self, name):
        found = re.search(rf"^{name}: *(.*?)\r$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None


class Client:
    """One connection that stays open; the standard library's client costs more than the answer."""

    def __init__(self, port):
        self.port = port
        self.file = None

    def close(self):
        if self.file:
            self.file.close()
            self.file = None

    def get(self, path, **headers):
        """Asks once; header names are written with `_`. A connection that the server closed is opened anew."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{lines}\r\n".encode()
        if self.file:
            with contextlib.suppress(ConnectionError):
                return self.ask(request)
        self.close()
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS_MAX) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.file = connection.makefile("rwb")
        return self.ask(request)

    def ask(self, request):
        self.file.write(request)
        self.file.flush()
        head = self.read_head()
        answer = Answer(int(head[9:12]), head.decode("latin-1"), b"", len(head))
        if answer.status not in (204, 304):
            chunked = answer.value("transfer-encoding") == "chunked"
            self.read_chunks(answer) if chunked else self.read_body(answer, int(answer.value("content-length") or 0))
        if (answer.value("connection") or "").lower() == "close":
            self.close()
        return answer

    def read_head(self):
        lines = [self.file.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(self.file.readline())
        if not lines[-1]:
            raise ConnectionResetError("closed by the server")
        return b"".join(lines)

    def read_body(self, answer, length):
        answer.body += self.file.read(length)
        answer.bytes += length

    def read_chunks(self, answer):
        length = None
        while length != 0:
            line = self.file.readline()
            length = int(line, 16)
            self.read_body(answer, length)
            answer.bytes += len(line + self.file.readline())


@dataclass
class Load:
    """What wrk measured."""

    requests: int
    seconds: float
    bytes: int
    errors: int
    p50_ms: float
    p99_ms: float
    # Of the server, filled in by those who know it.
    cpu_seconds: float = 0.0

    @property
    def per_second(self):
        return self.requests / self.seconds

    @property
    def per_cpu_second(self):
        return self.requests / self.cpu_seconds


class Wrk:
    """wrk, running."""

    def __init__(self, started):
        self.process = started

    def result(self):
        """Waits for its end."""
        output, errors = self.process.communicate()
        if self.process.returncode != 0:
            fail(f"wrk failed\n{output}{errors}")
        return Load(**json.loads(output.splitlines()[-1]))


@contextlib.contextmanager
def wrk(port, path, headers, connections, seconds, **environment):
    """Asks with that many connections from the client's core; see serve/wrk.lua for the environment."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "serve/wrk.lua"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": os.environ | environment}
    with process(*command, f"http://127.0.0.1:{port}{path}", core=CLIENT_CORE, **pipes) as started:
        yield Wrk(started)


def wait_for(port, started):
    """Until somebody listens there."""
    begun = time.monotonic()
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if started.poll() is not None or time.monotonic() - begun > START_SECONDS_MAX:
            fail(f"{started.args} does not listen")
        time.sleep(0.02)


# Our service


class Loa:
    """`loa serve`, running."""

    def __init__(self, started, port, begun):
        self.pid, self.process, self.port, self.begun = started.pid, started, port, begun

    def until(self, what, path, fits, seconds_max):
        """Asks again and again until the answer fits; gives the seconds since the start."""
        client = Client(self.port)
        while True:
            with contextlib.suppress(OSError):
                if fits(client.get(path)):
                    client.close()
                    return time.monotonic() - self.begun
            if self.process.poll() is not None or time.monotonic() - self.begun > seconds_max:
                fail(f"loa did not get {what} within {seconds_max} s; see its log")
            time.sleep(0.002)

    def until_ready(self, seconds_max=START_SECONDS_MAX):
        return self.until("ready", "/readyz", lambda answer: answer.status == 200, seconds_max)

    def feeds(self):
        """Paths of all feeds in OPML, as RSS."""
        answer = Client(self.port).get("/opml.xml")
        if answer.status != 200:
            fail(f"/opml.xml answered {answer.status}")
        return re.findall(r'xmlUrl="https?://[^/"]*(/[^"]*)"', answer.body.decode())


@contextlib.contextmanager
def loa(directory: Path, store, core=SERVER_CORE, config="", **settings):
    """Serves a store. State and documents stand in the directory, which outlives it; `settings` are those of the
    environment without LOA_ in front."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "loa.toml").write_text(config)
    port = free_port()
    ours = {"STORE_URL": store, "STATE_URL": f"sqlite:{directory}/state.sqlite", "LOG_LEVEL": "warn"}
    ours |= {"STATE_DIRECTORY": f"{directory}/documents", "HTTP_METRICS_LISTEN": f"127.0.0.1:{free_port()}"}
    environment = {"PATH": os.environ["PATH"]} | {f"LOA_{name}": value for name, value in (ours | settings).items()}
    command = [LOA, "serve", "--config", directory / "loa.toml", "--listen", f"127.0.0.1:{port}"]
    with open(directory / "log", "a") as log:
        begun = time.monotonic()
        with process(*command, core=core, env=environment, stdout=subprocess.DEVNULL, stderr=log) as started:
            yield Loa(started, port, begun)


# Figures


@dataclass
class Figure:
    """What was measured: a value per round, and what issue 5 asks of the middle one (`>= 0.85`, `< 5`)."""

    part: str
    what: str
    unit: str
    rounds: list = field(default_factory=list)
    must: str = ""
    # Only in the JSON, not in the tables.
    detail: bool = False

    @property
    def value(self):
        return statistics.median(self.rounds)

    @property
    def holds(self):
        """None where nothing is asked."""
        if not self.must:
            return None
        sign, bound = self.must.split()
        compare = {">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[sign]
        return compare(float(self.value), float(bound))

    def as_json(self):
        return asdict(self) | {"value": self.value, "holds": self.holds}


def percentile(values, percent):
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
