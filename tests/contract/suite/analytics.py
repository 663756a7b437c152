"""events: what evaluations, identify and track come to at LaunchDarkly's side."""
import time

import data
import expect
import service

NEVER_SAMPLED = {"samplingRatio": 0}


def untracked(kind):
    return data.flag_on(f"untracked-{kind}", data.FIRST[kind])


def tracked(kind):
    return data.flag_on(f"tracked-{kind}", data.FIRST[kind], 7, trackEvents=True)


FALLTHROUGH = {"kind": "FALLTHROUGH"}
MALFORMED = {"kind": "ERROR", "errorKind": "MALFORMED_FLAG"}


# ---- summaries ----


def summary_basic(test):
    target = [{"variation": 1, "values": ["user-b"]}]

    def flag(key, version, values):
        return data.flag(
            key, values, version, on=True, fallthrough={"variation": 0}, targets=target
        )

    flags = data.flags(flag("flag1", 100, ["a1", "b1"]), flag("flag2", 200, ["a2", "b2"]))
    sink = service.events(test)
    client = service.client_with(test, flags, sink)
    a, b = data.user("user-a"), data.user("user-b")
    for who in (a, b, a):
        client.value("flag1", who, "default1")
    client.value("flag2", a, "default2")
    client.flush()
    counters = [expect.counter("a1", 0, 100, 2), expect.counter("b1", 1, 100, 1)]
    expect.are(
        test,
        sink.need(test),
        expect.index(a),
        expect.index(b),
        expect.summary(
            flag1=("default1", ["user"], counters),
            flag2=("default2", ["user"], [expect.counter("a2", 0, 200, 1)]),
        ),
    )


def summary_kinds(test):
    """The kinds of all contexts that a flag was evaluated for."""
    sink = service.events(test)
    client = service.client_with(test, data.flags(data.flag_off("flag1", "a", 100)), sink)
    org = {"kind": "org", "key": "o"}
    both = data.multi(data.user("u"), {"kind": "device", "key": "d"})
    for who in (org, both):
        client.value("flag1", who, "default")
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.index(org),
        expect.index(both),
        expect.summary(
            flag1=("default", ["device", "org", "user"], [expect.counter("a", 0, 100, 2)])
        ),
    )


def summary_unknown(test):
    sink = service.events(test)
    client = service.client_with(test, data.EMPTY, sink)
    for _ in range(2):
        client.value("flag-x", data.user(), "default1")
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user()),
        expect.summary(
            **{"flag-x": ("default1", ["user"], [expect.unknown_counter("default1", 2)])}
        ),
    )


def summary_no_value(test):
    """Off without an off variation: the fallback, and a version, but no variation."""
    sink = service.events(test)
    client = service.client_with(test, data.flags(data.flag("flag1", ["a"], 100)), sink)
    client.value("flag1", data.user(), "default1")
    client.flush()
    counter = {"value": "default1", "version": 100, "count": 1}
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user()),
        expect.summary(flag1=("default1", ["user"], [counter])),
    )


def summary_reset(test):
    flag = data.flag(
        "flag1",
        ["a", "b"],
        100,
        on=True,
        fallthrough={"variation": 0},
        targets=[{"variation": 1, "values": ["user-b"]}],
    )
    sink = service.events(test)
    client = service.client_with(test, data.flags(flag), sink)
    a, b = data.user("user-a"), data.user("user-b")
    for who in [a] * 10 + [b] * 3:
        client.value("flag1", who, "default")
    client.flush()
    both = [expect.counter("a", 0, 100, 10), expect.counter("b", 1, 100, 3)]
    expect.are(
        test,
        sink.need(test),
        expect.index(a),
        expect.index(b),
        expect.summary(flag1=("default", ["user"], both)),
    )
    for _ in range(2):
        client.value("flag1", b, "default")
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.summary(flag1=("default", ["user"], [expect.counter("b", 1, 100, 2)])),
    )
    client.flush()
    sink.need_none(test)


def chain(**more):
    """flag1 needs flag2, which needs flag3: decided by a fallthrough, a target and a rule."""
    flag1 = data.flag(
        "flag1",
        ["x0", "value1"],
        100,
        on=True,
        offVariation=0,
        fallthrough={"variation": 1},
        prerequisites=[{"key": "flag2", "variation": 2}],
        **more,
    )
    flag2 = data.flag(
        "flag2",
        ["x0", "x1", "ok2"],
        200,
        on=True,
        offVariation=0,
        fallthrough={"variation": 0},
        prerequisites=[{"key": "flag3", "variation": 3}],
        targets=[{"variation": 2, "values": ["user-key"]}],
        **more,
    )
    flag3 = data.flag(
        "flag3",
        ["x0", "x1", "x2", "ok3"],
        300,
        on=True,
        offVariation=0,
        fallthrough={"variation": 0},
        rules=[data.rule(data.clause("key", "in", "user-key"), id="rule1", variation=3)],
        **more,
    )
    return flag1, flag2, flag3


def summary_prerequisites(test):
    sink = service.events(test)
    client = service.client_with(test, data.flags(*chain()), sink)
    for _ in range(3):
        client.value("flag1", data.user(), "default")
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user()),
        expect.summary(
            flag1=("default", ["user"], [expect.counter("value1", 1, 100, 3)]),
            flag2=(expect.ANY, ["user"], [expect.counter("ok2", 2, 200, 3)]),
            flag3=(expect.ANY, ["user"], [expect.counter("ok3", 3, 300, 3)]),
        ),
    )


def summary_versions(test):
    def version(number, value, variation):
        return data.flag("flag1", ["a", "b"], number, offVariation=variation)

    source, at = service.stream(test, data.flags(version(100, "a", 0)))
    sink = service.events(test)
    client = service.client(
        test, {"streaming": {"baseUri": at.url}}, service.to_events(sink)
    )
    test.need_equal(client.value("flag1", data.user(), "default"), "a")
    at.need_request(test)
    source.patch("flags", version(200, "b", 1))
    test.until(lambda: client.value("flag1", data.user(), "default") == "b", "the new value")
    client.flush()
    counters = [expect.counter("a", 0, 100, None), expect.counter("b", 1, 200, 1)]
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user()),
        expect.summary(flag1=("default", ["user"], counters)),
    )


def summary_typed(test):
    """Every typed call is counted with its value."""
    flags = data.flags(*(untracked(kind) for kind in data.TYPES))

    def of(kind):
        def run(t):
            sink = service.events(t)
            client = service.client_with(t, flags, sink)
            flag = untracked(kind)["key"]
            client.value(flag, data.user(), data.SECOND[kind], type=kind)
            client.flush()
            counters = [expect.counter(data.FIRST[kind], 0, 1, 1)]
            expect.are(
                t,
                sink.need(t),
                expect.index(data.user()),
                expect.summary(**{flag: (data.SECOND[kind], ["user"], counters)}),
            )

        return run

    for kind in data.TYPES:
        test.run(f"type {kind}", of(kind))


def summary_excluded(test):
    test.need_capability("event-sampling")
    sink = service.events(test)
    flags = data.flags(
        data.flag_on("in", "a"), data.flag_on("out", "a", excludeFromSummaries=True)
    )
    client = service.client_with(test, flags, sink)
    client.value("out", data.user(), "default")
    client.value("in", data.user(), "default")
    client.flush()
    only = expect.summary(**{"in": ("default", ["user"], [expect.counter("a", 0, 1, 1)])})
    expect.are(test, sink.need(test), expect.index(data.user()), only)


# ---- feature events ----


def feature_flags():
    bad = data.flag("bad-flag", ["a"], offVariation=-1, trackEvents=True)
    never = data.flag_on("never-sampled", True, trackEvents=True, **NEVER_SAMPLED)
    both = [make(kind) for kind in data.TYPES for make in (untracked, tracked)]
    return data.flags(bad, never, *both)


def feature_client(test):
    sink = service.events(test)
    return service.client_with(test, feature_flags(), sink), sink


def feature_untracked(test):
    client, sink = feature_client(test)
    contexts = data.Contexts("untracked")

    def of(kind, detail):
        def run(t):
            who = contexts.next()
            got = client.evaluate(
                untracked(kind)["key"], who, data.SECOND[kind], kind, detail
            )
            t.need_equal(got["value"], data.FIRST[kind])
            t.equal(got.get("reason"), FALLTHROUGH if detail else None, "reason")
            client.flush()
            expect.are(t, sink.need(t), expect.index(who), expect.summary())

        return run

    for detail in (False, True):
        for kind in data.TYPES:
            test.run(f"{'with' if detail else 'without'} detail, type {kind}", of(kind, detail))


def feature_tracked(test):
    client, sink = feature_client(test)

    def of(contexts, kind, detail, bad):
        def run(t):
            who = contexts.next()
            flag = feature_flags()["flags"]["bad-flag"] if bad else tracked(kind)
            value, variation = (data.SECOND[kind], None) if bad else (data.FIRST[kind], 0)
            reason = MALFORMED if bad else FALLTHROUGH
            got = client.evaluate(flag["key"], who, data.SECOND[kind], kind, detail)
            t.need_equal(got["value"], value)
            client.flush()
            expect.are(
                t,
                sink.need(t),
                expect.index(who),
                expect.feature(
                    flag, who, value, variation, data.SECOND[kind], reason if detail else None
                ),
                expect.summary(),
            )

        return run

    for detail in (False, True):
        for contexts in data.single_and_multi("tracked"):
            for bad in (False, True):
                for kind in data.TYPES:
                    test.run(
                        f"{'with' if detail else 'without'} detail, {contexts.description}, "
                        f"{'malformed' if bad else 'valid'} flag, type {kind}",
                        of(contexts, kind, detail, bad),
                    )


def feature_sampled_out(test):
    test.need_capability("event-sampling")
    client, sink = feature_client(test)
    client.value("never-sampled", data.user(), False, type="bool")
    client.flush()
    expect.are(test, sink.need(test), expect.index(data.user()), expect.summary())


def feature_sampled(test):
    """One in two of many: neither none nor all, and each says the ratio."""
    test.need_capability("event-sampling")
    sink = service.events(test)
    flag = data.flag_on("flag", "a", trackEvents=True, samplingRatio=2)
    client = service.client_with(test, data.flags(flag), sink)
    for _ in range(200):
        client.value("flag", data.user(), "default")
    client.flush()
    payload = sink.need(test)
    features = [event for event in payload if event["kind"] == "feature"]
    test.check(50 < len(features) < 150, f"{len(features)} of 200 events were sent")
    test.check(all(event.get("samplingRatio") == 2 for event in features), "without samplingRatio")
    (one,) = [event for event in payload if event["kind"] == "summary"]
    test.equal(one["features"]["flag"]["counters"][0]["count"], 200, "counted")


def no_events_of_all_flags(test):
    client, sink = feature_client(test)
    client.all_flags(data.user())
    client.flush()
    sink.need_none(test)


ANONYMOUS = {
    "anonymous": True,
    "name": "A name",
    "setup": "a question",
    "punchline": "an answer",
}
REDACTED = ["name", "setup", "punchline"]


def half_anonymous():
    """(context of two kinds, what is left of it, what is redacted): the user is anonymous."""
    key = data.Contexts("half").next()["key"]
    org = {"kind": "org", "key": key, "name": "Its name", "setup": "b", "punchline": "c"}
    who = data.multi(data.user(key, **ANONYMOUS), org)
    return who, data.multi(data.user(key, anonymous=True), org), {"user": REDACTED}


def feature_redacts_anonymous(test):
    test.need_capability("anonymous-redaction")
    client, sink = feature_client(test)

    def of(kind, several):
        def run(t):
            if several:
                who, left, redacted = half_anonymous()
            else:
                who = data.Contexts("anonymous", **ANONYMOUS).next()
                left, redacted = data.user(who["key"], anonymous=True), {"user": REDACTED}
            client.value(tracked(kind)["key"], who, data.SECOND[kind], type=kind)
            client.flush()
            wanted = expect.feature(tracked(kind), who, data.FIRST[kind], 0, data.SECOND[kind])
            expect.are(
                t,
                sink.need(t),
                expect.with_context(expect.index(who), who),
                expect.with_context(wanted, left, redacted),
                expect.summary(),
            )

        return run

    for several in (False, True):
        for kind in data.TYPES:
            test.run(f"{'several kinds' if several else 'a user'}, type {kind}", of(kind, several))


# ---- debug events ----


def debugging(until_s, **more):
    flags = [
        data.flag_on(
            f"flag-{kind}", data.FIRST[kind], 3, debugEventsUntilDate=int(until_s * 1000), **more
        )
        for kind in data.TYPES
    ]
    return data.flags(*flags)


def learn_time(test, client, sink):
    """Lets the agent see LaunchDarkly's clock, in the answer to some events."""
    client.identify(data.Contexts("clock").next())
    client.flush()
    sink.need(test)
    time.sleep(0.05)  # the payload is here before its answer is there


def debug_checks(seen, until_from_now, server_from_until):
    """server_from_until: seconds from the date to LaunchDarkly's time; None: it is not known."""

    def run(test):
        until = time.time() + until_from_now
        sink = service.events(test)
        flags = debugging(until)
        if server_from_until is not None:
            sink.time = until + server_from_until
        client = service.client_with(test, flags, sink)
        if server_from_until is not None:
            learn_time(test, client, sink)

        def of(kind, detail):
            def one(t):
                who = data.Contexts("debug").next()
                flag = flags["flags"][f"flag-{kind}"]
                value = client.value(
                    flag["key"], who, data.SECOND[kind], type=kind, detail=detail
                )
                t.need_equal(value, data.FIRST[kind])
                client.flush()
                wanted = [expect.index(who), expect.summary()]
                if seen:
                    reason = FALLTHROUGH if detail else None
                    wanted.append(
                        expect.debug(flag, who, value, 0, data.SECOND[kind], reason)
                    )
                expect.are(t, sink.need(t), *wanted)

            return one

        for detail in (False, True):
            for kind in data.TYPES:
                test.run(f"{'with' if detail else 'without'} detail, type {kind}", of(kind, detail))

    return run


HOUR, MINUTE = 3600, 60


def debug_and_tracked(test):
    """A flag that is both tracked and debugged has both events."""
    sink = service.events(test)
    flags = debugging(time.time() + HOUR, trackEvents=True)
    client = service.client_with(test, flags, sink)
    client.value("flag-string", data.user(), "d", type="string")
    client.flush()
    flag = flags["flags"]["flag-string"]
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user()),
        expect.feature(flag, data.user(), "string1", 0, "d"),
        expect.debug(flag, data.user(), "string1", 0, "d"),
        expect.summary(),
    )


def debug_sampled_out(test):
    test.need_capability("event-sampling")
    sink = service.events(test)
    client = service.client_with(test, debugging(time.time() + HOUR, **NEVER_SAMPLED), sink)
    client.value("flag-bool", data.user(), False, type="bool")
    client.flush()
    expect.are(test, sink.need(test), expect.index(data.user()), expect.summary())


# ---- prerequisites ----


def prerequisite_events(detail):
    def run(test):
        flags = chain(trackEvents=True)
        sink = service.events(test)
        client = service.client_with(test, data.flags(*flags), sink)
        got = client.evaluate("flag1", data.user(), "default", "string", detail)
        test.equal(got["value"], "value1")
        client.flush()
        rule = {"kind": "RULE_MATCH", "ruleIndex": 0, "ruleId": "rule1"}
        reasons = [FALLTHROUGH, {"kind": "TARGET_MATCH"}, rule] if detail else [None] * 3
        who = data.user()
        expect.are(
            test,
            sink.need(test),
            expect.index(who),
            expect.feature(flags[0], who, "value1", 1, "default", reasons[0]),
            expect.feature(flags[1], who, "ok2", 2, None, reasons[1], "flag1"),
            expect.feature(flags[2], who, "ok3", 3, None, reasons[2], "flag2"),
            expect.summary(),
        )

    return run


def prerequisite_fails(test):
    """What failed is told; what was not evaluated and what does not exist is not."""
    fails = data.flag_on("fails", "no", 5, trackEvents=True)
    later = data.flag_on("later", "no", 6, trackEvents=True)

    def needing(key, *keys):
        return data.flag(
            key,
            ["off", "on"],
            on=True,
            offVariation=0,
            fallthrough={"variation": 1},
            trackEvents=True,
            prerequisites=[{"key": each, "variation": 9} for each in keys],
        )

    first, second = needing("needs-fails", "fails", "later"), needing("needs-none", "none", "later")
    sink = service.events(test)
    client = service.client_with(test, data.flags(fails, later, first, second), sink)
    who = data.user()
    client.value("needs-fails", who, "default")
    client.value("needs-none", who, "default")
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.index(who),
        expect.feature(fails, who, "no", 0, None, None, "needs-fails"),
        expect.feature(first, who, "off", 0, "default"),
        expect.feature(second, who, "off", 0, "default"),
        expect.summary(
            **{
                "fails": (expect.ANY, ["user"], [expect.counter("no", 0, 5, 1)]),
                "needs-fails": ("default", ["user"], [expect.counter("off", 0, 1, 1)]),
                "needs-none": ("default", ["user"], [expect.counter("off", 0, 1, 1)]),
            }
        ),
    )


# ---- experiments ----

ROLLOUT = {
    "rollout": {"kind": "experiment", "variations": [{"variation": 1, "weight": 100000}]}
}


def experiment(reason, **members):
    """A feature event with the reason, although neither was asked for."""

    def run(test):
        flag = data.flag("flag-key", ["bad", "good"], on=True, **members)
        sink = service.events(test)
        client = service.client_with(test, data.flags(flag), sink)
        test.equal(client.value("flag-key", data.user(), "default", type="string"), "good")
        client.flush()
        expect.are(
            test,
            sink.need(test),
            expect.index(data.user()),
            expect.feature(flag, data.user(), "good", 1, "default", reason),
            expect.summary(),
        )

    return run


RULE1 = {"kind": "RULE_MATCH", "ruleIndex": 0, "ruleId": "rule1"}
EXPERIMENTS = [
    (
        "in a rule",
        experiment(
            {**RULE1, "inExperiment": True}, rules=[data.rule(id="rule1", **ROLLOUT)]
        ),
    ),
    (
        "in the fallthrough",
        experiment({**FALLTHROUGH, "inExperiment": True}, fallthrough=ROLLOUT),
    ),
    (
        "a tracked rule",
        experiment(RULE1, rules=[data.rule(id="rule1", variation=1, trackEvents=True)]),
    ),
    (
        "a tracked fallthrough",
        experiment(FALLTHROUGH, fallthrough={"variation": 1}, trackEventsFallthrough=True),
    ),
]


def experiment_untracked(test):
    """An experiment's untracked variation is no experiment."""
    rollout = {
        "kind": "experiment",
        "variations": [{"variation": 1, "weight": 100000, "untracked": True}],
    }
    flag = data.flag("flag-key", ["bad", "good"], on=True, fallthrough={"rollout": rollout})
    sink = service.events(test)
    client = service.client_with(test, data.flags(flag), sink)
    test.equal(client.value("flag-key", data.user(), "default"), "good")
    client.flush()
    expect.are(test, sink.need(test), expect.index(data.user()), expect.summary())


# ---- identify ----


def nothing_but_events(test, **settings):
    sink = service.events(test)
    configuration = service.to_events(sink, **settings)
    return service.client(test, service.streaming(test, data.EMPTY), configuration), sink


def identify_basic(test):
    for contexts in data.single_and_multi("identify"):

        def run(t, contexts=contexts):
            client, sink = nothing_but_events(t)
            who = contexts.next()
            client.identify(who)
            client.flush()
            expect.are(t, sink.need(t), expect.identify(who))

        test.run(contexts.description, run)


def identify_again(test):
    """It is always sent, however often."""
    client, sink = nothing_but_events(test)
    for _ in range(3):
        client.identify(data.user())
    client.flush()
    expect.are(test, sink.need(test), *[expect.identify(data.user())] * 3)


def identify_no_index(test):
    for contexts in data.single_and_multi("seen"):

        def run(t, contexts=contexts):
            client, sink = nothing_but_events(t)
            who = contexts.next()
            client.identify(who)
            client.track("event-key", who)
            client.flush()
            expect.are(t, sink.need(t), expect.identify(who), expect.custom())

        test.run(contexts.description, run)


def identify_invalid(test):
    client, sink = nothing_but_events(test)
    client.identify({"key": ""}, user=True)
    client.identify({"kind": "user", "key": ""})
    client.identify({"kind": "kind", "key": "a"})
    client.flush()
    sink.need_none(test)


ANON_USER = data.user("anon", anonymous=True)
ANON_OTHER = {"kind": "other", "key": "anon-other", "anonymous": True}
KNOWN = {"kind": "other", "key": "known"}


def omitting(test):
    test.need_capability("omit-anonymous-contexts")
    return nothing_but_events(test, omitAnonymousContexts=True)


def identify_omits(test):
    def nothing(who):
        def run(t):
            client, sink = omitting(t)
            client.identify(who)
            client.flush()
            sink.need_none(t)

        return run

    def partly(t):
        client, sink = omitting(t)
        client.identify(data.multi(ANON_USER, KNOWN))
        client.flush()
        expect.are(t, sink.need(t), expect.with_context(expect.identify(), KNOWN))

    test.run("a user", nothing(ANON_USER))
    test.run("several kinds, all anonymous", nothing(data.multi(ANON_USER, ANON_OTHER)))
    test.run("several kinds, one anonymous", partly)


# ---- index ----


def index_basic(test):
    client, sink = nothing_but_events(test)
    who = data.Contexts("index").next()
    client.value("some-flag", who)
    client.flush()
    expect.are(test, sink.need(test), expect.index(who), expect.summary())


def reused_keys():
    """Two of each kind and of several kinds, which have the same keys."""
    keys = [data.Contexts("reused").next()["key"] for _ in range(2)]
    return [contexts.next(key) for contexts in data.single_and_multi("index") for key in keys]


def index_once(cause):
    def run(test):
        client, sink = nothing_but_events(test)
        contexts = reused_keys()
        for _ in range(3):
            for who in contexts:
                if cause == "evaluation":
                    client.value("some-flag", who)
                else:
                    client.track("event1", who)
        client.flush()
        rest = [expect.summary()]
        if cause == "track":
            rest = [expect.custom()] * (3 * len(contexts))
        expect.are(test, sink.need(test), *[expect.index(who) for who in contexts], *rest)

    return run


def index_over_flushes(test):
    """Once, also when events were flushed in between."""
    client, sink = nothing_but_events(test)
    client.value("some-flag", data.user())
    client.flush()
    expect.are(test, sink.need(test), expect.index(data.user()), expect.summary())
    client.value("some-flag", data.user())
    client.flush()
    expect.are(test, sink.need(test), expect.summary())


def index_omits(cause):
    other = expect.custom() if cause == "track" else expect.summary()

    def cause_one(client, who):
        if cause == "track":
            client.track("event1", who)
        else:
            client.evaluate("some-flag", who, False, "bool", True)

    def check(who, *indexed):
        def run(t):
            client, sink = omitting(t)
            cause_one(client, who)
            client.flush()
            expect.are(t, sink.need(t), other, *indexed)

        return run

    def run(test):
        test.run("a user", check(ANON_USER))
        test.run(
            "several kinds, all anonymous", check(data.multi(ANON_USER, ANON_OTHER))
        )
        test.run(
            "several kinds, one anonymous",
            check(data.multi(ANON_USER, KNOWN), expect.with_context(expect.index(), KNOWN)),
        )

    return run


# ---- custom ----


def custom_basic(test):
    for contexts in data.single_and_multi("custom"):

        def run(t, contexts=contexts):
            client, sink = nothing_but_events(t)
            who = contexts.next()
            client.track("event-key", who, data=True, metricValue=1.0)
            client.flush()
            expect.are(
                t,
                sink.need(t),
                expect.index(who),
                expect.custom("event-key", who, True, 1.0),
            )

        test.run(contexts.description, run)


def custom_values(test):
    client, sink = nothing_but_events(test)
    contexts = data.Contexts("custom")

    def of(metric, value, omit):
        def run(t):
            who = contexts.next()
            more = {} if metric is None else {"metricValue": metric}
            if omit:
                more["omitNullData"] = True
            client.track("event-key", who, data=value, **more)
            client.flush()
            expect.are(
                t,
                sink.need(t),
                expect.index(who),
                expect.custom("event-key", who, value, metric),
            )

        return run

    for metric in (None, 0, -1.5, 1.5):
        for value in data.VALUES:
            test.run(f"data {value!r}, metric {metric}", of(metric, value, False))
        test.run(f"no data, metric {metric}", of(metric, None, True))


def custom_redacts_anonymous(test):
    test.need_capability("anonymous-redaction")

    def check(who, left, redacted):
        def run(t):
            client, sink = nothing_but_events(t)
            client.track("event-key", who)
            client.flush()
            expect.are(
                t,
                sink.need(t),
                expect.with_context(expect.index(), who),
                expect.with_context(expect.custom(), left, redacted),
            )

        return run

    who = data.Contexts("anonymous", **ANONYMOUS).next()
    left = data.user(who["key"], anonymous=True)
    test.run("a user", check(who, left, {"user": REDACTED}))
    test.run("several kinds", check(*half_anonymous()))


def custom_invalid(test):
    client, sink = nothing_but_events(test)
    client.track("event-key", {"kind": "kind", "key": "a"})
    client.flush()
    sink.need_none(test)


# ---- capacity ----

CAPACITY = 20


def full(test):
    """(client, receiver, contexts): more identify events than there is room for."""
    client, sink = nothing_but_events(test, capacity=CAPACITY)
    contexts = [data.Contexts("capacity", name="a").next() for _ in range(CAPACITY + 3)]
    for who in contexts:
        client.identify(who)
    return client, sink, [expect.identify(who) for who in contexts[:CAPACITY]]


def capacity_enforced(test):
    client, sink, wanted = full(test)
    client.flush()
    expect.are(test, sink.need(test), *wanted)


def capacity_reset(test):
    client, sink, wanted = full(test)
    client.flush()
    test.equal(len(sink.need(test)), CAPACITY, "events")
    who = data.Contexts("after").next()
    client.identify(who)
    client.flush()
    expect.are(test, sink.need(test), expect.identify(who))


def capacity_summary(test):
    client, sink, wanted = full(test)
    client.value("some-flag", data.user(), False, type="bool")
    client.flush()
    expect.are(test, sink.need(test), *wanted, expect.summary())


# ---- switched off ----


def disabled(action):
    def run(test):
        test.need_capability("service-endpoints")
        sink = service.events(test)
        client = service.client(
            test,
            service.streaming(test, data.EMPTY),
            serviceEndpoints={"events": sink.endpoint.url},
        )
        action(client)
        client.flush()
        sink.endpoint.need_silence(test)

    return run


def at_close(test):
    """What was told before a client is closed arrives."""
    sink = service.events(test)
    client = service.client_with(test, data.EMPTY, sink)
    client.value("some-flag", data.user(), "default")
    client.identify(data.user())
    client.close()
    events = sink.need(test)
    while not sink.payloads.empty():
        events += sink.need(test)
    expect.are(test, events, expect.identify(data.user()), expect.summary(), expect.index())


def by_itself(test):
    """Events are flushed in the interval, unasked."""
    sink = service.events(test)
    client = service.client(
        test,
        service.streaming(test, data.EMPTY),
        events={"baseUri": sink.endpoint.url, "flushIntervalMs": 100},
    )
    client.identify(data.user())
    expect.are(test, sink.need(test), expect.identify(data.user()))


def debug_units():
    cases = [
        ("seen/the date is to come, LaunchDarkly's time is not known", True, HOUR, None),
        ("seen/the date is to come, also for LaunchDarkly", True, HOUR, -MINUTE),
        ("not seen/the date is past, LaunchDarkly's time is not known", False, -HOUR, None),
        ("not seen/the date is past, but not for LaunchDarkly", False, -HOUR, -MINUTE),
        ("not seen/the date is past, also for LaunchDarkly", False, -HOUR, MINUTE),
        ("not seen/the date is to come, but not for LaunchDarkly", False, HOUR, MINUTE),
    ]
    return [(f"events/debug/{name}", debug_checks(*rest)) for name, *rest in cases]


UNITS = (
    [
        ("events/summary/basic", summary_basic),
        ("events/summary/context kinds", summary_kinds),
        ("events/summary/unknown flag", summary_unknown),
        ("events/summary/no value", summary_no_value),
        ("events/summary/reset after each flush", summary_reset),
        ("events/summary/prerequisites", summary_prerequisites),
        ("events/summary/flag versions", summary_versions),
        ("events/summary/typed calls", summary_typed),
        ("events/summary/excluded flags", summary_excluded),
        ("events/feature/untracked flag", feature_untracked),
        ("events/feature/tracked flag", feature_tracked),
        ("events/feature/never sampled", feature_sampled_out),
        ("events/feature/sampled", feature_sampled),
        ("events/feature/none of all flags", no_events_of_all_flags),
        ("events/feature/anonymous contexts are redacted", feature_redacts_anonymous),
    ]
    + debug_units()
    + [
        ("events/debug/beside a feature event", debug_and_tracked),
        ("events/debug/never sampled", debug_sampled_out),
        ("events/prerequisites/without detail", prerequisite_events(False)),
        ("events/prerequisites/with detail", prerequisite_events(True)),
        ("events/prerequisites/failed, missing, not reached", prerequisite_fails),
    ]
    + [(f"events/experimentation/{name}", run) for name, run in EXPERIMENTS]
    + [
        ("events/experimentation/untracked variation", experiment_untracked),
        ("events/identify/basic", identify_basic),
        ("events/identify/again", identify_again),
        ("events/identify/makes index unnecessary", identify_no_index),
        ("events/identify/invalid context", identify_invalid),
        ("events/identify/anonymous contexts left out", identify_omits),
        ("events/index/basic", index_basic),
        ("events/index/once, of evaluations", index_once("evaluation")),
        ("events/index/once, of custom events", index_once("track")),
        ("events/index/once, over flushes", index_over_flushes),
        ("events/index/anonymous contexts left out, of evaluations", index_omits("evaluation")),
        ("events/index/anonymous contexts left out, of custom events", index_omits("track")),
        ("events/custom/basic", custom_basic),
        ("events/custom/data and metric", custom_values),
        ("events/custom/anonymous contexts are redacted", custom_redacts_anonymous),
        ("events/custom/invalid context", custom_invalid),
        ("events/capacity/enforced", capacity_enforced),
        ("events/capacity/reset after a flush", capacity_reset),
        ("events/capacity/summary all the same", capacity_summary),
        (
            "events/disabled/evaluation",
            disabled(lambda client: client.value("some-flag", data.user())),
        ),
        ("events/disabled/identify", disabled(lambda client: client.identify(data.user()))),
        ("events/disabled/track", disabled(lambda client: client.track("a", data.user()))),
        ("events/flush/at the end", at_close),
        ("events/flush/by itself", by_itself),
    ]
)


def units():
    return UNITS
