"""peers.svg: a row for each alternative, a column for each of the cases that all are compared by."""
from . import axes, findings, results, wording
from .canvas import MARGIN, WIDTH, Canvas, fitted, text_width

ROW = 27
NAMES = 224
GAP = 20
VALUES = 53  # of a panel, for the values


def _cases(r):
    return [case for case in results.HEADLINE if _ours(r, case)]


def _ours(r, case, telemetry="counting"):
    return results.nanoseconds(r.ours(case, telemetry), "median")


def _title(r):
    lead, events = findings.lead(r), findings.lead_on_events(r)
    text = f"At least {wording.lead(lead[0])} as fast as any alternative"
    return f"{text}, {wording.lead(events[0])} as fast as LaunchDarkly's SDKs" if events else text


def draw(r, command):
    cases = _cases(r)
    if not r.peers or not cases or not findings.lead(r):
        return None
    canvas = Canvas(_title(r), _description(r, cases), r, command)
    top = canvas.bottom + 48
    bottom = top + ROW * (1 + len(r.peers))
    canvas.rect(MARGIN - 10, top, WIDTH - 2 * MARGIN + 20, ROW, "wash", 5)
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
    return axes.log_around(values, left + 4, right - VALUES)


def _description(r, cases):
    texts = []
    for peer in r.peers:
        times = [f"{results.case_label(c)} {wording.time(peer.median(c))}" for c in cases if peer.median(c)]
        texts.append(f"{peer.label}: {', '.join(times)}")
    ours = ", ".join(f"{results.case_label(c)} {wording.time(_ours(r, c))}" for c in cases)
    return f"Median time of one evaluation. ffshm: {ours}; {'; '.join(texts)}."


def _notes(r):
    notes = [
        "Medians, measured in turns on one core, with the same 1,000 flags and the context prepared once. ffshm: by"
        " key, counted. Alternatives: with events on where they have events; hollow: the same with events off."
    ]
    if any(r.floor(case) for case in _cases(r)):
        notes.append("Dashed: the floor, a function that does only what the case cannot do without, on this machine.")
    return notes


def _names(canvas, r, top):
    canvas.text(MARGIN, top + 18, "ffshm", "strong", "ours")
    canvas.text(NAMES - GAP, top + 18, "counting", "note", "soft", "end")
    for number, peer in enumerate(r.peers):
        y = top + ROW * (number + 1)
        if number:
            canvas.line(MARGIN, y, WIDTH - MARGIN, y, "grid")
        name = fitted(peer.label, "label", NAMES - MARGIN - 12)
        canvas.text(MARGIN, y + 18, name, "label", "ink")
        version = fitted(peer.version.split(",")[0], "note", NAMES - GAP - MARGIN - text_width(name, "label") - 6)
        if len(version) > 3:
            canvas.text(NAMES - GAP, y + 18, version, "note", "soft", "end")


def _absent(canvas, r):
    for peer in r.absent:
        y, canvas.bottom = canvas.bottom, canvas.bottom + ROW - 3
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
    off = _ours(r, case, "off")
    if off:
        canvas.mark(scale(off), top + ROW / 2, "ours", "circle", 3.6, hollow=True)
    canvas.mark(scale(ours), top + ROW / 2, "ours", "circle", 5.6)
    canvas.text(scale.end + VALUES, top + 18, wording.time(ours), "value-strong", "ours", "end")
    for number, peer in enumerate(r.peers):
        _row(canvas, peer, case, scale, top + ROW * (number + 1.5))


def _row(canvas, peer, case, scale, y):
    main, off = peer.median(case), peer.median(case, "off")
    if main:
        if off and off != main:
            canvas.line(scale(off), y, scale(main), y, "peer", 1.2, None, 0.6)
            canvas.mark(scale(off), y, "peer", "circle", 3.2, hollow=True)
        canvas.mark(scale(main), y, "peer", "circle", 4.4)
        canvas.text(scale.end + VALUES, y + 4.5, wording.time(main), "value", "ink", "end")
    elif case in peer.missing:
        canvas.text(scale.end + VALUES, y + 4.5, "no equivalent", "note", "soft", "end")
