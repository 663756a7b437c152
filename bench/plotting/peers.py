"""peers.svg: a row for each alternative, a column for each of the cases that all are compared by."""
from . import axes, findings, results, wording
from .canvas import MARGIN, WIDTH, Canvas, fitted, text_width

ROW = 35  # two values
NAMES = 224
GAP = 20
VALUES = 53  # of a panel, for the values


def _cases(r):
    return [case for case in results.HEADLINE if _ours(r, case)]


def _ours(r, case, telemetry="counting"):
    return results.nanoseconds(r.ours(case, telemetry), "median")


def _title(r):
    lead, launchdarkly = findings.lead(r), findings.lead_on_launchdarkly(r)
    text = f"In these cases at least {wording.lead(lead[0])} as fast as any alternative, events on or off"
    return f"{text}; {wording.lead(launchdarkly[0])} as fast as LaunchDarkly's SDKs, events on" if launchdarkly else text


def draw(r, command):
    cases = _cases(r)
    if not r.peers or not cases or not findings.lead(r):
        return None
    canvas = Canvas(_title(r), _description(r, cases), r, command)
    top = canvas.bottom + 48
    own = _own(r)
    bottom = top + ROW * (len(own) + len(r.peers))
    canvas.rect(MARGIN - 10, top, WIDTH - 2 * MARGIN + 20, ROW * len(own), "wash", 5)
    width = (WIDTH - MARGIN - NAMES - GAP * (len(cases) - 1)) / len(cases)
    for number, case in enumerate(cases):
        left = NAMES + number * (width + GAP)
        _panel(canvas, r, case, _scale(r, cases, left, left + width), top, bottom)
    _names(canvas, r, top)
    canvas.bottom = bottom + 22
    _absent(canvas, r)
    return canvas, canvas.finish(_notes(r))


def _scale(r, cases, left, right):
    """The same for all panels."""
    values = [v for case in cases for v in (r.floor(case), _ours(r, case)) if v]
    for peer in r.peers:
        values += [v for case in cases for v in (peer.median(case, "on"), peer.median(case, "off")) if v]
    values += [v for _, row in _own(r) for case in cases for v in row(case) if v]
    return axes.log_around(values, left + 4, right - VALUES)


def _description(r, cases):
    texts = []
    for peer in r.peers:
        times = [f"{results.case_label(c)} {wording.time(peer.best(c)[0])}" for c in cases if peer.best(c)]
        texts.append(f"{peer.label}: {', '.join(times)}")
    ours = ", ".join(f"{results.case_label(c)} {wording.time(_ours(r, c))}" for c in cases)
    whose = "Median time of one evaluation, of others with events on or off, the faster."
    return f"{whose} ffshm: {ours}; {'; '.join(texts)}."


def _own(r):
    """[(name, what gives its times without and with events by case)]: our rows."""
    rows = [("ffshm", lambda case: (_ours(r, case, "off"), _ours(r, case)))]
    if any(r.rebuilt(case) for case in _cases(r)):
        rows.append(
            (
                "context made at each call",
                lambda case: tuple(results.nanoseconds(r.rebuilt(case, t), "median") for t in ("off", "counting")),
            )
        )
    return rows


def _notes(r):
    notes = [
        "Medians, measured in turns on one core, with the same 1,000 flags and the context prepared once. ffshm: by"
        " key, counting; alternatives: events on. Hollow, and the upper time of two: ffshm not counting, events off."
        " What others' threads do for events takes time of that core. What the agent does with counts is another"
        " process's work, and is not in these times."
    ]
    if any(r.floor(case) for case in _cases(r)):
        notes.append("Dashed: the floor, a function that does only what the case cannot do without, on this machine.")
    shown = [(peer, case) for case in _cases(r) for peer in r.peers]
    return notes + [f"* {text}." for text in wording.differences(shown)]


def _names(canvas, r, top):
    own = _own(r)
    for number, (name, _) in enumerate(own):
        canvas.text(MARGIN, top + ROW * (number + 0.5) + 4.5, name, "strong" if number == 0 else "label", "ours")
    for number, peer in enumerate(r.peers):
        y = top + ROW * (number + len(own))
        if number:
            canvas.line(MARGIN, y, WIDTH - MARGIN, y, "grid")
        y += ROW / 2 + 4.5
        name = fitted(peer.label, "label", NAMES - MARGIN - 12)
        canvas.text(MARGIN, y, name, "label", "ink")
        version = fitted(peer.version.split(",")[0], "note", NAMES - GAP - MARGIN - text_width(name, "label") - 6)
        if len(version) > 3:
            canvas.text(NAMES - GAP, y, version, "note", "soft", "end")


def _absent(canvas, r):
    for peer in r.absent:
        y, canvas.bottom = canvas.bottom, canvas.bottom + 24
        canvas.text(MARGIN, y + 18, fitted(peer.label, "label", NAMES - MARGIN - 12), "label", "soft")
        why = next(iter(peer.absent.values()), "")
        reason = fitted(f"not measured: {why}", "note", WIDTH - MARGIN - NAMES)
        canvas.text(NAMES, y + 18, reason, "note", "soft")
    canvas.bottom += 8


def _panel(canvas, r, case, scale, top, bottom):
    ours, least = _ours(r, case), r.floor(case)
    canvas.text(scale.start - 4, top - 14, results.case_label(case), "head", "ink")
    axes.time_axis(canvas, scale, top, bottom)
    if least:
        canvas.line(scale(least), top + 3, scale(least), bottom - 3, "soft", 1, "2 3")
    canvas.line(scale(ours), top + ROW / 2, scale(ours), bottom - 3, "ours", 1, None, 0.45)
    own = _own(r)
    for number, (_, times) in enumerate(own):
        _row(canvas, times(case), scale, top + ROW * (number + 0.5), "ours")
    for number, peer in enumerate(r.peers):
        y = top + ROW * (number + len(own) + 0.5)
        off, on = peer.median(case, "off"), peer.median(case, "on")
        if off or on:
            _row(canvas, (off, on), scale, y, "peer", "*" if peer.differs(case) else "")
        elif case in peer.missing:
            canvas.text(scale.end + VALUES, y + 4.5, "no equivalent", "note", "soft", "end")


def _row(canvas, times, scale, y, colour, star=""):
    """The times without and with events, as far as there are any."""
    off, on = times
    x = scale.end + VALUES
    if off and on:
        canvas.line(scale(off), y, scale(on), y, colour, 1.2, None, 0.6)
    if off:
        canvas.mark(scale(off), y, colour, "circle", 3.4, hollow=True)
        canvas.text(x, y - 3 if on else y + 4.5, wording.time(off) + star, "note", "soft", "end")
    if on:
        canvas.mark(scale(on), y, colour, "circle", 4.4)
        kind, ink = ("value-strong", "ours") if colour == "ours" else ("value", "ink")
        canvas.text(x, y + 12 if off else y + 4.5, wording.time(on) + star, kind, ink, "end")
