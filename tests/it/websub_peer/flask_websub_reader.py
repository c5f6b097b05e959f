"""A reader made with Flask-WebSub's subscriber. It does what standard input says, a command a line, and tells what happens on
standard output, a JSON object a line: {"event": ...}.

    subscribe URL        discovers hub and topic of a feed and subscribes: asked, then subscribe
    renew ID             asks again for what was asked for under this id
    unsubscribe ID       asks for its end: unsubscribe

A delivery whose signature is wrong is not told: the library drops it.
"""

import json
import logging
import sys
import tempfile
import threading
from pathlib import Path

import flask_websub.subscriber as library
from flask import Flask
from flask_websub.errors import SubscriberError
from werkzeug.serving import make_server

# The library gives a secret only to hubs that are asked by https. This one is on the same machine.
library.is_secure = lambda url: True
LEASE_SECONDS = 3600

writing = threading.Lock()


def tell(event, **more):
    with writing:
        print(json.dumps({"event": event} | more), flush=True)


def reader(directory):
    """The library's storages are files: so an id outlives a request."""
    database = str(Path(directory) / "reader.sqlite")
    kept, asked = library.SQLite3SubscriberStorage(database), library.SQLite3TempSubscriberStorage(database)
    subscriber = library.Subscriber(kept, asked)
    subscriber.add_success_handler(lambda topic, id, mode: tell(mode, topic=topic, id=id))
    subscriber.add_error_handler(lambda topic, id, reason: tell("denied", topic=topic, id=id, reason=reason))
    subscriber.add_listener(lambda topic, id, body: tell("delivered", topic=topic, id=id, text=body.decode()))
    return subscriber


def obey(subscriber, command, what):
    if command == "subscribe":
        found = library.discover(what)
        id = subscriber.subscribe(**found, lease_seconds=LEASE_SECONDS)
        tell("asked", id=id, **found)
    elif command == "renew":
        subscriber.renew(what)
    elif command == "unsubscribe":
        subscriber.unsubscribe(what)


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as directory:
        app, subscriber = Flask(__name__), reader(directory)
        app.register_blueprint(subscriber.build_blueprint(url_prefix="/reader"))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.server_port}"
        tell("listening", url=base_url)
        for line in sys.stdin:
            try:
                with app.test_request_context(base_url=base_url):
                    obey(subscriber, *line.split())
            except SubscriberError as error:
                tell("failed", reason=str(error))


if __name__ == "__main__":
    main()
