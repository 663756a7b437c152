"""polling: what a poll brings."""
import data
import mock
import service


def poll(test, handler, **configuration):
    at = service.endpoint(test, handler)
    client = service.client(test, {"polling": {"baseUri": at.url}}, configuration)
    return client, at


def gets_flags(test):
    client, at = poll(test, mock.Poll(data.flags(data.flag_off("flag", "value"))))
    test.equal(client.value("flag", data.user(), "default"), "value")
    at.need_request(test)
    at.need_silence(test)


def compressed(test):
    test.need_capability("polling-gzip")
    handler = mock.Poll(data.flags(data.flag_off("flag", "value")))
    client, _ = poll(test, handler)
    test.equal(client.value("flag", data.user(), "default"), "value")
    test.equal(handler.compressed, 1, "compressed answers")


def large(test):
    flags = [
        data.flag(
            f"flag-key-{i}",
            ["fallthrough", "off", "default"],
            on=i == 999,
            offVariation=1,
            fallthrough={"variation": 0},
        )
        for i in range(1000)
    ]
    client, at = poll(test, mock.Poll(data.flags(*flags)))
    at.need_request(test)
    test.equal(client.value("flag-key-0", data.user(), "x", type="string"), "off")
    test.equal(client.value("flag-key-999", data.user(), "x", type="string"), "fallthrough")
    test.equal(len(client.all_flags(data.user())["$flagsState"]), 1000, "flags")


def not_utf8(test):
    """A body that cannot be decoded changes nothing."""
    body = mock.compact(data.flags(data.flag_off("flag", "SENTINEL")))
    client, at = poll(
        test,
        mock.Poll(body.replace(b"SENTINEL", b"AB\xffCD")),
        initCanFail=True,
        startWaitTimeMs=300,
    )
    at.need_request(test)
    test.equal(client.value("flag", data.user(), "default"), "default")


def malformed(body):
    def run(test):
        client, at = poll(test, mock.Poll(body), initCanFail=True, startWaitTimeMs=300)
        at.need_request(test)
        test.equal(client.value("flag", data.user(), "default"), "default")

    return run


def empty_parts(body):
    """Missing flags or segments are none, and the client is ready."""

    def run(test):
        client, _ = poll(test, mock.Poll(body))
        got = client.evaluate("flag", data.user(), "default", "string", True)
        test.equal(got["reason"], {"kind": "ERROR", "errorKind": "FLAG_NOT_FOUND"})

    return run


def not_found_first(code):
    """The client is not ready, and says so."""

    def run(test):
        client, at = poll(test, mock.status(code), initCanFail=True, startWaitTimeMs=200)
        at.need_request(test)
        got = client.evaluate("flag", data.user(), "default", "string", True)
        test.equal(got["reason"], {"kind": "ERROR", "errorKind": "CLIENT_NOT_READY"})

    return run


UNITS = [
    ("polling/flags", gets_flags),
    ("polling/gzip", compressed),
    ("polling/large payloads", large),
    ("polling/decoding/not UTF-8", not_utf8),
    ("polling/decoding/malformed JSON", malformed(b"{sorry")),
    ("polling/decoding/another shape", malformed(b'{"flags":true}')),
    ("polling/decoding/cut off", malformed(b'{"flags":{"flag":{"version":1')),
    ("polling/decoding/no segments", empty_parts(b'{"flags":{}}')),
    ("polling/decoding/nothing", empty_parts(b"{}")),
]


def units():
    return UNITS + [
        (f"polling/{code} at first", not_found_first(code)) for code in (400, 401, 404, 500, 503)
    ]
