"""Flags, segments, contexts and values to test with."""
import itertools
import random

TYPES = ("bool", "int", "double", "string", "any")
STAGES = ("off", "dualwrite", "shadow", "live", "rampdown", "complete")

# All JSON types, and values that are easily taken for "nothing".
VALUES = (
    None,
    False,
    True,
    -1000,
    0,
    1000,
    -1000.5,
    1000.5,
    "",
    "abc",
    'has "escaped" characters',
    [],
    ["a", "b"],
    {},
    {"a": 1},
)

FIRST = {"bool": True, "int": 1, "double": 100.5, "string": "string1", "any": {"a": 1}}
SECOND = {"bool": False, "int": 2, "double": 200.5, "string": "string2", "any": {"a": 2}}


def flag(key, variations=(), version=1, **members):
    """As LaunchDarkly writes one, with every member there."""
    return {
        "key": key,
        "version": version,
        "on": False,
        "salt": "",
        "variations": list(variations),
        "offVariation": None,
        "fallthrough": {},
        "prerequisites": [],
        "targets": [],
        "contextTargets": [],
        "rules": [],
        "trackEvents": False,
        "trackEventsFallthrough": False,
        "debugEventsUntilDate": None,
        "clientSide": False,
        "deleted": False,
        **members,
    }


def flag_off(key, value, version=1, **members):
    """Gives the value to everybody, as the off variation 0."""
    return flag(key, [value, "other"], version, offVariation=0, **members)


def flag_on(key, value, version=1, **members):
    """Gives the value to everybody, as the fallthrough variation 0."""
    return flag(key, [value], version, on=True, fallthrough={"variation": 0}, **members)


def segment(key, version=1, **members):
    return {
        "key": key,
        "version": version,
        "included": [],
        "excluded": [],
        "includedContexts": [],
        "excludedContexts": [],
        "salt": "",
        "rules": [],
        "generation": None,
        "deleted": False,
        **members,
    }


def clause(attribute, op, *values, **members):
    return {"attribute": attribute, "op": op, "values": list(values), "negate": False, **members}


def rule(*clauses, **members):
    return {"id": "", "clauses": list(clauses), "trackEvents": False, **members}


def flags(*items):
    return {"flags": {item["key"]: item for item in items}, "segments": {}}


def with_segments(data, *items):
    return {**data, "segments": {item["key"]: item for item in items}}


EMPTY = {"flags": {}, "segments": {}}


# ---- contexts ----


def user(key="user-key", **members):
    return {"kind": "user", "key": key, **members}


def multi(*contexts):
    return {
        "kind": "multi",
        **{c["kind"]: {name: v for name, v in c.items() if name != "kind"} for c in contexts},
    }


def parts(context):
    """{kind: context without its kind}"""
    if context["kind"] == "multi":
        return {kind: part for kind, part in context.items() if kind != "kind"}
    return {context["kind"]: {name: v for name, v in context.items() if name != "kind"}}


def rebuilt(kinds):
    """The opposite of parts()."""
    if len(kinds) == 1:
        ((kind, part),) = kinds.items()
        return {"kind": kind, **part}
    return {"kind": "multi", **kinds}


BUILT_IN = ("name", "firstName", "lastName", "email", "country", "avatar", "ip")


def old_user(context):
    """The same as an old-style user; None: there is no such user."""
    if context["kind"] != "user":
        return None
    result = {"key": context["key"]}
    custom = {}
    for name, value in context.items():
        if name in ("anonymous",) + BUILT_IN:
            result[name] = value
        elif name == "_meta":
            if any(reference.startswith("/") for reference in value.get("privateAttributes", [])):
                return None  # a user's are names
            result["privateAttributeNames"] = value["privateAttributes"]
        elif name not in ("kind", "key"):
            custom[name] = value
    if custom:
        result["custom"] = custom
    return result


class Contexts:
    """Contexts with a new key each."""

    numbers = itertools.count(random.randrange(10**9) * 1000)

    def __init__(self, prefix="context", description="", kinds=("user",), **members):
        self.prefix = prefix
        self.description = description
        self.kinds = kinds
        self.members = members

    def next(self, key=None):
        key = key or f"{self.prefix}.{next(self.numbers)}"
        made = [{"kind": kind, "key": key, **self.members} for kind in self.kinds]
        return made[0] if len(made) == 1 else multi(*made)


def single_and_multi(prefix, **members):
    return [
        Contexts(prefix, "a user", **members),
        Contexts(prefix, "another kind", kinds=("org",), **members),
        Contexts(prefix, "several kinds", kinds=("org", "other"), **members),
    ]
