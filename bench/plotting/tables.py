"""The README's tables and numbers from a result file. It is plain ASCII: us and x."""
from . import findings, goals, results, wording

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
    ("publish", {**CHANGE, "where": "disk", "step": "visible"}, "a change asked for over HTTP and kept on the disk, to the new value in another process"),
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
            floor = findings.line_to_floor(r, line)
            ratio = wording.ratio(floor, "x") if floor else BLANK
            rows.append([text, _time(_median(line)), _time(results.nanoseconds(line, "min")), ratio])
    return _rows(["what", "median", "best", "x floor"], rows)


# ---- peers


# Ours: (name among the peers, its events, what it is called).
OURS = (
    (results.OURS, "on", "**ffshm**, by key"),
    (results.OURS, "off", "ffshm, by key"),
    (results.OURS, "full", "ffshm, by key"),
    ("ffshm by handle", "on", "ffshm, by handle"),
    (results.REBUILT, "on", "ffshm, by key, context made at each call"),
    (results.REBUILT, "off", "ffshm, by key, context made at each call"),
)
EVENTS = {"off": "off", "on": "counted", "full": "each told"}


def peers(r):
    cases = [case for case in results.HEADLINE if _median(r.ours(case))]
    head = ["", "version", "events", *(results.case_label(case) for case in cases)]
    rows = [row for own in OURS if (row := _own_row(r, cases, *own))]
    rows += [_peer_row(r, peer, events, cases) for peer in r.peers for events in EVENTS if _has(peer, events, cases)]
    return "\n\n".join(filter(None, [_rows(head, rows), _differs(r, cases), _told(r), _without(r)]))


def _own_row(r, cases, name, events, text):
    lines = [r.one("peer", peer=name, events=events, case=case) for case in cases]
    if name == results.OURS and events == "on":
        lines = [r.ours(case) for case in cases]
    times = [_median(line) for line in lines]
    if not any(times):
        return None
    version = next((line["version"] for line in lines if line and "version" in line), r.machine["commit"])
    bold = "**" if text.startswith("**") else ""
    return [text, version, EVENTS[events], *(f"{bold}{_time(t)}{bold}" if t else BLANK for t in times)]


def _has(peer, events, cases):
    return any(peer.median(case, events) for case in cases)


def _peer_row(r, peer, events, cases):
    return [peer.label, peer.version or BLANK, EVENTS[events], *(_peer_cell(r, peer, events, case) for case in cases)]


def _peer_cell(r, peer, events, case):
    """Beside ours that counts; where each evaluation is told, beside ours that tells each."""
    median = peer.median(case, events)
    if not median:
        return BLANK
    ours = _median(r.ours(case, "events" if events == "full" else "counting"))
    ratio = f", {wording.lead(median / ours, 'x')}" if ours else ""
    return f"{_time(median)}{'*' if peer.differs(case) else ''}{ratio}"


def _differs(r, cases):
    found = wording.differences((peer, case) for case in cases for peer in r.peers)
    return "\\* Not quite the same:\n" + "\n".join(f"* {text}" for text in found) if found else ""


def _told(r):
    """Of how many evaluations the peers' events told: one that drops events is timed while it does."""
    rows = []
    for peer in r.peers:
        texts = [
            f"{wording.percent(min(counted / made, 1))} {EVENTS[events]}"
            for events, (made, counted) in sorted(peer.told.items(), key=lambda item: list(EVENTS).index(item[0]))
        ]
        if texts:
            rows.append(f"* {peer.label}: {', '.join(texts)}")
    return "Of the evaluations made, so many arrived in the counts that were sent:\n" + "\n".join(rows) if rows else ""


def _without(r):
    absent = [_absent(peer) for peer in [*r.peers, *r.absent] if peer.absent]
    return "Not measured there:\n" + "\n".join(absent) if absent else ""


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
        over = wording.over_1us(findings.over_1us(r, "thread", rate), findings.over_1us(r, "none", rate))
        yield f"99.99 % of evaluations, with {while_text}", f"at most {_time(longest)}{over}" if longest else None
    size = findings.reader_bytes(r)
    yield "memory of one more process that counts 10,000 flags", _size(size) if size else None


def _growth(value):
    return wording.growth(value, "x") if value else None


def _size(size):
    return f"{size / 1024:,.0f} KiB" if size < 1024 * 1024 else f"{wording.digits(size / 1024 / 1024, 2)} MiB"


# ---- goals


def goals_table(r):
    found = goals.goals(r)
    met = {True: "yes", False: "**no**", None: BLANK}
    rows = [[goal.text, goal.measured or BLANK, met[goal.met]] for goal in found]
    why = [f"* {text}: {reason or 'the reason is not known'}." for text, reason in goals.reasons(r, found)]
    return _rows(["goal", "measured", "met"], rows) + ("\n\nMissed, and why:\n" + "\n".join(why) if why else "")


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
    for name, lead in (
        ("lead", findings.lead(r)),
        ("lead-on", findings.lead(r, events="on")),
        ("lead-on-launchdarkly", findings.lead_on_launchdarkly(r)),
    ):
        found[name] = wording.lead(lead[0], "") if lead else None
    for pick in ("hot", "random"):
        found[f"growth-{pick}"] = _growth(findings.growth(r, pick))
        found[f"growth-{pick}-floor"] = _growth(findings.floor_growth(r, pick))
    for which in ("hit", "miss"):
        found[f"targets-growth-{which}"] = _growth(findings.target_growth(r, which))
    for kind in ("threads", "processes"):
        scaling = findings.scaling(r, kind)
        found[f"{kind}-efficiency"] = wording.percent(scaling[1]) if scaling else None
    for mode in ("inline", "thread", "none"):
        for rate in (0, 10, 1000):
            found[f"p99.99-{mode}-{rate}"] = _timed(findings.tail(r, mode, rate))
            over = findings.over_1us(r, mode, rate)
            found[f"over-1us-{mode}-{rate}"] = wording.digits(over, 2) if over else None
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
