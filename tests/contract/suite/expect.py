"""What events are expected to be.

An expectation is called with an event and returns what is wrong with it, as a list of texts.
"""
import data
from core import same, shown


class Expectation:
    def __init__(self, name, check):
        self.name = name
        self.check = check

    def __call__(self, event):
        return self.check(event)


def are(test, payload, *expectations):
    """The payload has exactly these events, in any order."""
    wrong = [[expectation(event) for event in payload] for expectation in expectations]
    if len(payload) == len(expectations) and assignable(wrong):
        return True
    lines = [f"{len(payload)} events, {len(expectations)} expected"]
    for expectation, row in zip(expectations, wrong):
        if not any(not faults for faults in row):
            best = min(row, key=len) if row else ["there is no event"]
            lines.append(f"  nothing is {expectation.name}: {'; '.join(best)}")
    lines += ["  got " + shown(event) for event in payload]
    test.fail("\n".join(lines))
    return False


def assignable(wrong):
    """Is there a different event without fault for each expectation?"""
    taken = {}

    def place(row, tried):
        for column, faults in enumerate(wrong[row]):
            if not faults and column not in tried:
                tried.add(column)
                if column not in taken or place(taken[column], tried):
                    taken[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(wrong)))


# ---- parts of events ----


def kind_is(event, kind):
    return [] if event.get("kind") == kind else [f"kind is {event.get('kind')}"]


def members_at_most(event, *names):
    extra = sorted(set(event) - set(names))
    return [f"unexpected {', '.join(extra)}"] if extra else []


def dated(event):
    date = event.get("creationDate")
    good = isinstance(date, int) and not isinstance(date, bool) and date > 0
    return [] if good else [f"creationDate is {shown(date)}"]


def member_is(event, name, wanted):
    """wanted None: absent or null."""
    return [] if same(event.get(name), wanted) else [f"{name} is {shown(event.get(name))}"]


def context_keys(event, context):
    """The event's context has the same kinds and keys."""
    got = event.get("context")
    try:
        keys = {kind: part.get("key") for kind, part in data.parts(got).items()}
    except (TypeError, KeyError, AttributeError):
        return [f"context is {shown(got)}"]
    wanted = {kind: part["key"] for kind, part in data.parts(context).items()}
    if (got["kind"] == "multi") != (context["kind"] == "multi") or keys != wanted:
        return [f"context is {shown(got)}"]
    return []


def reference_names(reference):
    """Both spellings of a plain name; a path has one."""
    if reference.startswith("/"):
        return {reference}
    return {reference, "/" + reference.replace("~", "~0").replace("/", "~1")}


def redacted_is(listed, wanted):
    left = list(listed or [])
    for reference in wanted:
        found = [name for name in left if name in reference_names(reference)]
        if not found:
            return [f"redactedAttributes is {shown(listed)}, without {reference}"]
        left.remove(found[0])
    return [f"redactedAttributes has {', '.join(left)}"] if left else []


def part_is(got, wanted, redacted):
    """One kind's part of an event's context."""
    meta = got.get("_meta") or {}
    faults = redacted_is(meta.get("redactedAttributes"), redacted)
    faults += members_at_most(meta, "redactedAttributes")
    plain = {n: v for n, v in got.items() if n not in ("_meta", "anonymous")}
    expected = {n: v for n, v in wanted.items() if n not in ("_meta", "anonymous")}
    if not same(plain, expected):
        faults.append(f"context has {shown(plain)}")
    if bool(got.get("anonymous")) != bool(wanted.get("anonymous")):
        faults.append(f"anonymous is {shown(got.get('anonymous'))}")
    return faults


def context_is(event, wanted, redacted=None):
    """The event's context, exactly. wanted is what is left after redaction; redacted is by kind."""
    got = event.get("context")
    if not isinstance(got, dict) or "kind" not in got:
        return [f"context is {shown(got)}"]
    if (got["kind"] == "multi") != (wanted["kind"] == "multi"):
        return [f"context is of kind {got['kind']}"]
    parts, expected = data.parts(got), data.parts(wanted)
    if parts.keys() != expected.keys():
        return [f"context has kinds {', '.join(parts)}"]
    faults = []
    for kind, part in parts.items():
        faults += part_is(part, expected[kind], (redacted or {}).get(kind, []))
    return faults


# ---- whole events ----


def any_of_kind(kind):
    return Expectation(f"a {kind} event", lambda event: kind_is(event, kind))


def index(context=None):
    def check(event):
        faults = kind_is(event, "index") + dated(event)
        faults += members_at_most(event, "kind", "creationDate", "context")
        return faults + (context_keys(event, context) if context else [])

    return Expectation("an index event" + (f" of {shown(context)}" if context else ""), check)


def identify(context=None):
    def check(event):
        faults = kind_is(event, "identify") + dated(event)
        faults += members_at_most(event, "kind", "creationDate", "key", "context")
        return faults + (context_keys(event, context) if context else [])

    return Expectation("an identify event" + (f" of {shown(context)}" if context else ""), check)


def with_context(expectation, context, redacted=None):
    """The expectation, and that the event's context is exactly this."""
    return Expectation(
        f"{expectation.name} with context {shown(context)}, redacted {shown(redacted)}",
        lambda event: expectation(event) + context_is(event, context, redacted),
    )


def custom(key=None, context=None, value=None, metric=None):
    def check(event):
        faults = kind_is(event, "custom") + dated(event)
        faults += members_at_most(
            event, "kind", "creationDate", "key", "data", "metricValue", "context"
        )
        if key is not None:
            faults += member_is(event, "key", key)
            faults += member_is(event, "data", value) + member_is(event, "metricValue", metric)
            if metric is None and event.get("metricValue", 0) is None:
                faults.append("metricValue is null")
        return faults + (context_keys(event, context) if context else [])

    return Expectation("a custom event", check)


def feature(flag, context, value, variation, default, reason=None, prereq_of=None, kind="feature"):
    """reason None: there is none. variation None: the fallback was served."""

    def check(event):
        faults = kind_is(event, kind) + dated(event) + context_keys(event, context)
        faults += members_at_most(
            event,
            *("kind", "creationDate", "key", "version", "context", "value", "variation", "reason"),
            *("default", "prereqOf"),
        )
        wanted = {
            "key": flag["key"],
            "version": flag["version"],
            "value": value,
            "variation": variation,
            "default": default,
            "reason": reason,
            "prereqOf": prereq_of,
        }
        for name, expected in wanted.items():
            faults += member_is(event, name, expected)
        return faults

    return Expectation(f"a {kind} event of {flag['key']}", check)


def debug(flag, context, value, variation, default, reason=None):
    return feature(flag, context, value, variation, default, reason, kind="debug")


def counter(value, variation, version, count):
    """count None: any, but 0."""
    return {"value": value, "variation": variation, "version": version, "count": count}


def unknown_counter(value, count):
    return {"value": value, "unknown": True, "count": count}


def same_counter(got, wanted):
    if wanted["count"] is None:
        count = got.get("count")
        if not isinstance(count, int) or count < 1:
            return False
        wanted = {**wanted, "count": count}
    return same(got, wanted)


def counters_are(got, wanted):
    left = list(got or [])
    for one in wanted:
        found = [other for other in left if same_counter(other, one)]
        if not found:
            return [f"counters are {shown(got)}, without {shown(one)}"]
        left.remove(found[0])
    return [f"counters has {shown(left)}"] if left else []


ANY = object()


def summary(**features):
    """By flag: (default, [kinds], [counters]). default ANY: anything; no flags given: any
    summary."""

    def check(event):
        faults = kind_is(event, "summary")
        faults += members_at_most(event, "kind", "startDate", "endDate", "features")
        start, end = event.get("startDate"), event.get("endDate")
        if not (isinstance(start, int) and isinstance(end, int) and 0 < start <= end):
            faults.append(f"startDate is {shown(start)}, endDate {shown(end)}")
        got = event.get("features", {})
        if features and set(got) != set(features):
            faults.append(f"features are {', '.join(got)}")
        for key, (default, kinds, counters) in features.items():
            one = got.get(key, {})
            faults += members_at_most(one, "default", "contextKinds", "counters")
            if default is not ANY:
                faults += member_is(one, "default", default)
            if sorted(one.get("contextKinds", [])) != sorted(kinds):
                faults.append(f"contextKinds is {shown(one.get('contextKinds'))}")
            faults += [f"{key}: {fault}" for fault in counters_are(one.get("counters"), counters)]
        return faults

    return Expectation("a summary event", check)


def migration_op(operation, key, stage, default, context, measurements):
    """measurements: a list of what Measurement functions made."""

    def check(event):
        faults = kind_is(event, "migration_op") + dated(event) + context_keys(event, context)
        faults += members_at_most(
            event, "kind", "creationDate", "operation", "context", "evaluation", "measurements"
        )
        faults += member_is(event, "operation", operation)
        evaluation = event.get("evaluation", {})
        faults += members_at_most(
            evaluation, "key", "value", "default", "variation", "version", "reason"
        )
        faults += member_is(evaluation, "key", key) + member_is(evaluation, "value", stage)
        faults += member_is(evaluation, "default", default)
        faults += member_is(evaluation, "variation", data.STAGES.index(stage))
        faults += member_is(evaluation, "reason", {"kind": "FALLTHROUGH"})
        return faults + measurements_are(event.get("measurements", []), measurements)

    return Expectation(f"a migration_op event of {key}", check)


def measurements_are(got, wanted):
    faults = []
    if sorted(one.get("key", "") for one in got) != sorted(wanted):
        faults.append(f"measurements are {shown(got)}")
    for one in got:
        if one.get("key") in wanted:
            faults += [f"{one['key']}: {fault}" for fault in wanted[one["key"]](one)]
    return faults


def invoked(*origins):
    return lambda one: member_is(one, "values", {origin: True for origin in origins})


def errors(*origins):
    return lambda one: member_is(
        {"values": {name: v for name, v in one.get("values", {}).items() if v is not False}},
        "values",
        {origin: True for origin in origins},
    )


def latency(*origins):
    def check(one):
        values = one.get("values", {})
        good = set(values) == set(origins) and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0
            for v in values.values()
        )
        return [] if good else [f"values is {shown(values)}"]

    return check


def consistent(value):
    def check(one):
        faults = member_is(one, "value", value)
        ratio = one.get("samplingRatio", 1)
        return faults + ([] if ratio == 1 else [f"samplingRatio is {shown(ratio)}"])

    return check
