"""The README's tables and numbers from a result file. It is plain ASCII: us and x."""
from . import findings, results, wording

BLANK = "-"

# What it costs: (bench, what the line must have, what it is called).
EVAL = {"by": "key", "pick": "hot", "context": "prepared", "telemetry": "counting", "flags": 1000}
ONE = {**EVAL, "case": "bool-fallthrough"}
CHANGE = {"where": "memory", "flags": 10000}
OPEN = {"what": "open-to-answer", "process": "fresh", "verify": "full", "telemetry": "counting", "flags": 1000}
COSTS = (
    ("eval", {**ONE, "by": "handle"}, "a flag that serves one value, by handle"),
    ("eval", ONE, "the same, by key"),
    ("eval", {**ONE, "telemetry": "off"}, "the same, by key, while no agent collects counts"),
    ("eval", {**ONE, "context": "rebuilt"}, "the same, by key, and building a context of seven attributes"),
    ("eval", {**ONE, "telemetry": "events"}, "the same, by key, each evaluation told as an event"),
    ("eval", {**EVAL, "case": "rollout"}, "a percentage rollout, by key"),
    ("eval", {**EVAL, "case": "rules"}, "five rules of two clauses, the fifth matches, by key"),
    ("eval", {**EVAL, "case": "targets-miss"}, "not one of 100,000 individual targets, by key"),
    ("eval", {**EVAL, "case": "segment-hit"}, "in a segment of 1,000,000 members, by key"),
    ("eval", {**EVAL, "case": "all-flags", "by": "view"}, "all of 1,000 flags for one context"),
    ("publish", {**CHANGE, "step": "compile"}, "one changed flag of 10,000: compiled"),
    ("publish", {**CHANGE, "step": "publish"}, "then written and published"),
    ("publish", {**CHANGE, "step": "refresh"}, "and its refresh in each reader"),
    ("publish", {**CHANGE, "step": "visible"}, "a change asked for over HTTP, to the new value in another process"),
    (
        "kill",
        {"step": "kill", "where": "disk", "what": "seen", "flags": 10000},
        "a kill switch, kept on the disk, to the new value in another process",
    ),
    ("publish", {**CHANGE, "step": "file-saved"}, "a file of 10,000 flags saved, to the new value in another process"),
    ("start", OPEN, "`ffshm_open` to the first answer, 1,000 flags"),
    ("start", {"what": "agent-to-answer", "flags": 10000}, "`ffagent` started on 10,000 flags, to the first answer"),
)


def _time(ns):
    return wording.time(ns, "us")


def _median(line):
    return results.nanoseconds(line, "median")


def _rows(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine(r):
    """Where the numbers are from, and how to get one's own."""
    m = r.machine
    return (
        f"{', '.join(r.facts())}.\n"
        f"`{m['command']}` measures all of this, [this file]({r.shown_path()}) has it; `bench/plot` draws it."
    )


def costs(r):
    rows = []
    for bench, fields, text in COSTS:
        line = r.one(bench, **fields)
        if line and _median(line):
            rows.append([text, _time(_median(line)), _time(results.nanoseconds(line, "min"))])
    return _rows(["what", "median", "best"], rows)


# ---- peers


def peers(r):
    cases = [case for case in results.HEADLINE if _median(r.ours(case))]
    head = ["", "version", *(results.case_label(case) for case in cases)]
    version = (r.ours(cases[0]) if cases else {}).get("version", r.machine["commit"])
    rows = [["**ffshm**, by key", version, *(f"**{_time(_median(r.ours(case)))}**" for case in cases)]]
    rows += [_peer_row(r, peer, cases) for peer in r.peers]
    text = _rows(head, rows)
    absent = [_absent(peer) for peer in [*r.peers, *r.absent] if peer.absent]
    return text + ("\n\nNot measured there:\n" + "\n".join(absent) if absent else "")


def _peer_row(r, peer, cases):
    name = peer.label if any(events == "on" for _, events in peer.times) else f"{peer.label}, without events"
    return [name, peer.version or BLANK, *(_peer_cell(r, peer, case) for case in cases)]


def _peer_cell(r, peer, case):
    median = peer.median(case)
    return f"{_time(median)}, {wording.lead(median / _median(r.ours(case)), 'x')}" if median else BLANK


def _absent(peer):
    """Why it is not there, or why it is not there with events."""
    reasons = [
        (f"with events {events}: " if events and peer.has_times() else "") + why
        for events, why in sorted(peer.absent.items())
    ]
    return f"* {peer.label}: {'; '.join(dict.fromkeys(reasons))}"


# ---- how it grows


def growth(r):
    rows = [[text, value] for text, value in _growth_rows(r) if value]
    return _rows(["what", "measured"], rows)


def _growth_rows(r):
    for pick, text in (("hot", "one flag of 100,000, against one of 1,000"), ("random", "any of them, at random")):
        value, floor = _growth(findings.growth(r, pick)), _growth(findings.floor_growth(r, pick))
        yield text, f"{value}; the floor {floor}" if value and floor else value
    for which in ("hit", "miss"):
        yield f"100,000 individual targets against 10, {which}", _growth(findings.target_growth(r, which))
    for kind in ("threads", "processes"):
        found = findings.scaling(r, kind)
        if found:
            yield f"{found[0]} {kind}, of {found[0]} times one", wording.percent(found[1])
    for rate in (0, 10, 1000):
        longest = findings.tail(r, "thread", rate)
        while_text = f"{wording.count(rate)} publishes a second" if rate else "no publish"
        yield f"99.99 % of evaluations, with {while_text}", f"at most {_time(longest)}" if longest else None
    size = findings.reader_bytes(r)
    yield "memory of one more process that counts 10,000 flags", _size(size) if size else None


def _growth(value):
    return wording.growth(value, "x") if value else None


def _size(size):
    return f"{size / 1024:,.0f} KiB" if size < 1024 * 1024 else f"{wording.digits(size / 1024 / 1024, 2)} MiB"


# ---- single numbers, for <!-- bench:n NAME -->


def numbers(r):
    """{name: text} of all that the file has."""
    found = {}
    for case in results.CASES:
        found[case] = _timed(_median(r.eval(case)))  # as in the table of costs
        found[f"{case}-off"] = _timed(_median(r.eval(case, telemetry="off")))
        floor = findings.floor_ratio(r, case)
        found[f"{case}-to-floor"] = wording.ratio(floor, "x") if floor else None
    found["handle"] = _timed(_median(r.eval("bool-fallthrough", by="handle")))
    lead, events = findings.lead(r), findings.lead_on_events(r)
    found["lead"] = wording.lead(lead[0], "") if lead else None
    found["lead-on-launchdarkly"] = wording.lead(events[0], "") if events else None
    for pick in ("hot", "random"):
        found[f"growth-{pick}"] = _growth(findings.growth(r, pick))
        found[f"growth-{pick}-floor"] = _growth(findings.floor_growth(r, pick))
    for which in ("hit", "miss"):
        found[f"targets-growth-{which}"] = _growth(findings.target_growth(r, which))
    for kind in ("threads", "processes"):
        scaling = findings.scaling(r, kind)
        found[f"{kind}-efficiency"] = wording.percent(scaling[1]) if scaling else None
    for mode in ("inline", "thread"):
        for rate in (0, 10, 1000):
            found[f"p99.99-{mode}-{rate}"] = _timed(findings.tail(r, mode, rate))
    for step in ("compile", "publish", "refresh", "visible", "file-saved"):
        for line in r.changes(step):
            found[f"{step}-{line['flags']}"] = _timed(_median(line))
    for step in ("kill", "revive"):
        found[step] = _timed(_median(r.one("kill", step=step, where="disk", what="seen")))
    size = findings.reader_bytes(r)
    found["reader-memory"] = _size(size) if size else None
    return {name: text for name, text in found.items() if text}


def _timed(ns):
    return _time(ns) if ns else None
