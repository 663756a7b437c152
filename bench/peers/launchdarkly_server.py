#!/usr/bin/env python3
"""A LaunchDarkly for one machine: gives its server SDKs the flags, takes and counts their events.

    launchdarkly_server.py flags.json      prints its port, serves until it is killed

    GET  /all                a stream with one `put` of the whole file, then a comment now and then
    GET  /sdk/latest-all     the whole file, for polling
    POST /bulk, /diagnostic  202; events are counted by the SDK key that came with them
    GET  /counts[?key=KEY]   what was received of one key, or of all, as JSON:
        summaries  evaluations that the summary events count; by flag in `flags`
        feature    events that tell a single evaluation (flags with trackEvents)
        other      all other events: index, identify, ...
        posts, bytes  requests to /bulk, and what their bodies had on the wire

Any SDK key will do. Evaluations made and evaluations counted can differ: SDKs drop what they
cannot keep up with.
"""

import collections
import gzip
import http.server
import json
import sys
import threading
import time
import urllib.parse

KEEP_ALIVE_SECONDS = 120  # SDKs take a stream that is silent for five minutes as lost

NUMBERS = ("summaries", "feature", "other", "posts", "bytes")


class Counts:
    """What events tell; all zero without."""

    def __init__(self, events=()):
        self.numbers = collections.Counter()
        self.flags = collections.Counter()
        for event in events:
            kind = event.get("kind")
            if kind == "summary":
                self.take_summary(event)
            else:
                self.numbers["feature" if kind == "feature" else "other"] += 1

    def take_summary(self, event):
        for key, flag in event["features"].items():
            count = sum(counter["count"] for counter in flag["counters"])
            self.numbers["summaries"] += count
            self.flags[key] += count

    def add(self, other):
        self.numbers.update(other.numbers)
        self.flags.update(other.flags)

    def as_json(self):
        numbers = {name: self.numbers[name] for name in NUMBERS}
        return json.dumps({**numbers, "flags": self.flags}).encode()


def whole(data):
    """LaunchDarkly leaves nothing out, and its Rust SDK takes no flag that lacks something."""
    for flag in data["flags"].values():
        for name in ("prerequisites", "targets", "contextTargets", "rules"):
            flag.setdefault(name, [])
        for item in [flag] + flag["rules"]:
            item.setdefault("trackEvents", False)
    for segment in data["segments"].values():
        for name in ("included", "excluded", "includedContexts", "excludedContexts", "rules"):
            segment.setdefault(name, [])
    return data


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), Handler)
        self.flags = json.dumps(whole(data), separators=(",", ":")).encode()  # on one line
        self.put = b'event: put\ndata: {"path":"/","data":' + self.flags + b"}\n\n"
        self.lock = threading.Lock()
        self.counts = collections.defaultdict(Counts)  # by SDK key
        self.payloads = set()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # an SDK that went: no matter
            super().handle_error(request, client_address)

    def take_events(self, key, payload, size, counts):
        with self.lock:
            total = self.counts[key]
            total.numbers.update(posts=1, bytes=size)
            if payload is None or payload not in self.payloads:  # else sent again, after an error
                self.payloads.add(payload)
                total.add(counts)

    def counts_json(self, key):
        with self.lock:
            total = Counts()
            for each, counts in self.counts.items():
                if key in (None, each):
                    total.add(counts)
            return total.as_json()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/all":
            self.stream()
        elif url.path == "/sdk/latest-all":
            self.answer(200, self.server.flags)
        elif url.path == "/counts":
            key = urllib.parse.parse_qs(url.query).get("key", [None])[0]
            self.answer(200, self.server.counts_json(key))
        else:
            self.answer(404)

    def do_POST(self):
        body = self.body()
        if self.path == "/bulk":
            self.answer(202 if self.take_events(body) else 400)
        else:
            self.answer(202 if self.path == "/diagnostic" else 404)

    def take_events(self, body):
        key = self.headers.get("Authorization")
        payload = self.headers.get("X-LaunchDarkly-Payload-ID")
        try:
            plain = body
            if self.headers.get("Content-Encoding") == "gzip":
                plain = gzip.decompress(body)
            events = json.loads(plain)
            if not isinstance(events, list):
                raise ValueError("no list")
            self.server.take_events(key, payload, len(body), Counts(events))
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError) as error:
            print(f"launchdarkly_server: not events: {error!r}", file=sys.stderr)
            return False
        return True

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")  # without, some SDKs wait for more
        self.end_headers()
        self.send_chunk(self.server.put)
        while True:
            time.sleep(KEEP_ALIVE_SECONDS)
            self.send_chunk(b":\n\n")

    def send_chunk(self, data):
        self.wfile.write(b"%x\r\n" % len(data))
        self.wfile.write(data)
        self.wfile.write(b"\r\n")

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        server = Server(json.load(file))
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
