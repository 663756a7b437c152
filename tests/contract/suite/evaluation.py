"""evaluation: LaunchDarkly's cases, the state of all flags, a client that is not ready."""
import json
import os
import time

import data
import service
from core import same


# ---- the cases ----


def corpus(directory):
    """[(suite, [cases with the same data])], in the files' order."""
    groups = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".json"):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                for case in json.load(file):
                    last = groups[-1][1][-1] if groups else None
                    if last and groups[-1][0] == case["suite"] and same(
                        last["sdkData"], case["sdkData"]
                    ):
                        groups[-1][1].append(case)
                    else:
                        groups.append((case["suite"], [case]))
    return groups


def case_checks(cases):
    def run(test):
        client = service.client_with(test, cases[0]["sdkData"])
        for case in cases:
            if "requireCapability" in case and not test.has(case["requireCapability"]):
                continue
            name = case["name"].removeprefix(case["suite"] + "/")
            test.run(name, lambda t, case=case: one_case(t, client, case))

    return run


def one_case(test, client, case):
    ways(test, client, case, case["context"], False, "")
    if "user" in case and test.has("user-type"):
        ways(test, client, case, case["user"], True, " (old user)")


def ways(test, client, case, who, user, suffix):
    """The calls with which the case's evaluation can be made."""
    expect, flag = case["expect"], case["flagKey"]

    def plain(t):
        value = client.value(flag, who, case["default"], type=case["valueType"], user=user)
        t.equal(value, expect["value"])

    def detail(t):
        got = client.evaluate(flag, who, case["default"], case["valueType"], True, user)
        same_detail(t, got, expect)

    def untyped(t):
        got = client.evaluate(flag, who, case["default"], "any", True, user)
        same_detail(t, got, expect)

    def all_flags(t):
        state = client.all_flags(who, user)
        wanted = expect["value"] if expect["variationIndex"] is not None else None
        if expect["variationIndex"] is not None:
            t.need(flag in state, "the flag is not among all flags")
        t.equal(state.get(flag), wanted)

    def all_reasons(t):
        state = client.all_flags(who, user, withReasons=True)
        about = state["$flagsState"].get(flag)
        if about is not None:
            t.equal(about.get("reason"), expect["reason"], "reason")
            t.equal(about.get("variation"), expect["variationIndex"], "variation")

    test.run("evaluate" + suffix, plain)
    test.run("evaluate with detail" + suffix, detail)
    if not case.get("skipEvaluateAllFlags"):
        if case["valueType"] != "any" and not test.quick:
            test.run("evaluate as any value" + suffix, untyped)
        test.run("all flags" + suffix, all_flags)
        if not test.quick:
            test.run("all flags with reasons" + suffix, all_reasons)


def same_detail(test, got, expect):
    test.equal(got["value"], expect["value"], "value")
    test.equal(got.get("variationIndex"), expect["variationIndex"], "variationIndex")
    test.equal(got["reason"], expect["reason"], "reason")


# ---- a client that is not ready ----


def not_ready(test):
    _, silent = service.stream(test, None)
    client = service.client(
        test, {"streaming": {"baseUri": silent.url}}, startWaitTimeMs=1, initCanFail=True
    )
    reason = {"kind": "ERROR", "errorKind": "CLIENT_NOT_READY"}

    def checks_of(kind):
        default = data.SECOND[kind]

        def plain(t):
            t.equal(client.value("some-flag", data.user(), default, type=kind), default)

        def detail(t):
            got = client.evaluate("some-flag", data.user(), default, kind, True)
            t.equal(got["value"], default, "value")
            t.equal(got.get("variationIndex"), None, "variationIndex")
            t.equal(got["reason"], reason, "reason")

        def run(t):
            t.run("evaluate", plain)
            t.run("evaluate with detail", detail)

        return run

    for kind in data.TYPES:
        test.run(f"type {kind}", checks_of(kind))


def becomes_ready(test):
    """The same client, when the flags come at last."""
    source, silent = service.stream(test, None)
    client = service.client(
        test, {"streaming": {"baseUri": silent.url}}, startWaitTimeMs=1, initCanFail=True
    )
    silent.need_request(test)
    test.equal(client.value("flag", data.user(), "default"), "default")
    source.put(data.flags(data.flag_off("flag", "value")))
    test.until(lambda: client.value("flag", data.user(), "default") == "value", "the flag's value")


def refuses_to_start(test):
    """Without initCanFail a client that gets no flags is an error."""
    _, silent = service.stream(test, None)
    try:
        service.client(test, {"streaming": {"baseUri": silent.url}}, startWaitTimeMs=50)
    except service.Refused as refused:
        test.equal(refused.status, 500)
    else:
        test.fail("it started")


# ---- invalid contexts ----


def invalid_contexts(test):
    client = service.client_with(test, data.flags(data.flag_off("flag", "value")))
    for who in ({"kind": "user", "key": ""}, {"kind": "kind", "key": "a"}, {"kind": "multi"}):

        def run(t, who=who):
            got = client.evaluate("flag", who, "default", "string", True)
            t.equal(got["value"], "default", "value")
            t.equal(got.get("variationIndex"), None, "variationIndex")
            t.equal(got["reason"], {"kind": "ERROR", "errorKind": "USER_NOT_SPECIFIED"}, "reason")
            t.equal(client.all_flags(who), {"$flagsState": {}, "$valid": False}, "all flags")

        test.run(json.dumps(who), run)


# ---- all flags state ----


def state_of(client, who=None, **options):
    """The state, with null members left out and $valid there, as the harness compares it."""
    state = client.all_flags(who or data.user(), **options)
    about = state.get("$flagsState", {})
    state["$flagsState"] = {
        key: {name: v for name, v in one.items() if v is not None} for key, one in about.items()
    }
    state.setdefault("$valid", True)
    return state


def filler(count, last):
    """Variations of which the last one counts."""
    return [f"filler {i}" for i in range(count)] + [last]


def soon(ms):
    return int(time.time() * 1000) + ms


def flag3(until):
    return data.flag(
        "flag3", filler(3, "value3"), 300, offVariation=3, debugEventsUntilDate=until
    )


def all_flags_default(test):
    until, was = soon(100000), soon(-100000)
    client = service.client_with(
        test,
        data.flags(
            data.flag("flag1", filler(1, "value1"), 100, offVariation=1),
            data.flag("flag2", filler(2, "value2"), 200, offVariation=2, trackEvents=True),
            flag3(until),
            data.flag("flag4", filler(4, "value4"), 400, offVariation=4, debugEventsUntilDate=was),
        ),
    )
    test.equal(
        state_of(client),
        {
            "flag1": "value1",
            "flag2": "value2",
            "flag3": "value3",
            "flag4": "value4",
            "$flagsState": {
                "flag1": {"variation": 1, "version": 100},
                "flag2": {"variation": 2, "version": 200, "trackEvents": True},
                "flag3": {"variation": 3, "version": 300, "debugEventsUntilDate": until},
                "flag4": {"variation": 4, "version": 400, "debugEventsUntilDate": was},
            },
            "$valid": True,
        },
    )


def all_flags_reasons(test):
    test.need_capability("all-flags-with-reasons")
    client = service.client_with(
        test,
        data.flags(
            data.flag("flag1", filler(1, "value1"), 100, offVariation=1),
            data.flag("flag2", filler(2, "value2"), 200, on=True, fallthrough={"variation": 2}),
        ),
    )
    test.equal(
        state_of(client, withReasons=True),
        {
            "flag1": "value1",
            "flag2": "value2",
            "$flagsState": {
                "flag1": {"variation": 1, "version": 100, "reason": {"kind": "OFF"}},
                "flag2": {"variation": 2, "version": 200, "reason": {"kind": "FALLTHROUGH"}},
            },
            "$valid": True,
        },
    )


def all_flags_error(test):
    """A malformed flag is null, and the others are not affected."""
    client = service.client_with(
        test,
        data.flags(
            data.flag("flag1", filler(1, "x"), 100, offVariation=-1),
            data.flag("flag2", filler(2, "value2"), 200, offVariation=2),
        ),
    )

    def expected(reason1, reason2):
        return {
            "flag1": None,
            "flag2": "value2",
            "$flagsState": {
                "flag1": {"version": 100, **reason1},
                "flag2": {"variation": 2, "version": 200, **reason2},
            },
            "$valid": True,
        }

    malformed = {"reason": {"kind": "ERROR", "errorKind": "MALFORMED_FLAG"}}
    off = {"reason": {"kind": "OFF"}}
    test.run("without reasons", lambda t: t.equal(state_of(client), expected({}, {})))
    test.run(
        "with reasons",
        lambda t: t.equal(state_of(client, withReasons=True), expected(malformed, off)),
    )


def all_flags_experiment(test):
    """An experiment tells its reason, asked or not, and that it is tracked."""
    rollout = {
        "kind": "experiment",
        "variations": [{"variation": 1, "weight": 100000}],
    }
    in_fallthrough = data.flag(
        "in-fallthrough", ["a", "b"], 100, on=True, fallthrough={"rollout": rollout}
    )
    in_rule = data.flag(
        "in-rule",
        ["a", "b"],
        200,
        on=True,
        fallthrough={"variation": 0},
        rules=[data.rule(data.clause("key", "in", "user-key"), id="rule1", rollout=rollout)],
    )
    client = service.client_with(test, data.flags(in_fallthrough, in_rule))
    tracked = {"trackEvents": True, "trackReason": True}
    wanted = {
        "in-fallthrough": {
            "variation": 1,
            "version": 100,
            "reason": {"kind": "FALLTHROUGH", "inExperiment": True},
            **tracked,
        },
        "in-rule": {
            "variation": 1,
            "version": 200,
            "reason": {
                "kind": "RULE_MATCH",
                "ruleIndex": 0,
                "ruleId": "rule1",
                "inExperiment": True,
            },
            **tracked,
        },
    }
    for options in ({}, {"withReasons": True}, {"detailsOnlyForTrackedFlags": True}):
        test.run(
            json.dumps(options),
            lambda t, options=options: t.equal(state_of(client, **options)["$flagsState"], wanted),
        )


def all_flags_client_side(test):
    test.need_capability("all-flags-client-side-only")
    client = service.client_with(
        test,
        data.flags(
            data.flag("server-side-1"),
            data.flag("server-side-2"),
            data.flag_on("client-side-1", "value1", clientSide=True),
            data.flag_on(
                "client-side-2",
                "value2",
                clientSideAvailability={"usingEnvironmentId": True, "usingMobileKey": False},
                clientSide=True,
            ),
            data.flag_on(
                "mobile-only",
                "value3",
                clientSideAvailability={"usingEnvironmentId": False, "usingMobileKey": True},
            ),
        ),
    )
    state = state_of(client, clientSideOnly=True)
    keys = {key for key in state if not key.startswith("$")}
    test.equal(sorted(keys), ["client-side-1", "client-side-2"], "values")
    test.equal(sorted(state["$flagsState"]), ["client-side-1", "client-side-2"], "about them")


def all_flags_details(test):
    test.need_capability("all-flags-details-only-for-tracked-flags")
    until = soon(100000)
    client = service.client_with(
        test,
        data.flags(
            data.flag("flag1", filler(1, "value1"), 100, offVariation=1),
            data.flag("flag2", filler(2, "value2"), 200, offVariation=2, trackEvents=True),
            flag3(until),
        ),
    )
    state = state_of(client, withReasons=True, detailsOnlyForTrackedFlags=True)
    untracked = state["$flagsState"]["flag1"]
    test.equal(untracked.get("variation"), 1, "variation of flag1")
    test.check("reason" not in untracked, "flag1 has a reason")
    test.equal(
        {key: one for key, one in state["$flagsState"].items() if key != "flag1"},
        {
            "flag2": {
                "variation": 2,
                "version": 200,
                "reason": {"kind": "OFF"},
                "trackEvents": True,
            },
            "flag3": {
                "variation": 3,
                "version": 300,
                "reason": {"kind": "OFF"},
                "debugEventsUntilDate": until,
            },
        },
    )


def all_flags_not_ready(test):
    _, silent = service.stream(test, None)
    client = service.client(
        test, {"streaming": {"baseUri": silent.url}}, startWaitTimeMs=1, initCanFail=True
    )
    test.equal(client.all_flags(data.user()), {"$valid": False, "$flagsState": {}})


def all_flags_compact(test):
    """No member that is null or false."""
    client = service.client_with(
        test,
        data.flags(
            data.flag("flag1", ["value1"], 100, offVariation=0),
            data.flag("flag2", ["x"], 200, offVariation=-1),
        ),
    )
    test.equal(
        client.all_flags(data.user())["$flagsState"],
        {"flag1": {"variation": 0, "version": 100}, "flag2": {"version": 200}},
    )


def all_flags_prerequisites(test):
    """The direct prerequisites that were evaluated, in order."""
    test.need_capability("client-prereq-events")

    def need(*pairs):
        return [{"key": key, "variation": variation} for key, variation in pairs]

    client = service.client_with(
        test,
        data.flags(
            data.flag_on("base", "yes"),
            data.flag_on("other", "yes"),
            data.flag_on("middle", "yes", prerequisites=need(("base", 0))),
            data.flag_on("top", "yes", prerequisites=need(("middle", 0), ("other", 0))),
            data.flag(
                "fails-first",
                ["no", "yes"],
                on=True,
                offVariation=0,
                fallthrough={"variation": 1},
                prerequisites=need(("base", 5), ("other", 0)),
            ),
            data.flag(
                "off", ["no", "yes"], offVariation=0, prerequisites=need(("base", 0))
            ),
            data.flag_on(
                "client-side", "yes", clientSide=True, prerequisites=need(("base", 0), ("other", 0))
            ),
        ),
    )

    def lists(**options):
        about = state_of(client, **options)["$flagsState"]
        return {key: one.get("prerequisites") for key, one in about.items()}

    wanted = {
        "base": None,
        "other": None,
        "middle": ["base"],
        "top": ["middle", "other"],
        "fails-first": ["base"],
        "off": None,
        "client-side": ["base", "other"],
    }
    test.run("of all flags", lambda t: t.equal(lists(), wanted))
    test.run(
        "although they may not be sent themselves",
        lambda t: t.equal(lists(clientSideOnly=True), {"client-side": ["base", "other"]}),
    )


def all_flags_deleted(test):
    source, at = service.stream(
        test, data.flags(data.flag_off("flag1", "value1"), data.flag_off("flag2", "value2"))
    )
    client = service.client(test, {"streaming": {"baseUri": at.url}})
    at.need_request(test)
    source.delete("flags", "flag1", 100)
    test.until(lambda: "flag1" not in client.all_flags(data.user()), "the flag's absence")
    test.equal(sorted(client.all_flags(data.user())["$flagsState"]), ["flag2"])


UNITS = [
    ("evaluation/all flags state/default", all_flags_default),
    ("evaluation/all flags state/with reasons", all_flags_reasons),
    ("evaluation/all flags state/error in flag", all_flags_error),
    ("evaluation/all flags state/experiments", all_flags_experiment),
    ("evaluation/all flags state/client-side filter", all_flags_client_side),
    ("evaluation/all flags state/details only for tracked flags", all_flags_details),
    ("evaluation/all flags state/client not ready", all_flags_not_ready),
    ("evaluation/all flags state/compact", all_flags_compact),
    ("evaluation/all flags state/prerequisites", all_flags_prerequisites),
    ("evaluation/all flags state/deleted flags", all_flags_deleted),
    ("evaluation/client not ready/every type", not_ready),
    ("evaluation/client not ready/becomes ready", becomes_ready),
    ("evaluation/client not ready/is an error unless it may be", refuses_to_start),
    ("evaluation/invalid contexts", invalid_contexts),
]


def units(directory):
    """directory: of the cases, or None."""
    cases = [
        (f"evaluation/parameterized/{suite}#{number}", case_checks(group))
        for number, (suite, group) in enumerate(corpus(directory) if directory else [])
    ]
    return cases + UNITS
