"""context type: contexts built, converted, compared; and the secure mode hash."""
import json

import data
import service
from core import shown


def idle_client(test):
    return service.client_with(test, data.EMPTY)


# ---- build ----


def single(**members):
    return {"single": {"key": "a", **members}}


BUILD = [
    (single(), {"kind": "user", "key": "a"}),
    (single(kind=""), {"kind": "user", "key": "a"}),
    (single(kind="org"), {"kind": "org", "key": "a"}),
    (single(name="b"), {"kind": "user", "key": "a", "name": "b"}),
    (single(anonymous=False), {"kind": "user", "key": "a"}),
    (single(anonymous=True), {"kind": "user", "key": "a", "anonymous": True}),
    (single(private=["b"]), {"kind": "user", "key": "a", "_meta": {"privateAttributes": ["b"]}}),
    (
        single(private=["/b/c", "d"]),
        {"kind": "user", "key": "a", "_meta": {"privateAttributes": ["/b/c", "d"]}},
    ),
    (single(custom={"attr": None}), {"kind": "user", "key": "a"}),
    (
        single(custom={"attr": 1, "b": "c", "name": "n"}),
        {"kind": "user", "key": "a", "attr": 1, "b": "c", "name": "n"},
    ),
    ({"multi": [{"key": "a"}]}, {"kind": "user", "key": "a"}),
    ({"multi": [{"kind": "org", "key": "a"}]}, {"kind": "org", "key": "a"}),
    (
        {"multi": [{"kind": "org", "key": "a"}, {"key": "b"}]},
        {"kind": "multi", "org": {"key": "a"}, "user": {"key": "b"}},
    ),
    (
        {"multi": [{"key": "b", "private": ["x"]}, {"kind": "org", "key": "a", "name": "n"}]},
        {
            "kind": "multi",
            "org": {"key": "a", "name": "n"},
            "user": {"key": "b", "_meta": {"privateAttributes": ["x"]}},
        },
    ),
] + [
    (single(custom={"attr": value}), {"kind": "user", "key": "a", "attr": value})
    for value in data.VALUES
    if value is not None
]
BAD_BUILD = [
    {"single": {"key": ""}},
    single(kind="kind"),
    single(kind="multi"),
    single(kind="örg"),
    single(kind="or g"),
    {"multi": []},
    {"multi": [{"key": "a"}, {"key": "b"}]},
    {"multi": [{"kind": "org", "key": "a"}, {"kind": "org", "key": "b"}]},
    {"multi": [{"kind": "org", "key": "a"}, {"kind": "other", "key": ""}]},
]


def converted(test, answer, wanted):
    """wanted None: an error."""
    if wanted is None:
        test.check(answer.get("error"), f"no error, but {answer.get('output')}")
    elif answer.get("error"):
        test.fail(f"error: {answer['error']}")
    else:
        test.equal(without_false(json.loads(answer["output"])), wanted)


def without_false(context):
    """anonymous: false may be there."""
    kinds = context.values() if context.get("kind") == "multi" else [context]
    for one in kinds:
        if isinstance(one, dict) and one.get("anonymous") is False:
            del one["anonymous"]
    return context


def build(test):
    client = idle_client(test)
    for params, wanted in BUILD:
        test.run(
            "valid/" + shown(params),
            lambda t, p=params, w=wanted: converted(t, client.command("contextBuild", p), w),
        )
    for params in BAD_BUILD:
        test.run(
            "invalid/" + shown(params),
            lambda t, p=params: converted(t, client.command("contextBuild", p), None),
        )


# ---- convert ----


def org(extra=""):
    return '{"kind": "org", "key": "x"' + (", " + extra if extra else "") + "}"


EVERY_KIND_CHARACTER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
UNCHANGED = [
    org(extra)
    for extra in [
        "",
        '"name": "b"',
        '"anonymous": true',
        '"attr1": "first"',
        '"attr1": "first", "attr2": "second"',
        '"_meta": {"privateAttributes": ["x"]}',
        '"_meta": {"privateAttributes": ["x", "y"]}',
        '"_meta": {"privateAttributes": ["/a/b", "/~1c"]}',
        '"firstName": 3, "ip": {"v4": [1, 2]}',
    ]
    + [f'"attr1": {json.dumps(value)}' for value in data.VALUES if value is not None]
] + [
    '{"kind": "multi", "org": {"key": "org-key", "name": "org-name"},'
    ' "user": {"key": "user-key", "name": "user-name"}}',
    '{"kind": "multi", "org": {"key": "a", "b": [1, {"c": null}]}, "device": {"key": "c"}}',
    '{"kind": "' + EVERY_KIND_CHARACTER + '", "key": "x"}',
    '{"kind": "multi", "' + EVERY_KIND_CHARACTER + '": {"key": "x"}, "user": {"key": "y"}}',
    '{"kind": "user", "key": "\\u00fc \\" \\\\ \\n \\ud83d\\ude00"}',
]
DROPPED = [
    org(extra)
    for extra in [
        '"name": null',
        '"attr1": null',
        '"_meta": null',
        '"_meta": {}',
        '"_meta": {"privateAttributes": null}',
        '"_meta": {"privateAttributes": []}',
        '"_meta": {"secondary": "b"}',
        '"anonymous": false',
    ]
]
BUILT_IN = ("name", "firstName", "lastName", "email", "country", "avatar", "ip")
OLD_USERS = (
    [
        ('{"key": ""}', {"kind": "user", "key": ""}),
        ('{"key": "a"}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "custom": {"b": true}}', {"kind": "user", "key": "a", "b": True}),
        ('{"key": "a", "custom": {"b": 1}}', {"kind": "user", "key": "a", "b": 1}),
        ('{"key": "a", "custom": {"b": "c"}}', {"kind": "user", "key": "a", "b": "c"}),
        ('{"key": "a", "custom": {"b": [1, 2]}}', {"kind": "user", "key": "a", "b": [1, 2]}),
        ('{"key": "a", "custom": {"b": {"c": 1}}}', {"kind": "user", "key": "a", "b": {"c": 1}}),
        ('{"key": "a", "custom": {"b": 1, "c": 2}}', {"kind": "user", "key": "a", "b": 1, "c": 2}),
        ('{"key": "a", "custom": {"b": 1, "c": null}}', {"kind": "user", "key": "a", "b": 1}),
        ('{"key": "a", "custom": {}}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "custom": null}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "anonymous": true}', {"kind": "user", "key": "a", "anonymous": True}),
        ('{"key": "a", "anonymous": false}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "anonymous": null}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "secondary": "b"}', {"kind": "user", "key": "a"}),
        (
            '{"key": "a", "privateAttributeNames": ["b"]}',
            {"kind": "user", "key": "a", "_meta": {"privateAttributes": ["b"]}},
        ),
        (
            '{"key": "a", "privateAttributeNames": ["/b"]}',
            {"kind": "user", "key": "a", "_meta": {"privateAttributes": ["/~1b"]}},
        ),
        ('{"key": "a", "privateAttributeNames": []}', {"kind": "user", "key": "a"}),
        ('{"key": "a", "privateAttributeNames": null}', {"kind": "user", "key": "a"}),
        (
            '{"key": "a", "custom": {"key": "b", "kind": "c", "anonymous": true}}',
            {"kind": "user", "key": "a"},
        ),
    ]
    + [(f'{{"key": "a", "{n}": "b"}}', {"kind": "user", "key": "a", n: "b"}) for n in BUILT_IN]
    + [(f'{{"key": "a", "{n}": null}}', {"kind": "user", "key": "a"}) for n in BUILT_IN]
)
BAD_CONTEXTS = [
    "",
    "{",
    "true",
    "[]",
    "null",
    '"user"',
    '{"kind": null, "key": "x"}',
    '{"kind": true, "key": "x"}',
    '{"kind": "org"}',
    '{"kind": "org", "key": ""}',
    '{"kind": "org", "key": null}',
    '{"kind": "org", "key": 3}',
    '{"kind": "org", "key": "x", "name": 3}',
    '{"kind": "org", "key": "x", "anonymous": null}',
    '{"kind": "org", "key": "x", "anonymous": "yes"}',
    '{"kind": "org", "key": "x", "_meta": 3}',
    '{"kind": "org", "key": "x", "_meta": {"privateAttributes": 3}}',
    '{"kind": "org", "key": "x", "_meta": {"privateAttributes": {}}}',
    '{"kind": "org", "key": "x", "_meta": {"privateAttributes": [3]}}',
    '{"kind": "kind", "key": "x"}',
    '{"kind": "multi"}',
    '{"kind": "multi", "key": "x"}',
    '{"kind": "", "key" : "x"}',
    '{"kind": "multi", "org": 3}',
    '{"kind": "multi", "org": {"key": ""}}',
    '{"kind": "multi", "kind2": {"key": "x"}, "kind": "multi", "multi": {"key": "y"}}',
    '{"kind": "org", "key": "x"} x',
    '{"kind": "org", "key": "x",}',
]
BAD_USERS = [
    "{}",
    '{"key": true}',
    '{"key": null}',
    '{"key": "a", "custom": 3}',
    '{"key": "a", "anonymous": 3}',
    '{"key": "a", "privateAttributeNames": 3}',
    '{"key": "a", "privateAttributeNames": {}}',
] + [f'{{"key": "a", "{n}": 3}}' for n in BUILT_IN]


def convert(test):
    client = idle_client(test)

    def check(text, wanted):
        def run(t):
            converted(t, client.command("contextConvert", {"input": text}), wanted)

        return run

    for text in UNCHANGED:
        test.run("unchanged/" + text, check(text, json.loads(text)))
    for text in DROPPED:
        test.run("dropped/" + text, check(text, json.loads(org())))
    one_kind = '{"kind": "multi", "org": {"key": "a", "name": "b"}}'
    test.run("one of several kinds", check(one_kind, {"kind": "org", "key": "a", "name": "b"}))
    for text in BAD_CONTEXTS:
        test.run("invalid/" + (text or "nothing"), check(text, None))
    if test.has("user-type"):
        for text, wanted in OLD_USERS:
            test.run("old user/" + text, check(text, wanted))
        for text in BAD_USERS:
            test.run("invalid old user/" + text, check(text, None))

    def bad_characters(t):
        for code in range(1, 256):
            if chr(code) in EVERY_KIND_CHARACTER:
                continue
            kind = json.dumps("org" + chr(code))
            for text in (
                f'{{"kind": {kind}, "key": "x"}}',
                f'{{"kind": "multi", {kind}: {{"key": "x"}}}}',
            ):
                answer = client.command("contextConvert", {"input": text})
                t.check(answer.get("error"), f"character {code} was accepted: {text}")

    test.run("invalid/characters of kinds", bad_characters)


# ---- compare ----

ADDRESS = {"street": "123 Easy St", "city": "Anytown"}


def attributes(**values):
    return [{"name": name, "value": value} for name, value in values.items()]


def one(kind="user", key="user-key", attributes=None, private=None):
    result = {"kind": kind, "key": key}
    if attributes is not None:
        result["attributes"] = attributes
    if private is not None:
        result["privateAttributes"] = [
            {"value": value, "literal": literal} for value, literal in private
        ]
    return result


PRIVATE = [("/address/street", False), ("name", False)]
USER, ORG, DEVICE = one(), one("org", "org-key"), one("device", "device-key")


def with_custom(value):
    return {"single": one(attributes=attributes(custom=value))}


COMPARE = [
    (
        "identical",
        {"single": one(attributes=attributes(name="n", address=ADDRESS), private=PRIVATE)},
        {"single": one(attributes=attributes(name="n", address=ADDRESS), private=PRIVATE)},
        True,
    ),
    (
        "attributes in another order",
        {"single": one(attributes=attributes(name="n", address=ADDRESS))},
        {"single": one(attributes=attributes(address=ADDRESS, name="n"))},
        True,
    ),
    (
        "private attributes in another order",
        {"single": one(private=PRIVATE)},
        {"single": one(private=PRIVATE[::-1])},
        True,
    ),
    (
        "private attributes in another spelling",
        {"single": one(private=[("/address/street", True)])},
        {"single": one(private=[("/~1address~1street", False)])},
        True,
    ),
    (
        "other private attributes",
        {"single": one(private=[("/address/street", True)])},
        {"single": one(private=[("/address/street", False)])},
        False,
    ),
    ("no private attributes", {"single": one(private=PRIVATE)}, {"single": one()}, False),
    ("another kind", {"single": one("org", "k")}, {"single": one("user", "k")}, False),
    ("another key", {"single": one(key="a")}, {"single": one(key="b")}, False),
    ("another name", {"single": one(attributes=attributes(name="a"))}, {"single": one()}, False),
    (
        "anonymous or not",
        {"single": one(attributes=attributes(anonymous=True))},
        {"single": one(attributes=attributes(anonymous=False))},
        False,
    ),
    ("another member", with_custom({"a": "hi", "b": 1}), with_custom({"a": "hi"}), False),
    (
        "members in another order",
        with_custom({"a": 1, "b": 2}),
        with_custom({"b": 2, "a": 1}),
        True,
    ),
    ("items in another order", with_custom([1, 2]), with_custom([2, 1]), False),
    ("1 and 1.0", with_custom(1), with_custom(1.0), True),
    ("1 and true", with_custom(1), with_custom(True), False),
    ("1 and a string", with_custom(1), with_custom("1"), False),
    ("kinds in another order", {"multi": [USER, ORG]}, {"multi": [ORG, USER]}, True),
    ("one of several kinds", {"multi": [USER]}, {"single": USER}, True),
    ("more kinds", {"multi": [USER, ORG]}, {"multi": [USER, ORG, DEVICE]}, False),
    ("another kind's key", {"multi": [USER, ORG]}, {"multi": [one(key="user-key2"), ORG]}, False),
    ("other kinds", {"multi": [USER, ORG]}, {"multi": [USER, DEVICE]}, False),
]


def compare(test):
    test.need_capability("context-comparison")
    client = idle_client(test)
    for name, a, b, wanted in COMPARE:

        def run(t, a=a, b=b, wanted=wanted):
            for x, y in ((a, b), (b, a)):
                answer = client.command("contextComparison", {"context1": x, "context2": y})
                t.equal(answer["equals"], wanted)

        test.run(name, run)


# ---- secure mode ----

SDK_KEY = "sdk-01234567-89ab-cdef-0123-456789abcdef"
HASH_123 = "73df666a13f2c474e50aa34ca5a761e89abb737fb139ff65fdde7fa85c9dcacd"
HASH_456 = "55be6b5ceb2a11acc6a7e9c60dbee5022d9c7084baf9ecd8cf69d12bce5a92fb"
HASH_OTHER = "98a933ca26d2951547fc021981ebcdeda95fbca2ac3f767ae67f7042d5458f72"
HASH_OTHER_SDK_KEY = "63538426a9845721a5547b4715f4284b060c21743702a896e1ff8a9a5b57215d"
HASHES = [
    ("a user", SDK_KEY, data.user("user-key-123"), HASH_123),
    (
        "its other attributes do not matter",
        SDK_KEY,
        data.user("user-key-123", anonymous=True, name="g", email="c", i={"j": 1}),
        HASH_123,
    ),
    (
        "another SDK key",
        "sdk-11234567-89ab-cdef-0123-456789abcdef",
        data.user("user-key-123"),
        HASH_OTHER_SDK_KEY,
    ),
    ("another key", SDK_KEY, data.user("user-key-456"), HASH_456),
    ("another kind", SDK_KEY, {"kind": "other", "key": "user-key-123"}, HASH_OTHER),
]


def secure_mode(test):
    test.need_capability("secure-mode-hash")
    for name, sdk_key, who, wanted in HASHES:

        def run(t, sdk_key=sdk_key, who=who, wanted=wanted):
            client = service.client_with(t, data.EMPTY, credential=sdk_key)
            t.equal(client.command("secureModeHash", {"context": who})["result"], wanted)
            old = data.old_user(who)
            if old and t.has("user-type"):
                t.equal(client.command("secureModeHash", {"user": old})["result"], wanted, "user")

        test.run(name, run)


def units():
    return [
        ("context type/build", build),
        ("context type/convert", convert),
        ("context type/compare", compare),
        ("secure mode hash", secure_mode),
    ]
