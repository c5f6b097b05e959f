#!/usr/bin/env python3
"""A subscriber to one feed by WebSub, in Python's standard library alone.

    subscriber.py TOPIC --listen 127.0.0.1:8077 --callback-url https://reader.example/push/UNGUESSABLE --secret TEXT

It finds the hub, subscribes, confirms, prints the titles of what is new or changed, renews, and unsubscribes on Ctrl-C.
"""

import argparse
import hashlib
import hmac
import json
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"
NAMES = (ATOM + "id", "guid"), (ATOM + "updated", "pubDate"), (ATOM + "title", "title")  # in Atom, in RSS
CHALLENGE = re.compile(r"[-+./0-9=A-Z_a-z]{1,200}")  # what a challenge may consist of (WebSub 5.3)
BODY_BYTES_MAX = 20_000_000
TIMEOUT_S = 30  # of everything that is waited for
RENEW_AT = 0.7  # of the lease


def links(headers):
    """rel -> address, by the Link headers."""
    found = {}
    for address, parameters in re.findall(r"<([^>]*)>([^<]*)", ", ".join(headers.get_all("Link", []))):
        rel = re.search(r';\s*rel="?([^";,]+)', parameters)
        for word in rel[1].lower().split() if rel else []:
            found.setdefault(word, address)
    return found


def entries(body, content_type):
    """id -> (last change, title) of a feed, whatever its format."""
    if "json" in content_type:
        items = json.loads(body)["items"]
        return {i["id"]: (i.get("date_modified") or i.get("date_published"), i.get("title", "")) for i in items}
    found = {}
    for entry in ElementTree.fromstring(body).iter():
        if entry.tag in ("item", ATOM + "entry"):
            text = [entry.findtext(atom) or entry.findtext(rss) for atom, rss in NAMES]
            found[text[0]] = text[1], text[2] or ""
    return found


def say(text):
    """What others wrote must not steer a terminal."""
    print("".join(c if c.isprintable() else " " for c in text), flush=True)


class Subscription:
    def __init__(self, topic, callback, secret, lease):
        self.callback, self.secret, self.lease = callback, secret, lease
        self.mode, self.renew_at, self.lock = None, 0.0, threading.Lock()
        self.confirmed, self.ended = threading.Event(), threading.Event()
        with urlopen(topic, timeout=TIMEOUT_S) as answer:
            found, at = links(answer.headers), answer.url
            self.seen = entries(answer.read(), answer.headers.get("Content-Type", ""))
        if not {"hub", "self"} <= found.keys():
            sys.exit(f"{topic} cannot be subscribed to: its Link header does not name a hub and itself")
        # The topic is what the feed calls itself, not how we came to it.
        self.hub, self.topic = urljoin(at, found["hub"]), urljoin(at, found["self"])

    def ask(self, mode):
        """Asks the hub, which asks the callback afterwards. Did it accept?"""
        self.mode, self.renew_at = mode, time.monotonic() + TIMEOUT_S
        form = {"hub.mode": mode, "hub.topic": self.topic, "hub.callback": self.callback}
        if mode == "subscribe":
            form |= {"hub.secret": self.secret} if self.secret else {}
            form |= {"hub.lease_seconds": self.lease} if self.lease else {}
        try:
            urlopen(self.hub, urlencode(form).encode(), timeout=TIMEOUT_S).close()
            return True
        except OSError as error:
            code = getattr(error, "code", None)  # None: the hub was not reached
            say(f"the hub does not accept: {error} {error.read(1000).decode(errors='replace') if code else ''}")
            if code not in (None, 429, 503):  # these pass: asked again at `renew_at`
                self.ended.set()
            return False

    def confirm(self, asked):
        """Answers a GET: status and body."""
        mode, challenge, lease = (asked.get(name, "") for name in ("hub.mode", "hub.challenge", "hub.lease_seconds"))
        if asked.get("hub.topic") != self.topic:
            return 404, b""
        if mode == "denied":
            say(f"the hub has ended the subscription: {asked.get('hub.reason', 'it does not say why')}")
            self.ended.set()
            return 200, b""
        if mode != self.mode or not CHALLENGE.fullmatch(challenge) or (mode == "subscribe" and not lease.isdecimal()):
            return 404, b""  # we have not asked for that
        if mode == "subscribe":
            self.renew_at = time.monotonic() + int(lease) * RENEW_AT
            say(f"subscribed to {self.topic} for {lease} s")
        self.confirmed.set()
        return 200, challenge.encode()

    def receive(self, body, content_type, signature):
        """Answers a POST: the status. The hub tries everything but 2xx and 410 again."""
        if self.mode != "subscribe":
            return 410
        expected = "sha256=" + hmac.new((self.secret or "").encode(), body, hashlib.sha256).hexdigest()
        # In constant time: how long it takes must not tell how much of a guess was right.
        if self.secret and not hmac.compare_digest(expected.encode(), signature.encode()):
            say("a delivery with a wrong signature is ignored")
            return 403
        self.take(body, content_type)
        return 204

    def take(self, body, content_type):
        """Prints what is new or changed. A delivery is the whole feed, and may come twice."""
        found = entries(body, content_type)
        with self.lock:
            for name, (changed, title) in found.items():
                # Stamps are of whole seconds, in which a title may change twice.
                if self.seen.get(name) != (changed, title):
                    say(f"{'changed' if name in self.seen else 'new'}: {title}")
            self.seen.update(found)

    def keep(self):
        """Subscribes, and again before each lease ends, until the hub ends it."""
        while not self.ended.is_set():
            if time.monotonic() >= self.renew_at:
                self.ask("subscribe")
            if self.confirmed.wait(0.1):
                self.confirmed.clear()
                # What changed before the subscription stood, or between two leases, is pushed to nobody.
                try:
                    with urlopen(self.topic, timeout=TIMEOUT_S) as answer:
                        self.take(answer.read(), answer.headers.get("Content-Type", ""))
                except OSError as error:
                    say(f"{self.topic} cannot be read: {error}")

    def leave(self):
        self.confirmed.clear()
        done = self.ask("unsubscribe") and self.confirmed.wait(TIMEOUT_S)
        say("unsubscribed" if done else "the hub does not confirm; the lease will end by itself")


class Callback(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S

    def do_GET(self):
        if not self.path.startswith(self.server.target):
            return self.answer(404)
        # The last of each: what the callback's own query says stands before what the hub appends.
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.answer(*self.server.subscription.confirm(asked))

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != self.server.target or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            return self.answer(404)
        body = self.rfile.read(int(length))
        of_headers = (self.headers.get(name, "") for name in ("Content-Type", "X-Hub-Signature"))
        self.answer(self.server.subscription.receive(body, *of_headers))

    def answer(self, status, body=b""):
        self.send_response(status)
        # Both have to be: what a stranger sends us must never be shown as a page of ours (WebSub 5.3.1 and 8.2).
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="Subscribes to a feed by WebSub and prints what is pushed.")
    parser.add_argument("topic", help="address of the feed")
    parser.add_argument("--listen", default="127.0.0.1:8077", help="ADDRESS:PORT where the callback is answered")
    parser.add_argument("--callback-url", required=True, help="public address of the callback, which nobody can guess")
    parser.add_argument("--secret", help="what deliveries are signed with, less than 200 bytes")
    parser.add_argument("--lease-seconds", type=int, help="for how long to subscribe; the hub has limits")
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)

    subscription = Subscription(args.topic, args.callback_url, args.secret, args.lease_seconds)
    host, _, port = args.listen.rpartition(":")
    callback = urlsplit(args.callback_url)
    server = ThreadingHTTPServer((host, int(port)), Callback)
    server.daemon_threads = False  # answers under way are finished before the end
    server.subscription = subscription
    server.target = (callback.path or "/") + (callback.query and "?" + callback.query)
    # It has to listen before it asks.
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        subscription.keep()
    except KeyboardInterrupt:
        subscription.leave()
    server.shutdown()
    server.server_close()
    sys.exit(1 if subscription.ended.is_set() else 0)


if __name__ == "__main__":
    main()
