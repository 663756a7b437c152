"""LaunchDarkly as the checks want it: streams, polls, a receiver of events; and what fails."""
import gzip
import json
import queue
import threading
import time

import wire


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Stream:
    """A streaming service. It begins with `data` and sends on what the check pushes, to everybody
    connected. data None: it accepts, and says nothing."""

    def __init__(self, data, environment=None):
        self.data = data
        self.environment = environment
        self.listeners = []
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            request.begin_stream([("X-LD-EnvID", self.environment)] if self.environment else [])
            if self.data is not None:
                request.chunk(event("put", compact({"path": "/", "data": self.data})))
            self.listeners.append(request)
        request.await_end()

    def push(self, name, data):
        with self.lock:
            for request in self.listeners:
                if not request.gone.is_set():
                    request.chunk(event(name, data))

    def put(self, data):
        self.push("put", compact({"path": "/", "data": data}))

    def patch(self, kind, item):
        self.push("patch", compact({"path": f"/{kind}/{item['key']}", "data": item}))

    def delete(self, kind, key, version):
        self.push("delete", compact({"path": f"/{kind}/{key}", "version": version}))


def event(name, data):
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return b"event: " + name.encode() + b"\n" + lines + b"\n"


class Poll:
    """A polling service. It compresses for who can read that."""

    def __init__(self, data, environment=None, etag=None):
        self.body = data if isinstance(data, bytes) else compact(data)
        self.environment = environment
        self.etag = etag
        self.compressed = 0

    def __call__(self, request):
        headers = [("Content-Type", "application/json")]
        body = self.body
        if self.environment:
            headers.append(("X-LD-EnvID", self.environment))
        if self.etag:
            headers.append(("ETag", self.etag))
        if self.etag and request.header("if-none-match") == self.etag:
            request.respond(304, b"", headers)
            return
        if "gzip" in (request.header("accept-encoding") or ""):
            body = gzip.compress(body)
            headers.append(("Content-Encoding", "gzip"))
            self.compressed += 1
        request.respond(200, body, headers)


class Events:
    """The receiver of events: payloads in the order in which they came."""

    def __init__(self, compressed=True):
        self.compressed = compressed
        self.payloads = queue.Queue()
        self.diagnostics = queue.Queue()
        self.seen = set()
        self.time = None  # what it believes that the time is, in seconds; None: the truth
        self.endpoint = None

    def __call__(self, request):
        headers = [("Date", wire.http_date(self.time))] if self.time is not None else []
        gzipped = request.header("content-encoding") == "gzip"
        if request.path == "/diagnostic":
            self.diagnostics.put(request.json())
            request.respond(202, b"", headers)
            return
        if request.path != "/bulk" or request.method != "POST" or gzipped != self.compressed:
            request.respond(400, b"", headers)
            return
        payload_id = request.header("x-launchdarkly-payload-id")
        if payload_id and payload_id in self.seen:  # sent again
            request.respond(202, b"", headers)
            return
        payload = request.json()
        self.seen.add(payload_id)
        request.respond(202, b"", headers)
        self.payloads.put(payload)

    def need(self, test, seconds=5.0):
        """The next payload."""
        try:
            return self.payloads.get(timeout=seconds)
        except queue.Empty:
            test.stop(f"no events within {seconds} s")

    def need_none(self, test, seconds=0.2):
        try:
            test.stop(f"events that should not be: {self.payloads.get(timeout=seconds)}")
        except queue.Empty:
            pass


class Members:
    """A store of big segments: metadata as `status` says, memberships by the hash of a key."""

    AGES = {"HEALTHY": 0, "STALE": 10**9}  # ms; another status is an error of the store

    def __init__(self, status="HEALTHY", memberships=None):
        self.status = status
        self.age = None  # ms since it was up to date, in place of what the status says
        self.memberships = memberships  # {hash: {reference: bool} or None}; None: nobody is known
        self.failing = False  # membership queries
        self.queries = []
        self.strangers = []  # asked for, and not expected
        self.polls = queue.Queue()
        self.endpoint = None

    def __call__(self, request):
        if request.path == "/getMetadata":
            self.polls.put(request.time)
            self.answer(request, self.metadata())
        elif request.path == "/getMembership":
            self.answer(request, self.membership(request.json()["contextHash"]))

    def answer(self, request, body):
        if body is None:
            request.respond(500, b"what is wanted here is an error")
        else:
            request.respond(200, compact(body), [("Content-Type", "application/json")])

    def metadata(self):
        age = self.age if self.age is not None else self.AGES.get(self.status)
        return None if age is None else {"lastUpToDate": max(0, int(time.time() * 1000) - age)}

    def membership(self, key_hash):
        self.queries.append(key_hash)
        if self.failing:
            return None
        if self.memberships is not None and key_hash not in self.memberships:
            self.strangers.append(key_hash)
        return {"values": (self.memberships or {}).get(key_hash)}

    def need_poll(self, test, seconds=5.0):
        try:
            return self.polls.get(timeout=seconds)
        except queue.Empty:
            test.stop(f"no metadata query within {seconds} s")

    def need_no_poll(self, test, seconds=0.2):
        try:
            self.polls.get(timeout=seconds)
            test.stop("a metadata query that should not be")
        except queue.Empty:
            pass


def status(code, body=b""):
    return lambda request: request.respond(code, body)


def broken(request):
    """A connection that ends without an answer."""
    request.reset()


def in_turn(*handlers):
    """The first handler for the first request, and so on; the last one for all that follow."""
    left = list(handlers)
    lock = threading.Lock()

    def handle(request):
        with lock:
            handler = left.pop(0) if len(left) > 1 else left[0]
        handler(request)

    return handle
