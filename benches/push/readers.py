"""Subscribers by the thousand, in a process of their own: hosts on loopback addresses, each with many callbacks.

A host is well, or it never answers, or answers 500, or drips a byte now and then. The process does what its pipe says; see
`COMMANDS`.
"""

import asyncio
import contextlib
import multiprocessing
import os
import re
import time
from urllib.parse import unquote_plus, urlencode

HOSTS = 50
# What the first hosts do when they are sick.
SICK = ("hangs", "fails", "drips")
DRIP_SECONDS = 0.2
# Requests to the hub that are under way at a time.
ASKING = 32
VERIFIED_SECONDS_MAX = 1_200
# Every delivery is signed by it.
SECRET = "s" * 32
WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAILURE = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
DRIP_BEGIN, DRIP = b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"


class Readers:
    """What all hosts share."""

    def __init__(self):
        self.port = 0
        self.behaviour = {}
        self.verified = 0
        self.deliveries = 0
        self.token = b"-"
        # When each callback of a well host got the watched change first.
        self.arrived = {}

    async def listen(self):
        """One port on every address, so that the addresses tell the hosts apart."""
        loop = asyncio.get_running_loop()
        for host in range(HOSTS):
            server = await loop.create_server(lambda host=host: Connection(self, host), address(host), self.port)
            self.port = server.sockets[0].getsockname()[1]

    # Commands

    async def subscribe(self, hub_port, topic, count):
        """Asks for so many subscriptions, spread over the hosts, and waits until each was asked back."""
        expected = self.verified + count
        forms = iter([self.form(topic, number) for number in range(count)])
        await asyncio.gather(*(ask_in_turn(hub_port, forms) for _ in range(ASKING)))
        begun = time.monotonic()
        while self.verified < expected and time.monotonic() - begun < VERIFIED_SECONDS_MAX:
            await asyncio.sleep(0.01)
        return self.verified - expected + count

    def form(self, topic, number):
        callback = f"http://{address(number % HOSTS)}:{self.port}/{number}"
        form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, "hub.secret": SECRET}
        return urlencode(form).encode()

    async def fall_sick(self):
        self.behaviour = dict(enumerate(SICK))

    async def watch(self, token):
        """From now on a delivery counts if it holds this text."""
        self.token, self.arrived, self.deliveries = token.encode(), {}, 0

    async def count(self):
        return len(self.arrived)

    async def take(self):
        """When each got it; and how many requests there were, also those that repeat, fail or hang."""
        return sorted(self.arrived.values()), self.deliveries


COMMANDS = {name: getattr(Readers, name) for name in ("subscribe", "fall_sick", "watch", "count", "take")}


def address(host):
    return f"127.0.1.{host + 1}"


class Connection(asyncio.Protocol):
    """One after another; only as much of HTTP as the hub speaks."""

    def __init__(self, readers, host):
        self.readers, self.host = readers, host
        self.received, self.head, self.length = bytearray(), None, 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while self.is_whole():
            head, body = self.head, bytes(self.received[: self.length])
            del self.received[: self.length]
            self.head = None
            self.answer(head, body)

    def is_whole(self):
        if self.head is None:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head = bytes(self.received[:end])
            del self.received[: end + 4]
            found = re.search(rb"\r\ncontent-length: *(\d+)", self.head, re.IGNORECASE)
            self.length = int(found[1]) if found else 0
        return len(self.received) >= self.length

    def answer(self, head, body):
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if method == b"GET":
            return self.confirm(target)
        readers = self.readers
        readers.deliveries += 1
        behaviour = readers.behaviour.get(self.host)
        if behaviour is None:
            self.transport.write(WELL)
            # The sick ones are never counted, so that the same hosts are measured with and without them.
            if self.host >= len(SICK) and readers.token in body:
                readers.arrived.setdefault(target, time.monotonic())
        elif behaviour == "fails":
            self.transport.write(FAILURE)
        elif behaviour == "drips":
            self.drip(DRIP_BEGIN)

    def confirm(self, target):
        found = re.search(rb"[?&]hub\.challenge=([^&]*)", target)
        challenge = unquote_plus(found[1].decode()).encode() if found else b""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(challenge)}\r\n\r\n"
        self.transport.write(head.encode() + challenge)
        self.readers.verified += 1

    def drip(self, text):
        if not self.transport.is_closing():
            self.transport.write(text)
            asyncio.get_running_loop().call_later(DRIP_SECONDS, self.drip, DRIP)


# Asking the hub


async def ask_in_turn(port, forms):
    """By a connection that stays open, as long as the hub lets it."""
    connection = None
    for form in forms:
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", port)
        head, body = await asked(*connection, form)
        if not head.startswith(b"HTTP/1.1 202 "):
            raise RuntimeError(f"the hub answers {head[:40]} {body[:200]}")
        if b"\r\nconnection: close" in head.lower():
            connection[1].close()
            connection = None
    if connection:
        connection[1].close()


async def asked(reader, writer, form):
    writer.write(
        b"POST /hub HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(form), form)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return head, await reader.readexactly(int(found[1]) if found else 0)


# The process


async def obey(pipe):
    readers = Readers()
    await readers.listen()
    loop = asyncio.get_running_loop()
    while True:
        # The pipe is waited for beside the loop, which has its subscribers to serve.
        name, *arguments = await loop.run_in_executor(None, pipe.recv)
        try:
            answer = await COMMANDS[name](readers, *arguments)
        except (EOFError, OSError, RuntimeError) as error:
            answer = error
        pipe.send(answer)


def run(pipe, others, core):
    # Else this process would hold the other end as well, and wait for itself.
    others.close()
    if core < os.cpu_count():
        os.sched_setaffinity(0, {core})
    with contextlib.suppress(EOFError):
        asyncio.run(obey(pipe))


class Process:
    """The other end of the pipe."""

    def __init__(self, pipe):
        self.pipe = pipe

    def ask(self, name, *arguments):
        self.pipe.send((name, *arguments))
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextlib.contextmanager
def readers(core):
    """Ends with the block."""
    ours, theirs = multiprocessing.Pipe()
    started = multiprocessing.get_context("fork").Process(target=run, args=(theirs, ours, core), daemon=True)
    started.start()
    theirs.close()
    try:
        yield Process(ours)
    finally:
        ours.close()
        started.kill()
        started.join()
