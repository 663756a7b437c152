"""events/context properties: what of a context leaves the host."""
import time

import data
import expect
import service

NESTED = {"prop1": {"sub1": True}, "prop2": {"sub1": 4, "sub2": 5}}


def without(context, *names):
    return {name: v for name, v in context.items() if name not in names and name != "_meta"}


class Case:
    """settings: of events. members: of the contexts, or kinds. left(context): what is sent;
    redacted: by kind."""

    def __init__(self, name, members=None, settings=None, left=None, redacted=None, make=None):
        self.name = name
        self.settings = settings or {}
        self.make = make or data.Contexts("privacy", **(members or {})).next
        self.left = left or (lambda context: without(context))
        self.redacted = redacted or {}


def private(*references):
    return {"_meta": {"privateAttributes": list(references)}}


def two_kinds():
    """The user's b is private, the org's is not."""
    key = data.Contexts("kinds").next()["key"]
    org = {"kind": "org", "key": key, "b": "o"}
    return data.multi(data.user(key, b="u", **private("b")), org)


def two_kinds_left(context):
    kinds = data.parts(context)
    return data.rebuilt({"user": without(kinds["user"], "b"), "org": kinds["org"]})


CASES = [
    Case("a user, minimal"),
    Case(
        "several kinds, minimal", make=data.Contexts("privacy", kinds=("org", "other")).next
    ),
    Case(
        "attributes, nothing private",
        make=data.Contexts("privacy", kinds=("org",), name="a", b="c", anonymous=True).next,
    ),
    Case(
        "all attributes private",
        {"name": "a", "b": "c", "anonymous": True},
        {"allAttributesPrivate": True},
        lambda context: without(context, "name", "b"),
        {"user": ["name", "b"]},
    ),
    Case(
        "private in the configuration and in the context",
        {"name": "a", "b": "c", "d": "e", **private("b")},
        {"globalPrivateAttributes": ["name"]},
        lambda context: without(context, "name", "b"),
        {"user": ["name", "b"]},
    ),
    Case(
        "private parts of objects",
        {"name": "a", "b": {"prop1": True, "prop2": 3}, "c": NESTED, **private("/b/prop1")},
        {"globalPrivateAttributes": ["/c/prop2/sub1"]},
        lambda context: {
            **without(context),
            "b": {"prop2": 3},
            "c": {"prop1": {"sub1": True}, "prop2": {"sub2": 5}},
        },
        {"user": ["/b/prop1", "/c/prop2/sub1"]},
    ),
    Case(
        "private, but not there",
        {"b": {"c": 1}, **private("x", "/b/x", "/b/c/x", "/y/z")},
        {"globalPrivateAttributes": ["key", "kind", "anonymous"]},
    ),
    Case(
        "of one kind, not of the other",
        make=two_kinds,
        left=two_kinds_left,
        redacted={"user": ["b"]},
    ),
    Case(
        "a parent, and a part of it",
        {"b": {"c": 1, "d": 2}, **private("b", "/b/c")},
        None,
        lambda context: without(context, "b"),
        {"user": ["b"]},
    ),
    Case(
        "a name with a slash",
        {"/ssn": "1", "a/b": "2", "c": "3", **private("/~1ssn", "a/b")},
        None,
        lambda context: without(context, "/ssn", "a/b"),
        {"user": ["/~1ssn", "a/b"]},
    ),
] + [Case(f"a custom attribute {value!r}", {"attr": value}) for value in data.VALUES[1:]]


def flags():
    return data.flags(
        data.flag_on("flag", "value"),
        data.flag_on("debugged", "value", debugEventsUntilDate=int(time.time() * 1000) + 1000000),
    )


def checks_of(case):
    def run(test):
        sink = service.events(test)
        client = service.client(
            test, service.streaming(test, flags()), service.to_events(sink, **case.settings)
        )

        def sent(expectation, context):
            return expect.with_context(expectation, case.left(context), case.redacted)

        def of(act, *wanted, index=True):
            """The events of an act, for a new context and for a new one as an old-style user."""

            def check(t, context, who, user):
                act(client, who, user)
                client.flush()
                events = [sent(each, context) if exact else each for each, exact in wanted]
                if index:
                    events.append(sent(expect.index(), context))
                expect.are(t, sink.need(t), *events)

            def one(t):
                context = case.make()
                check(t, context, context, False)
                other = case.make()
                old = data.old_user(other)
                if old and t.has("user-type"):
                    t.run("old user", lambda t: check(t, other, old, True))

            return one

        summary = (expect.summary(), False)
        debug = (expect.any_of_kind("debug"), True)
        test.run(
            "debug event",
            of(lambda c, who, user: c.value("debugged", who, "d", user=user), debug, summary),
        )
        test.run(
            "identify event",
            of(
                lambda c, who, user: c.identify(who, user),
                (expect.identify(), True),
                index=False,
            ),
        )
        test.run(
            "index event of an evaluation",
            of(lambda c, who, user: c.value("unknown", who, user=user), summary),
        )
        test.run(
            "index event of a custom event",
            of(lambda c, who, user: c.track("e", who, user), (expect.custom(), False)),
        )

    return run


def not_for_others(test):
    """One context's private attributes say nothing of the next one's."""
    sink = service.events(test)
    client = service.client_with(test, data.EMPTY, sink)
    first = data.user("first", b="c", **private("b"))
    second = data.user("second", b="c")
    for who in (first, second):
        client.identify(who)
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.with_context(expect.identify(first), without(first, "b"), {"user": ["b"]}),
        expect.with_context(expect.identify(second), second),
    )


def inline_events(test):
    """Feature and custom events carry the whole context, redacted like the others."""
    test.need_capability("inline-context-all")
    sink = service.events(test)
    flag = data.flag_on("tracked", "value", trackEvents=True)
    client = service.client_with(test, data.flags(flag), sink)
    who = data.user("inline", b="c", d="e", **private("b"))
    left = without(who, "b")
    client.value("tracked", who, "default")
    client.track("event-key", who)
    client.flush()
    redacted = {"user": ["b"]}
    expect.are(
        test,
        sink.need(test),
        expect.with_context(expect.index(), left, redacted),
        expect.with_context(
            expect.feature(flag, who, "value", 0, "default"), left, redacted
        ),
        expect.with_context(expect.custom("event-key"), left, redacted),
        expect.summary(),
    )


def units():
    return [(f"events/context properties/{case.name}", checks_of(case)) for case in CASES] + [
        ("events/context properties/not for other contexts", not_for_others),
        ("events/context properties/feature and custom events", inline_events),
    ]
