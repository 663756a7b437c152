"""streaming: updates, malformed data, retries, the end of a client."""
import json
import time

import data
import mock
import service

SOON = 1  # ms, of reconnecting


def connect(test, handler, **configuration):
    """(client, endpoint) of a stream that reconnects soon."""
    at = service.endpoint(test, handler)
    client = service.client(
        test, {"streaming": {"baseUri": at.url, "initialRetryDelayMs": SOON}}, configuration
    )
    return client, at


def watch(test, client, flag="flag", default=None):
    """A function that says the flag's value now."""
    return lambda: client.value(flag, data.user(), default)


# ---- updates ----

DELTAS = [("higher", 1, True), ("same", 0, False), ("lower", -1, False)]


def updated(test, client, key, before, after, default, applied):
    value = watch(test, client, key, default)
    if applied:
        seen = []

        def arrived():
            seen.append(value())
            return seen[-1] == after

        test.until(arrived, f"{after!r} instead of {before!r}")
        odd = [one for one in seen if one not in (before, after)]
        test.check(not odd, f"values that never were: {odd}")
    else:
        test.never(lambda: value() != before, "the value was changed")


def flag_update(delete, delta, applied):
    def run(test):
        source = mock.Stream(data.flags(data.flag_off("flag", "before", 100)))
        client, at = connect(test, source)
        at.need_request(test)
        test.need_equal(client.value("flag", data.user(), "default"), "before")
        if delete:
            source.delete("flags", "flag", 100 + delta)
        else:
            source.patch("flags", data.flag_off("flag", "after", 100 + delta))
        after = "default" if delete else "after"
        updated(test, client, "flag", "before", after, "default", applied)
        state = client.all_flags(data.user())
        if applied and delete:
            test.check("flag" not in state, "it is still among all flags")
        else:
            test.equal(state.get("flag"), after if applied else "before", "in all flags")

    return run


def segment_flag(version=1, **members):
    """in: who is in the segment; out: the others."""
    clause = data.clause("", "segmentMatch", "segment")
    return data.flag(
        "flag",
        ["out", "in"],
        version,
        on=True,
        fallthrough={"variation": 0},
        rules=[data.rule(clause, variation=1)],
        **members,
    )


def segment_update(delete, delta, applied):
    def run(test):
        before = data.segment("segment", 100, included=["user-key"])
        source = mock.Stream(data.with_segments(data.flags(segment_flag()), before))
        client, at = connect(test, source)
        at.need_request(test)
        test.need_equal(client.value("flag", data.user(), "default"), "in")
        if delete:
            source.delete("segments", "segment", 100 + delta)
        else:
            source.patch("segments", data.segment("segment", 100 + delta))
        updated(test, client, "flag", "in", "out", "default", applied)

    return run


def new_flag(test):
    source = mock.Stream(data.EMPTY)
    client, at = connect(test, source)
    at.need_request(test)
    test.need_equal(client.value("flag", data.user(), "default"), "default")
    source.patch("flags", data.flag_off("flag", "after", 100))
    updated(test, client, "flag", "default", "after", "default", True)


def deleted_before(test):
    """What is deleted before it is known stays so for lower versions."""
    source = mock.Stream(data.EMPTY)
    client, at = connect(test, source)
    at.need_request(test)
    source.delete("flags", "flag", 100)
    for version in (99, 100):
        source.patch("flags", data.flag_off("flag", "after", version))
        updated(test, client, "flag", "default", "after", "default", False)
    source.patch("flags", data.flag_off("flag", "after", 101))
    updated(test, client, "flag", "default", "after", "default", True)


def new_segment(test):
    source = mock.Stream(data.flags(segment_flag()))
    client, at = connect(test, source)
    at.need_request(test)
    test.need_equal(client.value("flag", data.user(), "default"), "out")
    source.patch("segments", data.segment("segment", 100, included=["user-key"]))
    updated(test, client, "flag", "out", "in", "default", True)


def segment_deleted_before(test):
    source = mock.Stream(data.flags(segment_flag()))
    client, at = connect(test, source)
    at.need_request(test)
    source.delete("segments", "segment", 100)
    source.patch("segments", data.segment("segment", 100, included=["user-key"]))
    updated(test, client, "flag", "out", "in", "default", False)


def whole_again(test):
    """A put replaces all, whatever the versions are."""
    source = mock.Stream(
        data.flags(data.flag_off("flag", "before", 100), data.flag_off("gone", "x", 100))
    )
    client, at = connect(test, source)
    at.need_request(test)
    source.put(data.flags(data.flag_off("flag", "after", 1)))
    updated(test, client, "flag", "before", "after", "default", True)
    test.equal(client.value("gone", data.user(), "default"), "default", "the flag that is gone")


def odd_keys(test):
    """Keys are taken from the path as they are."""
    source = mock.Stream(data.EMPTY)
    client, at = connect(test, source)
    at.need_request(test)
    for key in ("a/b", "a%2Fb", "ключ", 'quo"te', "with space", "flags/x"):
        source.patch("flags", data.flag_off(key, key, 1))
        test.until(lambda key=key: client.value(key, data.user()) == key, f"flag {key}")


def split_up(test):
    """Bytes arrive as the network likes."""
    source = mock.Stream(None)
    client, at = connect(test, source, startWaitTimeMs=1, initCanFail=True)
    request = at.need_request(test)
    body = mock.compact({"path": "/", "data": data.flags(data.flag_off("flag", "välue"))})
    whole = b"\xef\xbb\xbf: a comment\r\nid: 7\r\nevent:put\r\ndata:" + body + b"\r\n\r\n"
    for i in range(0, len(whole), 7):
        request.chunk(whole[i : i + 7])
    test.until(lambda: client.value("flag", data.user()) == "välue", "the flag")


def several_lines(test):
    """An event's data may come in several lines."""
    source = mock.Stream(data.EMPTY)
    client, at = connect(test, source)
    at.need_request(test)
    item = data.flag_off("flag", "value", 2)
    text = json.dumps({"path": "/flags/flag", "data": item}, indent=1).encode()
    source.push("patch", text)
    test.until(lambda: client.value("flag", data.user()) == "value", "the flag")


# ---- malformed and unknown data ----

BAD = [
    ("malformed JSON/put", "put", b"{sorry"),
    ("malformed JSON/patch", "patch", b"{sorry"),
    ("malformed JSON/delete", "delete", b"{sorry"),
    ("another shape/put", "put", b'{"path":"/","data":{"flags":true,"segments":{}}}'),
    ("another shape/patch", "patch", b'{"path":"/flags/x","data":true}'),
    ("another shape/patch of a flag", "patch", b'{"path":"/flags/x","data":{"version":"1"}}'),
    ("another shape/delete", "delete", b'{"path":"/flags/x","version":"no"}'),
]
IGNORED = [
    ("unknown event, JSON", "whatever", b"{}"),
    ("unknown event, no JSON", "whatever", b"not JSON"),
    ("patch of an unknown kind", "patch", b'{"path":"/cats/Jack","data":{}}'),
    ("delete of an unknown kind", "delete", b'{"path":"/cats/Jack","version":1}'),
    ("unknown members", "patch", b'{"path":"/flags/y","data":{"version":1,"x":{"y":[]}},"z":0}'),
    ("put of another path", "put", b'{"path":"/other","data":{"flags":{}}}'),
]


def number_flag(version, value):
    return data.flags(data.flag_off("flag", value, version))


def drops_and_reconnects(name, payload):
    def run(test):
        first, second = mock.Stream(number_flag(1, 1)), mock.Stream(number_flag(2, 2))
        client, at = connect(test, mock.in_turn(first, second))
        test.need_equal(client.all_flags(data.user()).get("flag"), 1)
        at.need_request(test)
        first.push(name, payload)
        at.need_request(test)
        updated(test, client, "flag", 1, 2, None, True)

    return run


def ignores(name, payload):
    def run(test):
        source = mock.Stream(number_flag(1, 1))
        client, at = connect(test, source)
        at.need_request(test)
        source.push(name, payload)
        source.patch("flags", data.flag_off("flag", 2, 2))
        updated(test, client, "flag", 1, 2, None, True)
        at.need_silence(test)

    return run


# ---- retries ----

RECOVERABLE = (400, 408, 429, 500, 503)
UNEXPECTED = (401, 403, 405)


def after_end(end):
    def run(test):
        first, second = mock.Stream(number_flag(1, 1)), mock.Stream(number_flag(2, 2))
        client, at = connect(test, mock.in_turn(first, second))
        test.need_equal(client.value("flag", data.user()), 1)
        end(at.need_request(test))
        at.need_request(test)
        updated(test, client, "flag", 1, 2, None, True)

    return run


def initial_delay(test):
    _, at = service.stream(test, number_flag(1, 1))
    client = service.client(
        test, streaming={"baseUri": at.url, "initialRetryDelayMs": 10000}
    )
    test.need_equal(client.value("flag", data.user()), 1)
    at.need_request(test).cancel()
    at.need_silence(test)


def retry_by_server(test):
    """The stream itself may say how long to wait."""
    source, at = service.stream(test, number_flag(1, 1))
    service.client(test, streaming={"baseUri": at.url, "initialRetryDelayMs": 10000})
    request = at.need_request(test)
    request.chunk(b"retry: 1\n\n")
    request.chunk(b": so much for that\n\n")
    time.sleep(0.05)
    request.cancel()
    at.need_request(test)


def on_first_connection(failure):
    def run(test):
        source = mock.Stream(number_flag(1, 1))
        client, at = connect(test, mock.in_turn(failure, failure, source))
        test.equal(client.all_flags(data.user()).get("flag"), 1)
        for _ in range(3):
            at.need_request(test)
        at.need_silence(test)

    return run


def on_reconnection(failure):
    def run(test):
        first, second = mock.Stream(number_flag(1, 1)), mock.Stream(number_flag(2, 2))
        client, at = connect(test, mock.in_turn(first, failure, failure, second))
        test.need_equal(client.all_flags(data.user()).get("flag"), 1)
        at.need_request(test).cancel()
        for _ in range(3):
            at.need_request(test)
        updated(test, client, "flag", 1, 2, None, True)

    return run


def refused_first(code):
    """No second try soon, and none at all where the retry conformance is not claimed."""

    def run(test):
        source = mock.Stream(number_flag(1, 1))
        client, at = connect(
            test, mock.in_turn(mock.status(code), source), initCanFail=True, startWaitTimeMs=200
        )
        at.need_request(test)
        at.need_silence(test)
        test.equal(client.value("flag", data.user(), "default"), "default")

    return run


def refused_later(code):
    """What was served is served on."""

    def run(test):
        source = mock.Stream(number_flag(1, 1))
        client, at = connect(test, mock.in_turn(source, mock.status(code), source))
        test.need_equal(client.value("flag", data.user()), 1)
        at.need_request(test).cancel()
        at.need_request(test)
        at.need_silence(test)
        test.equal(client.value("flag", data.user()), 1)

    return run


# ---- the end ----


def closes(test):
    """A client that is closed closes its stream."""
    _, at = service.stream(test, data.EMPTY)
    client = service.client(test, streaming={"baseUri": at.url})
    request = at.need_request(test)
    client.close()
    test.check(request.gone.wait(5), "the stream is still open")


def closes_while_waiting(test):
    """Also one that is about to reconnect, and one that never got anything."""
    at = service.endpoint(test, mock.status(503))
    client = service.client(
        test,
        streaming={"baseUri": at.url, "initialRetryDelayMs": 10000},
        initCanFail=True,
        startWaitTimeMs=50,
    )
    at.need_request(test)
    client.close()
    at.need_silence(test)


UNITS = [
    ("streaming/updates/flag that is new", new_flag),
    ("streaming/updates/flag that was deleted before it was known", deleted_before),
    ("streaming/updates/segment that is new", new_segment),
    ("streaming/updates/segment that was deleted before it was known", segment_deleted_before),
    ("streaming/updates/everything again", whole_again),
    ("streaming/updates/odd keys", odd_keys),
    ("streaming/format/bytes in small parts", split_up),
    ("streaming/format/data in several lines", several_lines),
    ("streaming/retry/after the stream's end", after_end(lambda request: request.cancel())),
    ("streaming/retry/after a broken stream", after_end(lambda request: request.reset())),
    ("streaming/retry/initial delay", initial_delay),
    ("streaming/retry/delay that the stream names", retry_by_server),
    ("streaming/retry/broken connection at first", on_first_connection(mock.broken)),
    ("streaming/retry/broken connection later", on_reconnection(mock.broken)),
    ("streaming/lifecycle/closes", closes),
    ("streaming/lifecycle/closes while waiting", closes_while_waiting),
]


def units():
    made = list(UNITS)
    for delete in (False, True):
        verb = "delete" if delete else "patch"
        for word, delta, applied in DELTAS:
            fate = "is applied" if applied else "is not applied"
            for what, update in (("flag", flag_update), ("segment", segment_update)):
                name = f"streaming/updates/{what} {verb} with {word} version {fate}"
                made.append((name, update(delete, delta, applied)))
    for name, event, payload in BAD:
        made.append((f"streaming/validation/{name}", drops_and_reconnects(event, payload)))
    for name, event, payload in IGNORED:
        made.append((f"streaming/validation/ignored/{name}", ignores(event, payload)))
    for code in RECOVERABLE:
        made.append((f"streaming/retry/{code} at first", on_first_connection(mock.status(code))))
        made.append((f"streaming/retry/{code} later", on_reconnection(mock.status(code))))
    for code in UNEXPECTED:
        made.append((f"streaming/retry/{code} at first, not soon", refused_first(code)))
        made.append((f"streaming/retry/{code} later, not soon", refused_later(code)))
    return made
