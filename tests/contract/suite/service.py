"""The service under test, and clients of it."""
import http.client
import json
import subprocess
import urllib.parse

import mock
import stores


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"status {status}: {text}")
        self.status = status


class Service:
    """A process of its own that ends with us."""

    def __init__(self, program, agent, loud):
        command = [program, "--agent", agent, "--until-eof"] + (["--loud"] if loud else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        address = urllib.parse.urlsplit(line.split()[-1] if line else "")
        if not address.port:
            raise RuntimeError(f"the service does not start: {line!r}")
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        self.about = self.request("GET", "/")[1]

    def request(self, method, path, body=None):
        """(headers, JSON or None); Refused when the status is none of success."""
        text = None if body is None else json.dumps(body)
        try:
            answer = self.send(method, path, text)
        except (http.client.RemoteDisconnected, BrokenPipeError):  # idle for too long
            self.connection.close()
            answer = self.send(method, path, text)
        data = answer.read()
        if answer.status // 100 != 2:
            raise Refused(answer.status, data.decode(errors="replace"))
        return answer.headers, json.loads(data) if data else None

    def send(self, method, path, text):
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        return self.connection.getresponse()

    def stop(self):
        self.connection.close()
        self.process.stdin.close()
        return self.process.wait(60)


class Client:
    """One client of the service's: the calls of an SDK."""

    def __init__(self, service, tag, configuration):
        self.service = service
        headers, _ = service.request("POST", "/", {"tag": tag, "configuration": configuration})
        self.path = urllib.parse.urlsplit(headers["Location"]).path
        self.closed = False

    def close(self):
        if not self.closed:
            self.closed = True
            self.service.request("DELETE", self.path)

    def command(self, name, params=None):
        body = {"command": name}
        if params is not None:
            body[name] = params
        return self.service.request("POST", self.path, body)[1]

    def evaluate(self, flag, who, default=None, type="any", detail=False, user=False):
        return self.command(
            "evaluate",
            {
                "flagKey": flag,
                "user" if user else "context": who,
                "valueType": type,
                "defaultValue": default,
                "detail": detail,
            },
        )

    def value(self, flag, who, default=None, **more):
        return self.evaluate(flag, who, default, **more)["value"]

    def all_flags(self, who, user=False, **options):
        params = {"user" if user else "context": who, **options}
        return self.command("evaluateAll", params)["state"]

    def identify(self, who, user=False):
        self.command("identifyEvent", {"user" if user else "context": who})

    def track(self, event, who, user=False, **more):
        self.command("customEvent", {"eventKey": event, "user" if user else "context": who, **more})

    def flush(self):
        self.command("flushEvents")

    def members_status(self):
        """Of the store of big segments."""
        return self.command("getBigSegmentStoreStatus")


class World:
    """What the checks of one worker share."""

    def __init__(self, service, server, tls):
        self.service = service
        self.mock = server
        self.tls = tls  # certificates.Certificates, or None
        self.capabilities = set(service.about["capabilities"])
        self.started = None

    def redis(self):
        """A server of this worker's, started when the first check wants it."""
        if not self.started:
            stores.need_redis()
            self.started = stores.Redis()
        return self.started

    def close(self):
        if self.started:
            self.started.close()


# ---- what checks set up; everything goes when the check ends ----


def endpoint(test, handler):
    made = test.world.mock.add(handler)
    test.defer(made.close)
    return made


def stream(test, data, **more):
    """(stream, its endpoint)"""
    made = mock.Stream(data, **more)
    return made, endpoint(test, made)


def events(test, compressed=True):
    """A receiver of events; its address is in receiver.endpoint."""
    made = mock.Events(compressed)
    made.endpoint = endpoint(test, made)
    return made


def members(test, *arguments, **more):
    """A store of big segments."""
    made = mock.Members(*arguments, **more)
    made.endpoint = endpoint(test, made)
    return made


def asking(store, **settings):
    """The part of a configuration that asks this store of big segments."""
    return {"bigSegments": {"callbackUri": store.endpoint.url, **settings}}


EVER = 1000000  # ms: nothing is flushed unless asked for


def to_events(receiver, **settings):
    """The part of a configuration that sends events there."""
    return {"events": {"baseUri": receiver.endpoint.url, "flushIntervalMs": EVER, **settings}}


def client(test, *parts, **more):
    """A client whose configuration is the parts together."""
    configuration = {"credential": "sdk-contract-test"}
    for part in parts + (more,):
        configuration.update(part)
    made = Client(test.world.service, test.name, configuration)
    test.defer(made.close)
    return made


def streaming(test, data):
    """The part of a configuration that streams this data."""
    return {"streaming": {"baseUri": stream(test, data)[1].url}}


def client_with(test, data, receiver=None, **more):
    """A client that streams this data and sends its events to the receiver."""
    return client(test, streaming(test, data), to_events(receiver) if receiver else {}, more)
