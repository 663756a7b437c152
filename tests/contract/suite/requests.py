"""What the requests look like: addresses, headers, TLS, proxies; and how events are delivered."""
import itertools
import json
import re
import string
import uuid

import data
import expect
import mock
import service

KEY = "my-sdk-key"


# ---- the three services, each as a way to have a request of it ----


def stream_request(test, **configuration):
    """A client that streams; its first request."""
    _, at = service.stream(test, data.EMPTY)
    configuration.setdefault("streaming", {}).setdefault("baseUri", at.url)
    service.client(test, configuration)
    return at.need_request(test)


def poll_request(test, **configuration):
    at = service.endpoint(test, mock.Poll(data.EMPTY))
    configuration.setdefault("polling", {}).setdefault("baseUri", at.url)
    service.client(test, configuration)
    return at.need_request(test)


def events_request(test, **configuration):
    sink = service.events(test)
    settings = {"baseUri": sink.endpoint.url, "flushIntervalMs": service.EVER}
    settings.update(configuration.pop("events", {}))
    client = service.client(
        test, service.streaming(test, data.EMPTY), configuration, events=settings
    )
    client.identify(data.user())
    client.flush()
    return sink.endpoint.need_request(test)


def basic_headers(test, request, method):
    test.equal(request.method, method, "method")
    test.equal(request.header("authorization"), KEY, "Authorization")
    agent = request.header("user-agent") or ""
    test.check(re.fullmatch(r"[^/\s]+/\S+", agent), f"User-Agent is {agent!r}")


def stream_headers(test):
    request = stream_request(test, credential=KEY)
    basic_headers(test, request, "GET")
    accept = request.header("accept") or ""
    test.check("text/event-stream" in accept, f"Accept: {accept}")


def poll_headers(test):
    request = poll_request(test, credential=KEY)
    basic_headers(test, request, "GET")
    if test.has("polling-gzip"):
        encodings = request.header("accept-encoding") or ""
        test.check("gzip" in encodings, f"Accept-Encoding: {encodings}")


def events_headers(test):
    request = events_request(test, credential=KEY)
    basic_headers(test, request, "POST")
    test.equal(request.header("x-launchdarkly-event-schema"), "4", "X-LaunchDarkly-Event-Schema")
    test.check(
        "application/json" in (request.header("content-type") or ""),
        f"Content-Type: {request.header('content-type')}",
    )
    payload_id = request.header("x-launchdarkly-payload-id") or ""
    try:
        test.equal(str(uuid.UUID(payload_id)), payload_id.lower(), "payload id")
    except ValueError:
        test.fail(f"X-LaunchDarkly-Payload-ID is no UUID: {payload_id!r}")


def path_is(wanted, member, make, handler):
    """The path below the base address, which may end in a slash."""

    def run(test):
        for slash in ("", "/"):

            def one(t, slash=slash):
                at = service.endpoint(t, handler())
                base = at.url + slash
                if member == "events":
                    client = service.client(
                        t, service.streaming(t, data.EMPTY), events={"baseUri": base}
                    )
                    client.identify(data.user())
                    client.flush()
                else:
                    service.client(t, {member: {"baseUri": base}})
                t.equal(at.need_request(t).path, wanted, "path")

            test.run("with a slash at the end" if slash else "without a slash at the end", one)

    return run


# ---- filters ----

FILTERS = [
    (None, None),
    ("foo", "filter=foo"),
    ("foo-bar_baz.qux", "filter=foo-bar_baz.qux"),
    ("A1", "filter=A1"),
]
BAD_FILTERS = ["a b", "foo&bar=1", "-foo", ".foo", "_foo", "foo/bar", "fo%20o", "föö", "a?b"]


def filtered(member, request_of):
    def run(test):
        def check(name, wanted):
            def one(t):
                settings = {} if name is None else {"filter": name}
                request = request_of(t, **{member: settings})
                t.equal(request.query, wanted or "", "query")

            return one

        for name, wanted in FILTERS:
            if name is not None:
                test.need_capability("filtering")
            test.run(f"filter {name}", check(name, wanted))
        if test.has("filtering-strict"):
            for name in BAD_FILTERS:
                test.run(f"no well-formed filter {name!r}", check(name, None))

    return run


# ---- tags, wrapper, instance id ----

ALLOWED = string.ascii_letters + string.digits + ".-_"
# None and "" are no value; the others have every character that is allowed.
TAG_VALUES = [None, ""] + [ALLOWED[i : i + 40] for i in range(0, len(ALLOWED), 40)]


def tags_header(application_id, application_version):
    parts = []
    if application_id:
        parts.append("application-id/" + application_id)
    if application_version:
        parts.append("application-version/" + application_version)
    return " ".join(parts) or None


def tags(application_id, application_version):
    pairs = {"applicationId": application_id, "applicationVersion": application_version}
    return {"tags": {name: v for name, v in pairs.items() if v is not None}}


def tagged(request_of):
    def run(test):
        test.need_capability("tags")
        for a, b in itertools.product(TAG_VALUES, TAG_VALUES):

            def one(t, a=a, b=b):
                got = request_of(t, **tags(a, b)).header("x-launchdarkly-tags")
                t.equal(got, tags_header(a, b), "X-LaunchDarkly-Tags")

            test.run(json.dumps(tags(a, b)["tags"]), one)

    return run


def bad_tags(test):
    """A value that is not allowed is left out, and only it."""
    test.need_capability("tags")
    bad = [chr(c) for c in range(1, 128) if chr(c) not in ALLOWED] + ["é", "日"]
    chosen = bad[::4] if test.quick else bad

    def check(character):
        def one(t):
            value = "bad-" + character
            got = stream_request(t, **tags("ok", value)).header("x-launchdarkly-tags")
            t.equal(got, "application-id/ok", "with a bad version")
            got = stream_request(t, **tags(value, "ok")).header("x-launchdarkly-tags")
            t.equal(got, "application-version/ok", "with a bad id")

        return one

    for character in chosen:
        test.run(f"character {ascii(character)}", check(character))


def long_tags(test):
    test.need_capability("tags")
    good, bad = ("1234567890" * 7)[:64], ("1234567890" * 7)[:65]
    got = stream_request(test, **tags(good, bad)).header("x-launchdarkly-tags")
    test.equal(got, "application-id/" + good, "a version that is too long")
    got = stream_request(test, **tags(bad, good)).header("x-launchdarkly-tags")
    test.equal(got, "application-version/" + good, "an id that is too long")


WRAPPERS = [
    ("none", {}, None),
    ("name", {"name": "TestName"}, "TestName"),
    ("name and version", {"name": "TestName", "version": "1.0.0"}, "TestName/1.0.0"),
    ("version only", {"version": "1.0.0"}, None),
]


def wrapped(request_of):
    def run(test):
        test.need_capability("wrapper")
        for name, wrapper, wanted in WRAPPERS:

            def one(t, wrapper=wrapper, wanted=wanted):
                got = request_of(t, wrapper=wrapper).header("x-launchdarkly-wrapper")
                t.equal(got, wanted, "X-LaunchDarkly-Wrapper")

            test.run(name, one)

    return run


def instance_of(test, request):
    got = request.header("x-launchdarkly-instance-id") or ""
    try:
        test.equal(uuid.UUID(got).version, 4, "version of the UUID")
    except ValueError:
        test.fail(f"X-LaunchDarkly-Instance-Id is no UUID: {got!r}")
    return got


def instance_ids(test):
    test.need_capability("instance-id")

    def both(t):
        """The same for the stream, its second connection and events."""
        source, at = service.stream(t, data.EMPTY)
        sink = service.events(t)
        client = service.client(
            t,
            {"streaming": {"baseUri": at.url, "initialRetryDelayMs": 1}},
            service.to_events(sink),
        )
        first = at.need_request(t)
        client.identify(data.user())
        client.flush()
        ids = [instance_of(t, first), instance_of(t, sink.endpoint.need_request(t))]
        first.cancel()
        ids.append(instance_of(t, at.need_request(t)))
        t.equal(len(set(ids)), 1, "different ids")

    def differ(t):
        ids = [instance_of(t, stream_request(t)) for _ in range(2)]
        t.check(ids[0] != ids[1], "two clients have the same id")

    test.run("stream requests", lambda t: instance_of(t, stream_request(t)))
    test.run("poll requests", lambda t: instance_of(t, poll_request(t)))
    test.run("event posts", lambda t: instance_of(t, events_request(t)))
    test.run("the same in all requests of a client", both)
    test.run("another one for another client", differ)


# ---- service endpoints ----


def common_endpoints(test):
    """Addresses given for all services together."""
    test.need_capability("service-endpoints")

    def streams(t):
        _, at = service.stream(t, data.EMPTY)
        service.client(t, serviceEndpoints={"streaming": at.url})
        at.need_request(t)

    def polls(t):
        at = service.endpoint(t, mock.Poll(data.EMPTY))
        service.client(t, polling={}, serviceEndpoints={"polling": at.url})
        at.need_request(t)

    def tells(t):
        sink = service.events(t)
        client = service.client(
            t,
            service.streaming(t, data.EMPTY),
            events={"flushIntervalMs": service.EVER},
            serviceEndpoints={"events": sink.endpoint.url},
        )
        client.identify(data.user())
        client.flush()
        sink.endpoint.need_request(t)

    def own_wins(t):
        _, at = service.stream(t, data.EMPTY)
        wrong = service.endpoint(t, mock.status(500))
        service.client(
            t,
            streaming={"baseUri": at.url},
            serviceEndpoints={"streaming": wrong.url, "polling": wrong.url, "events": wrong.url},
        )
        at.need_request(t)
        wrong.need_silence(t)

    test.run("streaming", streams)
    test.run("polling", polls)
    test.run("events", tells)
    test.run("a component's own wins", own_wins)


def own_endpoints(test):
    test.run("streaming", stream_request)
    test.run("polling", poll_request)
    test.run("events", events_request)


# ---- TLS ----


def tls_checks(member):
    """Of the requests of one service."""

    def attempt(t, tls, wrong_name=False):
        """A client that is to come by TLS. Whether it did."""
        handler = {
            "streaming": lambda: mock.Stream(data.EMPTY),
            "polling": lambda: mock.Poll(data.EMPTY),
            "events": mock.Events,
        }[member]()
        at = service.endpoint(t, handler)
        url = at.tls_url.replace("localhost", "127.0.0.1") if wrong_name else at.tls_url
        configuration = {"tls": tls} if tls else {}
        if member == "events":
            client = service.client(
                t,
                service.streaming(t, data.EMPTY),
                configuration,
                events={"baseUri": url, "flushIntervalMs": service.EVER},
            )
            client.identify(data.user())
            client.flush()
        else:
            service.client(
                t, configuration, {member: {"baseUri": url}}, initCanFail=True, startWaitTimeMs=1
            )
        came = at.await_request(5 if tls else 0.5)
        return came and came.secure

    def run(test):
        test.need_capability("tls:verify-peer")
        if not test.world.mock.secure:
            test.need(False, "the mock has no certificates")
        ca = test.world.tls.ca
        trusts = {"customCAFile": ca}
        test.run(
            "an unknown authority is refused",
            lambda t: t.check(not attempt(t, None), "it was accepted"),
        )
        test.run(
            "unless nothing is verified",
            lambda t: t.check(attempt(t, {"skipVerifyPeer": True}), "it did not come"),
        )
        test.run(
            "an authority of one's own", lambda t: t.check(attempt(t, trusts), "it did not come")
        )
        if member != "events":
            test.run(
                "its certificate for another name is refused",
                lambda t: t.check(not attempt_wrong(t, trusts), "it was accepted"),
            )

    def attempt_wrong(t, tls):
        at = service.endpoint(
            t, mock.Stream(data.EMPTY) if member == "streaming" else mock.Poll(data.EMPTY)
        )
        url = at.tls_url.replace("localhost", "127.0.0.1")
        service.client(
            t, {"tls": tls, member: {"baseUri": url}}, initCanFail=True, startWaitTimeMs=1
        )
        return at.await_request(0.5)

    return run


# ---- a proxy ----


def proxied(member):
    """The address cannot be resolved; the proxy, which is the mock itself, knows it."""

    def run(test):
        test.need_capability("http-proxy")
        handler = {
            "streaming": lambda: mock.Stream(data.EMPTY),
            "polling": lambda: mock.Poll(data.EMPTY),
            "events": mock.Events,
        }[member]()
        at = service.endpoint(test, handler)
        proxy = at.url.removesuffix(at.path)
        address = "http://not.valid.local" + at.path
        if member == "events":
            # The stream goes by the proxy as well.
            _, source = service.stream(test, data.EMPTY)
            client = service.client(
                test,
                streaming={"baseUri": "http://not.valid.local" + source.path},
                proxy={"httpProxy": proxy},
                events={"baseUri": address, "flushIntervalMs": service.EVER},
            )
            client.identify(data.user())
            client.flush()
        else:
            service.client(test, {member: {"baseUri": address}}, proxy={"httpProxy": proxy})
        request = at.need_request(test)
        test.check(request.target.startswith(address), f"target: {request.target}")

    return run


# ---- delivery of events ----


def unique_ids(test):
    sink = service.events(test)
    client = service.client_with(test, data.EMPTY, sink)
    ids = set()
    for number in range(3):
        client.identify(data.user(f"user-{number}"))
        client.flush()
        ids.add(sink.endpoint.need_request(test).header("x-launchdarkly-payload-id"))
    test.equal(len(ids), 3, "different payload ids")


def gzipped(wanted):
    def run(test):
        test.need_capability("event-gzip" if wanted else "optional-event-gzip")
        sink = service.events(test, compressed=wanted)
        client = service.client(
            test, service.streaming(test, data.EMPTY), service.to_events(sink, enableGzip=wanted)
        )
        client.identify(data.user())
        client.flush()
        expect.are(test, sink.need(test), expect.identify(data.user()))

    return run


def delivered_with(failure):
    """(receiver, endpoint): the first request fails like that, then all is well."""

    def make(test):
        sink = mock.Events()
        at = service.endpoint(test, mock.in_turn(failure, sink))
        return sink, at

    return make


def retried(failure):
    """The same payload again, once."""

    def run(test):
        sink, at = delivered_with(failure)(test)
        client = service.client(
            test,
            service.streaming(test, data.EMPTY),
            events={"baseUri": at.url, "flushIntervalMs": service.EVER},
        )
        client.identify(data.user())
        client.flush()
        first = at.need_request(test)
        second = at.need_request(test)
        test.equal(
            second.header("x-launchdarkly-payload-id"),
            first.header("x-launchdarkly-payload-id"),
            "payload id",
        )
        test.check(second.time - first.time > 0.5, "it was sent again at once")
        expect.are(test, sink.need(test), expect.identify(data.user()))

    return run


def too_large(test):
    """413: that payload is dropped, and nothing else."""
    sink, at = delivered_with(mock.status(413))(test)
    client = service.client(
        test,
        service.streaming(test, data.EMPTY),
        events={"baseUri": at.url, "flushIntervalMs": service.EVER},
    )
    client.identify(data.user("first"))
    client.flush()
    at.need_request(test)
    at.need_silence(test, 1.5)
    client.identify(data.user("second"))
    client.flush()
    expect.are(test, sink.need(test), expect.identify(data.user("second")))


def refused(code):
    """No events any more, but flags."""

    def run(test):
        at = service.endpoint(test, mock.status(code))
        source, stream_at = service.stream(test, data.flags(data.flag_off("flag", "a")))
        client = service.client(
            test,
            streaming={"baseUri": stream_at.url},
            events={"baseUri": at.url, "flushIntervalMs": service.EVER},
        )
        client.identify(data.user("first"))
        client.flush()
        at.need_request(test)
        at.need_silence(test, 0.2)
        client.identify(data.user("second"))
        client.flush()
        at.need_silence(test, 0.3)
        source.patch("flags", data.flag_off("flag", "b", 2))
        test.until(lambda: client.value("flag", data.user()) == "b", "the new value")

    return run


def diagnostics(test):
    """The first diagnostic event, and no key in it."""
    sink = service.events(test)
    service.client(
        test,
        service.streaming(test, data.EMPTY),
        service.to_events(sink, enableDiagnostics=True),
        credential=KEY,
    )
    request = sink.endpoint.need_request(test)
    test.equal(request.path, "/diagnostic", "path")
    basic_headers(test, request, "POST")
    event = sink.diagnostics.get(timeout=5)
    test.equal(event.get("kind"), "diagnostic-init", "kind")
    test.equal(event.get("id", {}).get("sdkKeySuffix"), KEY[-6:], "sdkKeySuffix")
    test.check(KEY not in json.dumps(event), "the SDK key is in it")
    for name in ("creationDate", "sdk", "configuration", "platform"):
        test.check(name in event, f"without {name}")


def no_diagnostics(test):
    sink = service.events(test)
    service.client_with(test, data.EMPTY, sink)
    sink.endpoint.need_silence(test, 0.3)


UNITS = [
    ("streaming/requests/method and headers", stream_headers),
    (
        "streaming/requests/path",
        path_is("/all", "streaming", stream_request, lambda: mock.Stream(data.EMPTY)),
    ),
    ("streaming/requests/filter", filtered("streaming", stream_request)),
    ("streaming/requests/tls", tls_checks("streaming")),
    ("streaming/requests/proxy", proxied("streaming")),
    ("polling/requests/method and headers", poll_headers),
    (
        "polling/requests/path",
        path_is("/sdk/latest-all", "polling", poll_request, lambda: mock.Poll(data.EMPTY)),
    ),
    ("polling/requests/filter", filtered("polling", poll_request)),
    ("polling/requests/tls", tls_checks("polling")),
    ("polling/requests/proxy", proxied("polling")),
    ("events/requests/method and headers", events_headers),
    ("events/requests/path", path_is("/bulk", "events", events_request, mock.Events)),
    ("events/requests/tls", tls_checks("events")),
    ("events/requests/proxy", proxied("events")),
    ("events/requests/payload ids", unique_ids),
    ("events/gzip/enabled", gzipped(True)),
    ("events/gzip/disabled", gzipped(False)),
    ("events/delivery/retried after a broken connection", retried(mock.broken)),
    ("events/delivery/too large", too_large),
    ("events/diagnostics/first", diagnostics),
    ("events/diagnostics/off", no_diagnostics),
    ("service endpoints/common", common_endpoints),
    ("service endpoints/per component", own_endpoints),
    ("tags/stream requests", tagged(stream_request)),
    ("tags/poll requests", tagged(poll_request)),
    ("tags/event posts", tagged(events_request)),
    ("tags/characters that are not allowed", bad_tags),
    ("tags/length", long_tags),
    ("wrapper/stream requests", wrapped(stream_request)),
    ("wrapper/poll requests", wrapped(poll_request)),
    ("wrapper/event posts", wrapped(events_request)),
    ("instance id", instance_ids),
]


def units():
    retries = [
        (f"events/delivery/retried after {code}", retried(mock.status(code)))
        for code in (400, 408, 429, 500, 503)
    ]
    refusals = [(f"events/delivery/stops after {code}", refused(code)) for code in (401, 403)]
    return UNITS + retries + refusals
