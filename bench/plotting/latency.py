"""latency.svg: a row for each case: the floor, ours, and all peers, on one logarithmic axis."""
from . import axes, findings, results, wording
from .canvas import MARGIN, WIDTH, Canvas, fitted, text_width

ROW = 25
OURS_COLUMN = 252
LEFT = OURS_COLUMN + 14
RIGHT = WIDTH - MARGIN - 244
RIGHT_ALONE = WIDTH - MARGIN - 100  # without peers
PEER_COLUMN = WIDTH - MARGIN - 62

# The first that a peer's name begins with.
FAMILIES = (
    ("launchdarkly", "LaunchDarkly's SDKs", "ochre", "circle"),
    ("unleash", "Unleash", "plum", "up"),
    ("growthbook", "GrowthBook", "moss", "square"),
    ("flagd", "flagd", "brick", "diamond"),
    ("", "others", "peer", "down"),
)


def family(peer):
    return next(f for f in FAMILIES if peer.name.startswith(f[0]))


def _cases(r):
    return [case for case in r.cases() if case != "all-flags"]


def _title(r, cases):
    span, lead = findings.span(r, cases), findings.lead(r, cases)
    text = f"An evaluation takes {wording.times(*span)}"
    if not lead:
        return text
    return f"{text}, the fastest alternative {wording.leads(*lead)} times that"


def _shown(r, case):
    """All that a row has on the axis, in ns."""
    values = [r.floor(case), _ours(r, case), _ours(r, case, "off")]
    for peer in r.peers:
        values += [peer.median(case, "on"), peer.median(case, "off")]
    return [value for value in values if value]


def _ours(r, case, telemetry="counting"):
    return results.nanoseconds(r.ours(case, telemetry), "median")


def draw(r, command):
    cases = _cases(r)
    if not cases:
        return None
    canvas = Canvas(_title(r, cases), _description(r, cases), r, command)
    _legend(canvas, r)
    top = canvas.bottom + 34
    right = RIGHT if r.peers else RIGHT_ALONE
    scale = axes.log_around([v for case in cases for v in _shown(r, case)], LEFT, right)
    bottom = top + ROW * len(cases)
    axes.time_axis(canvas, scale, top, bottom)
    _heads(canvas, r, right + 54, top - 9)
    for number, case in enumerate(cases):
        _row(canvas, r, case, scale, top + ROW * number)
    canvas.bottom = bottom + 26
    return canvas, canvas.finish(_notes(r))


def _description(r, cases):
    rows = [f"{results.case_label(case)}: {wording.time(_ours(r, case))}" for case in cases]
    return "Median time of one evaluation by case. " + "; ".join(rows) + "."


def _notes(r):
    notes = [
        "Medians on one core, 1,000 flags, the context prepared once. ffshm: by key, counted;"
        " hollow: not counted."
    ]
    if r.peers:
        notes[0] += " Alternatives: in turns with it, events on; hollow: events off. The fastest of all those is named."
    if any(r.floor(case) for case in r.cases()):
        notes.append("Floor: a function that does only what the case cannot do without, in the same loop; its best.")
    named = [(found[0], case) for case in _cases(r) if (found := r.fastest(case))]
    return notes + [f"* {text}." for text in wording.differences(named)]


def _legend(canvas, r):
    """In a line: ours, the floor, and the families that are there."""
    canvas.bottom += 30
    x, y = MARGIN, canvas.bottom
    present = [f for f in FAMILIES if any(family(peer) == f for peer in r.peers)]
    entries = [("ffshm", "ours", "circle", "strong")] + [(f[1], f[2], f[3], "value") for f in present]
    for name, colour, shape, kind in entries:
        canvas.mark(x + 5, y - 4, colour, shape, 5.4 if colour == "ours" else 3.8)
        canvas.text(x + 15, y, name, kind, "ours" if colour == "ours" else "ink")
        x += text_width(name, kind) + 36
    if any(r.floor(case) for case in r.cases()):
        _floor_mark(canvas, x + 3, y - 4)
        canvas.text(x + 12, y, "floor: what this machine allows", "value", "ink")


def _heads(canvas, r, floor_column, y):
    canvas.text(OURS_COLUMN, y, "ffshm", "note", "soft", "end")
    if any(r.floor(case) for case in _cases(r)):
        canvas.text(floor_column, y, "ours ÷ floor", "note", "soft", "end")
    if r.peers:
        canvas.text(PEER_COLUMN, y, "fastest alternative", "note", "soft", "end")
        canvas.text(WIDTH - MARGIN, y, "÷ ours", "note", "soft", "end")


def _floor_mark(canvas, x, y):
    canvas.line(x, y - 7, x, y + 7, "floor", 2)


def _row(canvas, r, case, scale, top):
    middle = top + ROW / 2
    canvas.line(MARGIN, top, WIDTH - MARGIN, top, "grid")
    label = fitted(results.case_label(case), "label", OURS_COLUMN - MARGIN - 56)
    canvas.text(MARGIN, middle + 4.5, label, "label", "ink")
    canvas.text(OURS_COLUMN, middle + 4.5, wording.time(_ours(r, case)), "value-strong", "ours", "end")
    for peer in reversed(r.peers):  # the fastest on top
        _peer(canvas, peer, case, scale, middle)
    least, ours = r.floor(case), _ours(r, case)
    if least:
        _floor_mark(canvas, scale(least), middle)
    off = _ours(r, case, "off")
    if off:
        canvas.mark(scale(off), middle, "ours", "circle", 3.8, hollow=True)
    canvas.mark(scale(ours), middle, "ours", "circle", 5.6)
    _lead(canvas, r, case, scale.end + 54, middle)


def _peer(canvas, peer, case, scale, y):
    _, _, colour, shape = family(peer)
    off, on = peer.median(case, "off"), peer.median(case, "on")
    if off:
        canvas.mark(scale(off), y, colour, shape, 3.2, hollow=True)
    if on:
        canvas.mark(scale(on), y, colour, shape, 3.8)


def _lead(canvas, r, case, floor_column, y):
    least, found = findings.floor_ratio(r, case), findings.against_fastest(r, case)
    if least:
        canvas.text(floor_column, y + 4.5, wording.ratio(least), "value", "ink", "end")
    if found:
        star = "*" if found[0].differs(case) else ""
        name = fitted(found[0].label, "value", PEER_COLUMN - floor_column - 18) + star
        canvas.text(PEER_COLUMN, y + 4.5, name, "value", "soft", "end")
        canvas.text(WIDTH - MARGIN, y + 4.5, wording.lead(found[1]), "value-strong", "ink", "end")
    elif r.peers:
        canvas.text(PEER_COLUMN, y + 4.5, "none compared", "value", "soft", "end")
