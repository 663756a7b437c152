"""big segments: who is a member is asked of a store, and the reason tells how that store does."""
import base64
import hashlib

import data
import service


def hash_of(key):
    return base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()


USER = data.user("user-key")
HASH = "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0="  # of its key
assert hash_of("user-key") == HASH
HEALTHY, STALE, ERROR, NONE = "HEALTHY", "STALE", "STORE_ERROR", "NOT_CONFIGURED"


def big(key, generation=100, **members):
    return data.segment(key, unbounded=True, generation=generation, **members)


def reference(segment):
    return f"{segment['key']}.g{segment['generation']}"


def asking_flag(key, *segments, kind="user", **members):
    """True for the members of any of these, each with a rule of its own."""
    rules = [
        data.rule(
            data.clause("", "segmentMatch", segment["key"], contextKind=kind),
            id=f"rule-{segment['key']}",
            variation=1,
        )
        for segment in segments
    ]
    return data.flag(
        key, [False, True], on=True, rules=rules, fallthrough={"variation": 0}, offVariation=0,
        **members,
    )


def everything(flags, *segments):
    return data.with_segments(data.flags(*flags), *segments)


def matched(segment, status, index=0):
    return {
        "kind": "RULE_MATCH",
        "ruleIndex": index,
        "ruleId": f"rule-{segment['key']}",
        "bigSegmentsStatus": status,
    }


def fell_through(status):
    return {"kind": "FALLTHROUGH", "bigSegmentsStatus": status}


def asks(test, content, store=None, settings=None, **more):
    """A client with this content that asks the store."""
    parts = service.asking(store, **(settings or {})) if store else {}
    return service.client_with(test, content, **parts, **more)


def gives(test, client, flag, who, value, reason, what=""):
    got = client.evaluate(flag, who, None, "any", True)
    test.equal(got["value"], value, what + " value")
    test.equal(got.get("reason"), reason, what + " reason")


def asked(test, store, *hashes):
    test.equal(store.queries, list(hashes), "membership queries")
    test.equal(store.strangers, [], "hashes that nobody has")


# ---- evaluation ----

BASIC = big("segment1", included=["other-user-key"])
WITH_RULE = big("segment2", rules=[data.rule(data.clause("key", "in", USER["key"]))])
OF_OTHERS = big("segment3", unboundedContextKind="other")
CONTENT = everything(
    [
        asking_flag("basic", BASIC),
        asking_flag("with rule", WITH_RULE),
        asking_flag("of others", OF_OTHERS),
        asking_flag("negated", BASIC, version=1),
    ],
    BASIC,
    WITH_RULE,
    OF_OTHERS,
)
CONTENT["flags"]["negated"]["rules"][0]["clauses"][0]["negate"] = True


def member(status, memberships, flag, segment, is_member):
    """One evaluation, one query."""

    def run(test):
        store = service.members(test, status, memberships)
        client = asks(test, CONTENT, store)
        reason = matched(segment, status) if is_member else fell_through(status)
        gives(test, client, flag, USER, is_member, reason)
        asked(test, store, HASH)

    return run


def knows(segment, value):
    return {HASH: {reference(segment): value}}


EVALUATION = (
    ("not found", None, "basic", BASIC, False),
    ("empty membership", {HASH: {}}, "basic", BASIC, False),
    ("null membership", {HASH: None}, "basic", BASIC, False),
    ("no entry, and a rule", {HASH: {}}, "with rule", WITH_RULE, True),
    ("included", knows(BASIC, True), "basic", BASIC, True),
    ("excluded", knows(BASIC, False), "basic", BASIC, False),
    ("excluded, and a rule", knows(WITH_RULE, False), "with rule", WITH_RULE, False),
    ("another generation", {HASH: {"segment1.g99": True}}, "basic", BASIC, False),
    ("another segment", knows(WITH_RULE, True), "basic", BASIC, False),
    ("negated, included", knows(BASIC, True), "negated", BASIC, False),
    ("negated, no entry", {HASH: {}}, "negated", BASIC, True),
)


def lists_are_ignored(test):
    """Those of a big segment are not its members."""
    client = asks(test, CONTENT, service.members(test))
    gives(test, client, "basic", data.user("other-user-key"), False, fell_through(HEALTHY))


def another_kind(test):
    """Without a context of the segment's kind there is nothing to ask."""
    store = service.members(test, memberships=knows(OF_OTHERS, True))
    client = asks(test, CONTENT, store)
    gives(test, client, "of others", USER, False, {"kind": "FALLTHROUGH"})
    asked(test, store)


def of_another_kind(test):
    store = service.members(test, memberships=knows(OF_OTHERS, True))
    client = asks(test, CONTENT, store)
    other = {"kind": "other", "key": USER["key"]}
    who = data.multi(data.user("somebody"), other)
    gives(test, client, "of others", who, True, matched(OF_OTHERS, HEALTHY))
    asked(test, store, HASH)


def in_prerequisite(test):
    """The status of a prerequisite's segment is in the reason of who asked."""
    before = asking_flag("before", BASIC)
    after = data.flag_on("after", "value", prerequisites=[{"key": "before", "variation": 1}])
    after["variations"], after["offVariation"] = ["value", "off"], 1
    for status in (HEALTHY, STALE):
        store = service.members(test, status, {HASH: {}})
        client = asks(test, everything([before, after], BASIC), store)
        reason = {"kind": "PREREQUISITE_FAILED", "prerequisiteKey": "before"}
        gives(test, client, "after", USER, "off", {**reason, "bigSegmentsStatus": status})
        asked(test, store, HASH)


def all_flags(test):
    store = service.members(test, memberships={HASH: {reference(BASIC): True}})
    client = asks(test, CONTENT, store)
    state = client.all_flags(USER, withReasons=True)
    test.equal([state["basic"], state["with rule"], state["negated"]], [True, True, False])
    test.equal(state["$flagsState"]["basic"]["reason"], matched(BASIC, HEALTHY))
    test.equal(state["$flagsState"]["negated"]["reason"], fell_through(HEALTHY))
    asked(test, store, HASH)


def in_events(test):
    """A feature event that tells why tells this as well."""
    receiver = service.events(test)
    store = service.members(test, STALE, knows(BASIC, True))
    flag = asking_flag("flag", BASIC, trackEvents=True)
    flag["rules"][0]["trackEvents"] = True
    client = asks(test, everything([flag], BASIC), store, receiver=receiver)
    test.equal(client.value("flag", USER), True)
    client.flush()
    sent = [event for event in receiver.need(test) if event["kind"] == "feature"]
    test.need_equal(len(sent), 1, "feature events")
    test.equal(sent[0].get("reason"), matched(BASIC, STALE))


# ---- memberships are kept ----

ONE, TWO, THREE = big("segment1"), big("segment2", 101), big("segment3", 102)
THREE["unboundedContextKind"] = "other"
USERS = [data.user(f"user{number}") for number in (1, 2, 3)]
HASHES = [hash_of(user["key"]) for user in USERS]


def kept_content():
    flag = asking_flag("flag", ONE, TWO)
    flag["rules"] += asking_flag("", THREE, kind="other")["rules"]
    return everything([flag], ONE, TWO, THREE)


def in_segments(*segments):
    return {reference(segment): True for segment in segments}


def keeps(test, memberships, **settings):
    """(store, value of a context, a check of what was asked for)"""
    store = service.members(test, memberships=memberships)
    client = asks(test, kept_content(), store, settings)
    return store, lambda who: client.value("flag", who)


def once_an_evaluation(test):
    store, value = keeps(test, {HASHES[0]: {reference(ONE): False, reference(TWO): True}})
    test.equal(value(USERS[0]), True)
    asked(test, store, HASHES[0])


def each_kind(test):
    store, value = keeps(test, {HASHES[0]: {}, HASHES[1]: in_segments(THREE)})
    test.equal(value(data.multi(USERS[0], {**USERS[1], "kind": "other"})), True)
    asked(test, store, *HASHES[:2])


def kinds_with_one_key(test):
    store, value = keeps(test, {HASHES[0]: in_segments(THREE)})
    test.equal(value(data.multi(USERS[0], {**USERS[0], "kind": "other"})), True)
    asked(test, store, HASHES[0])


def across_evaluations(test):
    store, value = keeps(test, {HASHES[0]: in_segments(ONE)})
    test.equal(value(USERS[0]), True)
    store.memberships = {HASHES[0]: {reference(ONE): False}}
    for _ in range(10):
        test.equal(value(USERS[0]), True)
    asked(test, store, HASHES[0])


def nobody_is_kept(test):
    """Also that there is nothing about a context."""
    store, value = keeps(test, {HASHES[0]: None})
    test.equal(value(USERS[0]), False)
    store.memberships = {HASHES[0]: in_segments(ONE)}
    test.equal(value(USERS[0]), False)
    asked(test, store, HASHES[0])


def each_context(test):
    store, value = keeps(test, {HASHES[0]: in_segments(ONE), HASHES[1]: in_segments(ONE)})
    test.equal(value(USERS[0]), True)
    store.memberships = {HASHES[0]: {reference(ONE): False}, HASHES[1]: {reference(ONE): False}}
    test.equal(value(USERS[0]), True)
    asked(test, store, HASHES[0])
    test.equal(value(USERS[1]), False)
    asked(test, store, *HASHES[:2])
    test.equal(value(USERS[0]), True)
    asked(test, store, *HASHES[:2])


def for_a_time(test):
    store, value = keeps(test, {HASHES[0]: in_segments(ONE)}, userCacheTimeMs=10)
    test.equal(value(USERS[0]), True)
    asked(test, store, HASHES[0])
    store.memberships = {HASHES[0]: {reference(ONE): False}}
    test.until(lambda: value(USERS[0]) is False, "asked again", step=0.02)
    asked(test, store, HASHES[0], HASHES[0])


def so_many(test):
    """The one that was longest not used goes."""
    known = {HASHES[0]: in_segments(ONE), HASHES[1]: in_segments(TWO), HASHES[2]: None}
    store, value = keeps(test, known, userCacheSize=2)
    wanted = []
    for number, is_member, is_asked in (
        (0, True, True),
        (1, True, True),
        (1, True, False),
        (2, False, True),
        (0, True, True),
    ):
        wanted += [HASHES[number]] * is_asked
        test.equal(value(USERS[number]), is_member)
        asked(test, store, *wanted)


# ---- the store's status ----


def status_of(status):
    return {"available": status != ERROR, "stale": status == STALE}


def watches(test, status, interval=10, **settings):
    store = service.members(test, status)
    return store, asks(test, data.EMPTY, store, {"statusPollIntervalMs": interval, **settings})


def polls_often(test):
    store, _ = watches(test, HEALTHY)
    for _ in range(3):
        store.need_poll(test, 0.5)


def polls_seldom(test):
    store, client = watches(test, HEALTHY, 10000)
    test.equal(client.members_status(), status_of(HEALTHY))
    store.need_poll(test, 0.5)
    store.need_no_poll(test)


def changes(before, after):
    def run(test):
        store, client = watches(test, before)
        test.equal(client.members_status(), status_of(before))
        store.status = after
        test.until(lambda: client.members_status() == status_of(after), "another status", step=0.02)

    return run


def evaluations_do_not_poll(test):
    segment = big("segment", included=[USER["key"]])
    store = service.members(test)
    content = everything([asking_flag("flag", segment)], segment)
    client = asks(test, content, store, {"statusPollIntervalMs": 10000})
    test.equal(client.members_status(), status_of(HEALTHY))
    store.need_poll(test, 0.5)
    for number in range(10):
        client.value("flag", data.user(f"user-{number}"))
    store.need_no_poll(test, 0.05)
    test.equal(len(store.queries), 10, "membership queries")


def stale_after(test):
    """As old as the configuration allows, and older."""
    for age, limit, status in ((5000, 3000, STALE), (5000, 60000, HEALTHY)):
        store = service.members(test)
        store.age = age
        client = asks(test, CONTENT, store, {"staleAfterMs": limit})
        test.equal(client.members_status(), status_of(status))
        gives(test, client, "basic", USER, False, fell_through(status), f"{age} of {limit} ms")


def never_up_to_date(test):
    store = service.members(test)
    store.age = 10**15
    client = asks(test, CONTENT, store)
    test.equal(client.members_status(), status_of(STALE))
    gives(test, client, "basic", USER, False, fell_through(STALE))


def status_in_reasons(test):
    """The reasons follow the polls, for memberships that are kept as well."""
    store = service.members(test, HEALTHY, knows(BASIC, True))
    client = asks(test, CONTENT, store, {"statusPollIntervalMs": 10})
    gives(test, client, "basic", USER, True, matched(BASIC, HEALTHY))
    store.status = STALE
    test.until(lambda: client.members_status()["stale"], "another status", step=0.02)
    gives(test, client, "basic", USER, True, matched(BASIC, STALE))
    asked(test, store, HASH)


# ---- errors ----


def not_configured(test):
    client = asks(test, CONTENT)
    gives(test, client, "basic", USER, False, fell_through(NONE))


def no_generation(test):
    segment = data.segment("segment", unbounded=True)
    store = service.members(test, memberships={HASH: {"segment.g0": True}})
    client = asks(test, everything([asking_flag("flag", segment)], segment), store)
    gives(test, client, "flag", USER, False, fell_through(NONE))
    asked(test, store)


def store_error(test):
    store = service.members(test)
    store.failing = True
    client = asks(test, CONTENT, store)
    gives(test, client, "basic", USER, False, fell_through(ERROR))
    asked(test, store, HASH)


def errors_are_not_kept(test):
    store = service.members(test, memberships=knows(BASIC, True))
    store.failing = True
    client = asks(test, CONTENT, store)
    gives(test, client, "basic", USER, False, fell_through(ERROR))
    store.failing = False
    test.until(lambda: client.value("basic", USER) is True, "a member again", step=0.02)
    gives(test, client, "basic", USER, True, matched(BASIC, HEALTHY))


def worst_wins(test):
    """One segment without a generation, and one that is asked for."""
    broken = data.segment("broken", unbounded=True)
    content = everything([asking_flag("flag", broken, BASIC)], broken, BASIC)
    store = service.members(test, memberships=knows(BASIC, True))
    client = asks(test, content, store)
    gives(test, client, "flag", USER, True, matched(BASIC, NONE, 1))


def needs_store(function):
    def run(test):
        test.need_capability("big-segments")
        function(test)

    return run


def units():
    made = [
        (f"evaluation/{status}/{name}", member(status, *rest))
        for status in (HEALTHY, STALE)
        for name, *rest in EVALUATION
    ]
    made += [
        ("evaluation/lists are ignored", lists_are_ignored),
        ("evaluation/no context of the kind", another_kind),
        ("evaluation/of another kind", of_another_kind),
        ("evaluation/in a prerequisite", in_prerequisite),
        ("evaluation/all flags", all_flags),
        ("evaluation/in events", in_events),
        ("memberships/one query an evaluation", once_an_evaluation),
        ("memberships/a query for each key", each_kind),
        ("memberships/the key counts, not the kind", kinds_with_one_key),
        ("memberships/kept", across_evaluations),
        ("memberships/nobody is kept", nobody_is_kept),
        ("memberships/kept for each context", each_context),
        ("memberships/kept for a time", for_a_time),
        ("memberships/so many are kept", so_many),
        ("status/short interval", polls_often),
        ("status/long interval", polls_seldom),
        ("status/evaluations do not poll", evaluations_do_not_poll),
        ("status/stale after", stale_after),
        ("status/never up to date", never_up_to_date),
        ("status/in reasons", status_in_reasons),
    ]
    made += [
        (f"status/from {before} to {after}", changes(before, after))
        for before, after in (
            (HEALTHY, ERROR),
            (ERROR, HEALTHY),
            (HEALTHY, STALE),
            (STALE, HEALTHY),
        )
    ]
    made += [
        ("errors/no generation", no_generation),
        ("errors/of the store", store_error),
        ("errors/are not kept", errors_are_not_kept),
        ("errors/the worst wins", worst_wins),
    ]
    units = [(f"big segments/{name}", needs_store(function)) for name, function in made]
    return units + [("big segments/errors/not configured", not_configured)]
