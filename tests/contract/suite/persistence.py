"""persistent data store: flags in Redis, with LaunchDarkly as the source or without one.

Without one ("daemon mode") what is in the store counts; with one ("read-write") the store is
written.
"""
import json

import data
import mock
import service
import stores

USER = data.user("user-key")
PREFIX = "launchdarkly"
OFF, FOREVER = {"mode": "off"}, {"mode": "infinite"}
SECOND = {"mode": "ttl", "ttl": 1}
CACHES = {"off": OFF, "ttl": SECOND, "infinite": FOREVER}


def redis_of(test):
    """The worker's, emptied."""
    test.need_capability("persistent-data-store-redis")
    redis = test.world.redis()
    redis("FLUSHALL")
    return redis


def keep(redis, *flags, segments=(), prefix=PREFIX):
    """Puts them there, as another program would."""
    for kind, items in (("features", flags), ("segments", segments)):
        for item in items:
            redis("HSET", f"{prefix}:{kind}", item["key"], json.dumps(item))


def kept(redis, kind="features", prefix=PREFIX):
    return {key: json.loads(text) for key, text in redis.hash(f"{prefix}:{kind}").items()}


def store(cache, dsn, **more):
    """The part of a configuration."""
    return {"persistentDataStore": {"store": {"type": "redis", "dsn": dsn, **more}, "cache": cache}}


def found(version=100):
    return data.flag_on("flag", "stored", version)


def other(version=100):
    return data.flag_on("other", "stored", version)


class Reader:
    """What a client says of a flag."""

    def __init__(self, test, client):
        self.test = test
        self.client = client

    def value(self, flag="flag"):
        return self.client.value(flag, USER, "default")

    def gives(self, value, flag="flag"):
        self.test.need_equal(self.value(flag), value, flag)

    def comes_to(self, value, flag="flag", before=None, seconds=1.5):
        """It is this in the end, and until then what it was before, if that matters."""

        def is_there():
            now = self.value(flag)
            allowed = before is None or now in (before, value)
            self.test.need(allowed, f"{flag} is {now}, on the way from {before} to {value}")
            return now == value

        self.test.until(is_there, f"{flag} is {value}", seconds, 0.02)

    def stays(self, value, flag="flag", seconds=0.5):
        self.test.never(lambda: self.value(flag) != value, f"{flag} is not {value}", seconds, 0.02)

    def is_not_found(self, flag="flag"):
        got = self.client.evaluate(flag, USER, "default", "any", True)
        reason = {"kind": "ERROR", "errorKind": "FLAG_NOT_FOUND"}
        self.test.equal([got["value"], got["reason"]], ["default", reason], flag)


def daemon(test, cache, redis, **more):
    return Reader(test, service.client(test, store(cache, redis.dsn, **more)))


# ---- daemon mode ----


def default_prefix(test):
    redis = redis_of(test)
    keep(redis, found())
    daemon(test, OFF, redis).gives("stored")


def custom_prefix(test):
    redis = redis_of(test)
    keep(redis, found())
    reader = daemon(test, OFF, redis, prefix="custom-prefix")
    reader.stays("default", seconds=0.1)
    keep(redis, found(), prefix="custom-prefix")
    reader.comes_to("stored")


def empty_prefix(test):
    """As good as none."""
    redis = redis_of(test)
    keep(redis, found())
    daemon(test, OFF, redis, prefix="").gives("stored")


def database_and_password(test):
    redis = redis_of(test)
    redis("CONFIG", "SET", "requirepass", "is secret")
    test.defer(lambda: redis("CONFIG", "SET", "requirepass", ""))
    redis("SELECT", 2)
    test.defer(lambda: redis("SELECT", 0))
    keep(redis, found())
    dsn = f"redis://:is%20secret@127.0.0.1:{redis.port}/2"
    Reader(test, service.client(test, store(OFF, dsn))).gives("stored")


def empty_store(cache):
    """Ready, with no flags: $inited is not looked at."""

    def run(test):
        redis = redis_of(test)
        reader = daemon(test, cache, redis)
        reader.is_not_found()
        state = reader.client.all_flags(USER)
        test.equal(state, {"$flagsState": {}, "$valid": True})

    return run


def appears(inited):
    """The flags of a store that was empty."""

    def run(test):
        redis = redis_of(test)
        if inited:
            redis("SET", PREFIX + ":$inited", "")
        reader = daemon(test, OFF, redis)
        reader.is_not_found()
        keep(redis, found())
        reader.comes_to("stored", before="default")

    return run


def without_cache(test):
    """Each evaluation sees what is there."""
    redis = redis_of(test)
    keep(redis, found())
    reader = daemon(test, OFF, redis)
    reader.gives("stored")
    keep(redis, data.flag_on("flag", "edited", 101))
    reader.gives("edited")
    redis("FLUSHALL")
    reader.gives("default")
    keep(redis, found(102))
    reader.gives("stored")


def hit_is_kept(test):
    redis = redis_of(test)
    reader = daemon(test, SECOND, redis)
    keep(redis, found())
    reader.comes_to("stored")
    redis("FLUSHALL")
    reader.stays("stored")
    reader.comes_to("default", before="stored")


def miss_is_kept(test):
    redis = redis_of(test)
    reader = daemon(test, SECOND, redis)
    reader.is_not_found()
    keep(redis, found())
    reader.stays("default")
    reader.comes_to("stored", before="default")


def edit_is_seen_later(test):
    redis = redis_of(test)
    keep(redis, found())
    reader = daemon(test, SECOND, redis)
    reader.gives("stored")
    keep(redis, data.flag_on("flag", "edited", 101))
    reader.stays("stored")
    reader.comes_to("edited", before="stored")


def kept_forever(test):
    """What was asked for once; what was not is asked for when it is."""
    redis = redis_of(test)
    keep(redis, found(), other())
    reader = daemon(test, FOREVER, redis)
    reader.gives("stored")
    redis("FLUSHALL")
    reader.stays("default", "other")
    reader.stays("stored")


def miss_is_kept_forever(test):
    redis = redis_of(test)
    reader = daemon(test, FOREVER, redis)
    reader.is_not_found()
    keep(redis, found())
    reader.stays("default")


def segments_and_prerequisites(test):
    redis = redis_of(test)
    segment = data.segment("segment", included=[USER["key"]])
    rule = data.rule(data.clause("", "segmentMatch", "segment"), id="rule", variation=1)
    before = data.flag("before", ["no", "yes"], 3, on=True, rules=[rule])
    before["fallthrough"] = {"variation": 0}
    after = data.flag_on("flag", "stored", 4, prerequisites=[{"key": "before", "variation": 1}])
    keep(redis, before, after, segments=[segment])
    reader = daemon(test, OFF, redis)
    reader.gives("yes", "before")
    reader.gives("stored")
    keep(redis, segments=[data.segment("segment", 2)])
    reader.gives("no", "before")
    reader.gives("default")


def all_flags(test):
    redis = redis_of(test)
    keep(redis, found(), other(7))
    state = daemon(test, OFF, redis).client.all_flags(USER)
    test.equal([state["flag"], state["other"], state["$valid"]], ["stored", "stored", True])
    versions = {key: of["version"] for key, of in state["$flagsState"].items()}
    test.equal(versions, {"flag": 100, "other": 7})


def one_flag(test):
    redis = redis_of(test)
    keep(redis, found())
    reader = daemon(test, OFF, redis)
    test.equal(reader.client.all_flags(USER)["flag"], "stored")
    reader.gives("stored")


def broken_item(text):
    """Says nothing about the others."""

    def run(test):
        redis = redis_of(test)
        keep(redis, found())
        redis("HSET", PREFIX + ":features", "other", text)
        reader = daemon(test, OFF, redis)
        reader.gives("default", "other")
        reader.gives("stored")

    return run


# Who writes which: without a key the SDKs for .NET, Java and Node.js; with it those for Python, Ruby
# and C++; a whole item with another key those for Go and Rust, and the Relay Proxy.
def tombstones(whole):
    key = whole["key"]
    return {
        "without a key": {"version": 100, "deleted": True},
        "with its key": {"key": key, "version": 100, "deleted": True},
        "a whole item": {**whole, "key": "$deleted", "version": 100, "deleted": True},
    }


def deleted_flag(shape, alone):
    def run(test):
        redis = redis_of(test)
        stone = tombstones(found())[shape]
        redis("HSET", PREFIX + ":features", "flag", json.dumps(stone))
        if not alone:
            keep(redis, other())
        reader = daemon(test, OFF, redis)
        reader.is_not_found()
        state = reader.client.all_flags(USER)
        test.equal(set(state), {"$flagsState", "$valid"} | (set() if alone else {"other"}))
        test.equal(set(state["$flagsState"]), set() if alone else {"other"})
        test.equal(state["$valid"], True)

    return run


def deleted_segment(shape):
    def run(test):
        redis = redis_of(test)
        stone = tombstones(data.segment("segment", included=[USER["key"]]))[shape]
        rule = data.rule(data.clause("", "segmentMatch", "segment"), variation=1)
        flag = data.flag("flag", ["no", "yes"], on=True, rules=[rule], fallthrough={"variation": 0})
        keep(redis, flag, other())
        redis("HSET", PREFIX + ":segments", "segment", json.dumps(stone))
        reader = daemon(test, OFF, redis)
        reader.gives("no")
        reader.gives("stored", "other")

    return run


def way_to(test, redis):
    way = stores.Way(redis.port)
    test.defer(way.close)
    return way


def goes_on_without_store(test):
    redis = redis_of(test)
    keep(redis, found())
    way = way_to(test, redis)
    reader = Reader(test, service.client(test, store(FOREVER, way.dsn)))
    reader.gives("stored")
    way.cut()
    reader.stays("stored")


def comes_back(test):
    redis = redis_of(test)
    keep(redis, found())
    way = way_to(test, redis)
    reader = Reader(test, service.client(test, store(SECOND, way.dsn)))
    reader.gives("stored")
    way.cut()
    keep(redis, data.flag_on("flag", "edited", 101))
    reader.stays("stored", seconds=0.3)
    way.mend()
    reader.comes_to("edited", seconds=5)


# ---- with LaunchDarkly as the source ----


class Pair:
    """A client that streams from LaunchDarkly and has a store."""

    def __init__(self, test, cache, *flags, segments=(), dsn=None, redis=None, ready=True):
        self.test = test
        self.redis = redis or redis_of(test)
        content = data.with_segments(data.flags(*flags), *segments)
        self.stream, at = service.stream(test, content)
        part = {"streaming": {"baseUri": at.url}}
        client = service.client(test, part, store(cache, dsn or self.redis.dsn))
        self.reader = Reader(test, client)
        if ready:
            self.is_inited()

    def is_inited(self):
        key = PREFIX + ":$inited"
        self.test.until(lambda: self.redis("EXISTS", key), key, 2)

    def comes_to_hold(self, *flags, kind="features", seconds=2):
        """Exactly these, as far as what is given of them goes."""
        self.test.until(
            lambda: holds(kept(self.redis, kind), flags),
            f"{kind} in the store",
            seconds,
            0.02,
        )

    def goes_on_holding(self, *flags, seconds=0.3):
        self.test.never(
            lambda: not holds(kept(self.redis), flags), "another content", seconds, 0.02
        )


def holds(content, items):
    return set(content) == {item["key"] for item in items} and all(
        covers(content[item["key"]], item) for item in items
    )


def covers(got, wanted):
    """What was sent is there; members that say nothing may be left out."""
    if wanted.get("deleted"):
        return got.get("deleted") is True and got.get("version") == wanted["version"]
    empty = (None, [], {}, False, "")
    return all(got.get(n) == v or (n not in got and v in empty) for n, v in wanted.items())


def sent(version, value="value", key="flag"):
    return data.flag_on(key, value, version)


def stone(version, key="flag"):
    return {"key": key, "version": version, "deleted": True}


def initialises(test):
    redis = redis_of(test)
    test.equal(redis("EXISTS", PREFIX + ":$inited"), 0)
    Pair(test, OFF, sent(1))


def writes_all(test):
    """Flags and segments, and nothing of what was there before."""
    redis = redis_of(test)
    keep(redis, other(), segments=[data.segment("old")])
    rule = data.rule(data.clause("x", "in", 1))
    segment = data.segment("segment", 3, included=["a"], rules=[rule])
    flag = data.flag(
        "flag",
        [{"a": [1, None]}, "zwei ä", 1.5],
        7,
        on=True,
        targets=[{"values": ["b"], "variation": 2}],
        fallthrough={"rollout": {"variations": [{"variation": 1, "weight": 100000}]}},
        salt="salt",
        trackEvents=True,
    )
    pair = Pair(test, OFF, flag, segments=[segment], redis=redis)
    pair.comes_to_hold(flag)
    pair.comes_to_hold(segment, kind="segments")


def writes_prefix(test):
    redis = redis_of(test)
    stream, at = service.stream(test, data.flags(sent(1)))
    part = store(OFF, redis.dsn, prefix="custom-prefix")
    service.client(test, {"streaming": {"baseUri": at.url}}, part)
    test.until(lambda: redis("EXISTS", "custom-prefix:$inited"), "$inited", 2)
    test.equal(set(kept(redis, prefix="custom-prefix")), {"flag"})
    test.equal(redis("KEYS", PREFIX + ":*"), [])


def writes_what_polls_bring(test):
    redis = redis_of(test)
    at = service.endpoint(test, mock.Poll(data.flags(sent(1))))
    service.client(test, {"polling": {"baseUri": at.url}}, store(OFF, redis.dsn))
    test.until(lambda: redis("EXISTS", PREFIX + ":$inited"), "$inited", 2)
    test.equal(set(kept(redis)), {"flag"})


def writes_updates(test):
    pair = Pair(test, OFF, sent(1))
    pair.comes_to_hold(sent(1))
    pair.stream.patch("flags", sent(2, "new value"))
    pair.comes_to_hold(sent(2, "new value"))
    pair.stream.patch("flags", sent(1, key="second"))
    pair.comes_to_hold(sent(2, "new value"), sent(1, key="second"))
    pair.stream.patch("segments", data.segment("segment", 5))
    pair.comes_to_hold(data.segment("segment", 5), kind="segments")


def writes_another_put(test):
    pair = Pair(test, OFF, sent(5), sent(1, key="second"))
    pair.comes_to_hold(sent(5), sent(1, key="second"))
    pair.stream.put(data.flags(sent(6, "put")))
    pair.comes_to_hold(sent(6, "put"))
    made_anew = {**sent(1, "anew"), "salt": "anew"}
    pair.stream.put(data.flags(made_anew))
    pair.comes_to_hold(made_anew)


def versions_of_updates(test):
    """A store may know better: only what is newer is written."""
    pair = Pair(test, OFF, sent(1))
    pair.comes_to_hold(sent(1))
    keep(pair.redis, found(), other())
    for version in (2, 99, 100):
        pair.stream.patch("flags", sent(version, "new value"))
        pair.goes_on_holding(found(), other())
    pair.stream.patch("flags", sent(101, "new value"))
    pair.comes_to_hold(sent(101, "new value"), other())


def versions_of_deletes(test):
    pair = Pair(test, OFF, sent(50))
    pair.comes_to_hold(sent(50))
    keep(pair.redis, found(), other())
    for version in (1, 51, 100):
        pair.stream.delete("flags", "flag", version)
        pair.goes_on_holding(found(), other())
    pair.stream.delete("flags", "flag", 200)
    pair.comes_to_hold(stone(200), other())


def tombstone_is_written(test):
    """For who was deleted, and for who never was; it keeps older versions out."""
    pair = Pair(test, OFF, sent(1))
    pair.stream.delete("flags", "flag", 2)
    pair.comes_to_hold(stone(2))
    pair.reader.comes_to("default")
    pair.stream.delete("flags", "unknown", 9)
    pair.comes_to_hold(stone(2), stone(9, "unknown"))
    pair.stream.patch("flags", sent(8, key="unknown"))
    pair.goes_on_holding(stone(2), stone(9, "unknown"))
    got = kept(pair.redis)["flag"]
    test.check(got.get("key", "flag") in ("flag", "$deleted"), f"key of a tombstone: {got}")
    pair.stream.patch("flags", sent(3, "again"))
    pair.comes_to_hold(sent(3, "again"), stone(9, "unknown"))


def stones_in_store_count(shape):
    """A tombstone of any shape has a version, and wins against what is older."""

    def run(test):
        pair = Pair(test, OFF, sent(1))
        pair.comes_to_hold(sent(1))
        text = json.dumps(tombstones(found())[shape])
        pair.redis("HSET", PREFIX + ":features", "flag", text)
        pair.stream.patch("flags", sent(100))
        pair.goes_on_holding(stone(100))
        pair.stream.patch("flags", sent(101))
        pair.comes_to_hold(sent(101))

    return run


def broken_is_overwritten(test):
    pair = Pair(test, OFF, sent(1))
    pair.comes_to_hold(sent(1))
    pair.redis("HSET", PREFIX + ":features", "flag", "{sorry")
    pair.stream.patch("flags", sent(2))
    test.until(lambda: '"version"' in pair.redis("HGET", PREFIX + ":features", "flag"), "written")
    pair.comes_to_hold(sent(2))


def many_updates(test):
    """In order, none lost."""
    pair = Pair(test, OFF, sent(1))
    for version in range(2, 102):
        pair.stream.patch("flags", sent(version, version, f"flag-{version % 7}"))
    wanted = {f"flag-{n}": max(v for v in range(2, 102) if v % 7 == n) for n in range(7)}
    pair.comes_to_hold(sent(1), *[sent(v, v, key) for key, v in wanted.items()], seconds=5)


def update_after_miss(cache):
    def run(test):
        pair = Pair(test, cache)
        pair.reader.is_not_found()
        pair.stream.patch("flags", sent(2))
        pair.reader.comes_to("value", before="default", seconds=0.5)

    return run


def update_after_hit(cache):
    def run(test):
        pair = Pair(test, cache, sent(1))
        pair.reader.comes_to("value")
        pair.stream.patch("flags", sent(2, "new value"))
        pair.reader.comes_to("new value", before="value", seconds=0.5)
        pair.stream.delete("flags", "flag", 3)
        pair.reader.comes_to("default", before="new value", seconds=0.5)

    return run


def inited_counts(cache):
    """Before LaunchDarkly has said anything: a store that was filled is as good."""

    def run(test):
        for inited in (True, False):
            redis = redis_of(test)
            keep(redis, found())
            if inited:
                redis("SET", PREFIX + ":$inited", "")
            _, at = service.stream(test, None)
            client = service.client(
                test,
                {"streaming": {"baseUri": at.url}},
                store(cache, redis.dsn),
                startWaitTimeMs=5000 if inited else 300,
                initCanFail=True,
            )
            got = client.evaluate("flag", USER, "default", "any", True)
            state = client.all_flags(USER)
            test.equal(got["value"], "stored" if inited else "default")
            error = None if inited else "CLIENT_NOT_READY"
            test.equal(got["reason"].get("errorKind"), error)
            test.equal(state["$valid"], inited)
            client.close()

    return run


def source_wins(test):
    """Over the store that it was begun with."""
    redis = redis_of(test)
    keep(redis, {**found(), "salt": "of another flag"}, other())
    redis("SET", PREFIX + ":$inited", "")
    pair = Pair(test, FOREVER, sent(3), redis=redis)
    pair.comes_to_hold(sent(3))
    pair.reader.gives("value")
    pair.reader.is_not_found("other")


# ---- outages ----


def broken_pair(test, cache):
    redis = redis_of(test)
    way = way_to(test, redis)
    pair = Pair(test, cache, sent(1), sent(1, "second value", "second"), dsn=way.dsn, redis=redis)
    pair.comes_to_hold(sent(1), sent(1, "second value", "second"))
    return pair, way


def changes(pair, version=2, value="new value"):
    """To one flag, and the other one goes. Who asks for everything again is told the same."""
    pair.stream.data = data.flags(sent(version, value))
    pair.stream.patch("flags", sent(version, value))
    pair.stream.delete("flags", "second", version)


def serves_without_store(test):
    pair, way = broken_pair(test, FOREVER)
    before = kept(pair.redis)
    way.cut()
    changes(pair)
    pair.reader.comes_to("new value", before="value")
    pair.reader.comes_to("default", "second", before="second value")
    test.equal(kept(pair.redis), before, "the store")


def holds_after(pair, version, value):
    """The deleted flag is a tombstone, or nothing where everything was asked for again."""
    content = kept(pair.redis)
    second = content.pop("second", stone(version))
    return second.get("deleted") is True and holds(content, [sent(version, value)])


def written_back(cache):
    """All of it; nothing else is left there."""

    def run(test):
        pair, way = broken_pair(test, cache)
        way.cut()
        changes(pair)
        keep(pair.redis, other())  # a ghost
        test.never(lambda: holds_after(pair, 2, "new value"), "written while it was cut", 1)
        way.mend()
        test.until(lambda: holds_after(pair, 2, "new value"), "written back", 10)
        pair.reader.comes_to("new value", before="value")

    return run


def again_and_again(test):
    pair, way = broken_pair(test, FOREVER)
    for version in (2, 3):
        way.cut()
        changes(pair, version, f"value {version}")
        pair.reader.comes_to(f"value {version}")
        keep(pair.redis, other())
        test.never(lambda: holds_after(pair, version, f"value {version}"), "written while cut", 0.7)
        way.mend()
        test.until(lambda: holds_after(pair, version, f"value {version}"), "written back", 10)


def begins_without_store(test):
    """Flags are served; the store is filled when it is there."""
    redis = redis_of(test)
    way = way_to(test, redis)
    way.cut()
    pair = Pair(test, FOREVER, sent(1), dsn=way.dsn, redis=redis, ready=False)
    pair.reader.gives("value")
    test.equal(redis("DBSIZE"), 0)
    way.mend()
    pair.stream.patch("flags", sent(2, "new value"))
    test.until(lambda: holds(kept(redis), [sent(2, "new value")]), "written", 10)
    pair.is_inited()


# ---- edits of the store, with LaunchDarkly as the source ----


def edits_without_cache(test):
    pair = Pair(test, OFF, sent(1))
    pair.comes_to_hold(sent(1))
    pair.reader.gives("value")
    keep(pair.redis, found(), other())
    pair.reader.gives("stored")
    pair.reader.gives("stored", "other")


def edits_for_a_time(test):
    pair = Pair(test, SECOND, sent(1))
    pair.reader.gives("value")
    keep(pair.redis, found(), other())
    pair.reader.stays("value")
    pair.reader.comes_to("stored", before="value")


def edits_never(test):
    pair = Pair(test, FOREVER, sent(1))
    pair.reader.gives("value")
    keep(pair.redis, found())
    pair.reader.stays("value", seconds=1.2)


def dropped_for_a_time(test):
    pair = Pair(test, SECOND, sent(1))
    pair.reader.gives("value")
    pair.redis("FLUSHALL")
    pair.reader.stays("value")
    pair.reader.comes_to("default", before="value")


def dropped_never(test):
    pair = Pair(test, FOREVER, sent(1))
    pair.reader.gives("value")
    pair.redis("FLUSHALL")
    pair.reader.stays("value")


SHAPES = tuple(tombstones(found()))

DAEMON = [
    ("default prefix", default_prefix),
    ("custom prefix", custom_prefix),
    ("empty prefix", empty_prefix),
    ("database and password", database_and_password),
    ("flags appear", appears(False)),
    ("flags appear, initialised", appears(True)),
    ("cache/off", without_cache),
    ("cache/ttl/hit", hit_is_kept),
    ("cache/ttl/miss", miss_is_kept),
    ("cache/ttl/edit", edit_is_seen_later),
    ("cache/infinite/hit", kept_forever),
    ("cache/infinite/miss", miss_is_kept_forever),
    ("segments and prerequisites", segments_and_prerequisites),
    ("all flags", all_flags),
    ("one flag", one_flag),
    ("items/no JSON", broken_item("{sorry")),
    ("items/no object", broken_item('["flag"]')),
    ("items/empty", broken_item("")),
    ("outage/goes on", goes_on_without_store),
    ("outage/comes back", comes_back),
]

WRITING = [
    ("initialised", initialises),
    ("everything", writes_all),
    ("custom prefix", writes_prefix),
    ("polls", writes_what_polls_bring),
    ("updates", writes_updates),
    ("another put", writes_another_put),
    ("versions/updates", versions_of_updates),
    ("versions/deletes", versions_of_deletes),
    ("tombstones/written", tombstone_is_written),
    ("items/no JSON", broken_is_overwritten),
    ("many updates", many_updates),
    ("before the source/it wins", source_wins),
    ("outage/goes on", serves_without_store),
    ("outage/again and again", again_and_again),
    ("outage/from the beginning", begins_without_store),
    ("edits/cache off", edits_without_cache),
    ("edits/cache ttl", edits_for_a_time),
    ("edits/cache infinite", edits_never),
    ("emptied/cache ttl", dropped_for_a_time),
    ("emptied/cache infinite", dropped_never),
]


def units():
    reading, writing = list(DAEMON), list(WRITING)
    reading += [(f"empty/{name}", empty_store(cache)) for name, cache in CACHES.items()]
    for shape in SHAPES:
        reading += [
            (f"tombstones/flag {shape}", deleted_flag(shape, False)),
            (f"tombstones/only flag {shape}", deleted_flag(shape, True)),
            (f"tombstones/segment {shape}", deleted_segment(shape)),
        ]
        writing.append((f"tombstones/in the store {shape}", stones_in_store_count(shape)))
    for name, cache in CACHES.items():
        writing += [
            (f"update after a miss/{name}", update_after_miss(cache)),
            (f"update after a hit/{name}", update_after_hit(cache)),
            (f"before the source/initialised/{name}", inited_counts(cache)),
            (f"outage/written back/{name}", written_back(cache)),
        ]
    made = [(f"daemon mode/{name}", function) for name, function in reading]
    made += [(f"read-write/{name}", function) for name, function in writing]
    return [(f"persistent data store/redis/{name}", function) for name, function in made]
