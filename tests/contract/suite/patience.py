"""retry conformance: what a refused source does minutes later. Only with --long."""
import time

import data
import mock
import service

SOON = 1  # ms
NORMAL = 2  # s, for a connection that comes soon
SLOW = 5 * 60 + 10  # s, for one that comes slowly: half of five minutes to five minutes
HEALTHY = 75  # s, of a stream that counts as healthy


def flag(version, value):
    return data.flags(data.flag_off("flag", value, version))


def refused_stream(test, *handlers):
    at = service.endpoint(test, mock.in_turn(*handlers))
    client = service.client(
        test,
        {"streaming": {"baseUri": at.url, "initialRetryDelayMs": SOON}},
        initCanFail=True,
        startWaitTimeMs=1,
    )
    return client, at


def first_refused(code):
    def run(test):
        test.need_capability("retry-conformance-fdv1-streaming")
        client, at = refused_stream(test, mock.status(code), mock.Stream(flag(1, 1)))
        at.need_request(test, NORMAL)
        at.need_silence(test)
        begin = time.monotonic()
        at.need_request(test, SLOW)
        test.check(time.monotonic() - begin > 140, "it came too soon")
        test.until(lambda: client.value("flag", data.user()) == 1, "the flag")

    return run


def later_refused(code):
    def run(test):
        test.need_capability("retry-conformance-fdv1-streaming")
        client, at = refused_stream(
            test, mock.Stream(flag(1, 1)), mock.status(code), mock.Stream(flag(2, 2))
        )
        at.need_request(test, NORMAL).cancel()
        at.need_request(test, NORMAL)
        at.need_request(test, SLOW)
        test.until(lambda: client.value("flag", data.user()) == 2, "the new value")

    return run


def always_refused(test):
    test.need_capability("retry-conformance-fdv1-streaming")
    _, at = refused_stream(test, mock.status(401))
    at.need_request(test, NORMAL)
    at.need_request(test, SLOW)


def healthy_again(test):
    """After a minute of a good stream reconnecting is quick again."""
    test.need_capability("retry-conformance-fdv1-streaming")
    _, at = refused_stream(
        test, mock.status(401), mock.Stream(flag(1, 1)), mock.Stream(flag(2, 2))
    )
    at.need_request(test, NORMAL)
    request = at.need_request(test, SLOW)
    time.sleep(HEALTHY)
    request.cancel()
    at.need_request(test, 30)


def poll_refused(code):
    def run(test):
        test.need_capability("retry-conformance-fdv1-polling")
        at = service.endpoint(test, mock.in_turn(mock.status(code), mock.Poll(flag(1, 1))))
        client = service.client(
            test, {"polling": {"baseUri": at.url}}, initCanFail=True, startWaitTimeMs=1
        )
        at.need_request(test, NORMAL)
        at.need_request(test, SLOW)
        test.until(lambda: client.value("flag", data.user()) == 1, "the flag")

    return run


def poll_interval(test):
    """30 s at least, whatever is configured; and what has not changed is not sent again."""
    handler = mock.Poll(flag(1, 1), etag='"v1"')
    at = service.endpoint(test, handler)
    client = service.client(test, {"polling": {"baseUri": at.url, "pollIntervalMs": 100}})
    first = at.need_request(test)
    test.equal(first.header("if-none-match"), None, "If-None-Match at first")
    second = at.need_request(test, 40)
    test.check(second.time - first.time >= 29.5, "it was too soon")
    test.equal(second.header("if-none-match"), '"v1"', "If-None-Match")
    test.equal(client.value("flag", data.user()), 1)


def units():
    made = [
        ("long/streaming/always refused", always_refused),
        ("long/streaming/healthy again", healthy_again),
        ("long/polling/interval and ETag", poll_interval),
    ]
    for code in (401, 403, 405):
        made.append((f"long/streaming/{code} at first", first_refused(code)))
        made.append((f"long/streaming/{code} later", later_refused(code)))
        made.append((f"long/polling/{code} at first", poll_refused(code)))
    return made
