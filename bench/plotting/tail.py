"""tail.svg: how many evaluations take longer than a time, both on logarithmic axes; a panel for each refresh mode."""
import math

from . import axes, results, wording
from .canvas import MARGIN, WIDTH, Canvas, text_width

LEFT = 104
GAP = 56
HEIGHT = 330
MODES = {
    "inline": "refreshed by the evaluations themselves",
    "thread": "refreshed by a thread of the library",
}
COLOURS = ("ink", "ours", "brick", "plum", "ochre")  # by rate, the slowest first
DASHES = (None, None, None, "6 3", "2 3")
GOAL = 1e-4  # the p99.99 is what is told of each curve


def _rate(line):
    return line["publishes_per_s"]


def _usual(lines):
    """Of 10 publishes a second, or of the least."""
    return next((line for line in lines if _rate(line) == 10), next((line for line in lines if _rate(line)), None))


def _machine(r):
    """The same loop with nothing in it: what the machine itself does to it."""
    lines = r.curves("none")
    return _usual(lines) or (lines[-1] if lines else None)


def _slower(line):
    """[(ns, share that takes longer)], down to one in all samples."""
    least = 1 / max(line.get("samples", 1e6), 2)
    return [(max(ns, 0.1), min(max(1 - share, least), 1.0)) for ns, share in line["cdf"]]


def _title(r):
    for mode in ("thread", "inline"):
        line = _usual(r.curves(mode))
        if line:
            time = wording.time(results.nanoseconds(line, "p9999"), count=2)
            text = f"Flags change {wording.count(_rate(line))} times a second: 99.99 % of evaluations within {time}"
            slow, machine = line.get("over_1us_per_s"), _machine(r)
            if slow is None or not machine or machine.get("over_1us_per_s") is None:
                return text
            nothing = wording.digits(machine["over_1us_per_s"], 2)
            return f"{text}, {wording.digits(slow, 2)} a second over 1 µs; an empty loop has {nothing}"
    return "How long the slowest evaluations take"


def draw(r, command):
    modes = [mode for mode in MODES if r.curves(mode)]
    if not modes:
        return None
    canvas = Canvas(_title(r), _description(r, modes), r, command)
    machine = _machine(r)
    points = [p for mode in modes for line in r.curves(mode) + [machine] if line for p in _slower(line)]
    deepest = min(min(share for _, share in points), 1e-3)
    top = canvas.bottom + 54
    width = (WIDTH - MARGIN - LEFT - GAP * (len(modes) - 1)) / len(modes)
    down = axes.LogScale(deepest, 1, top + HEIGHT, top)
    _shares(canvas, down)
    for number, mode in enumerate(modes):
        left = LEFT + number * (width + GAP)
        across = axes.log_around([ns for ns, _ in points], left, left + width)
        _panel(canvas, r.curves(mode), machine, across, down, MODES[mode])
    canvas.bottom = top + HEIGHT + 26
    return canvas, canvas.finish(_notes(r, modes))


def _description(r, modes):
    texts = []
    for mode in modes:
        for line in r.curves(mode):
            p9999 = wording.time(results.nanoseconds(line, "p9999"))
            texts.append(f"{MODES[mode]}, {wording.count(_rate(line))} publishes a second: p99.99 {p9999}")
    return "Share of evaluations that take longer than a time. " + "; ".join(texts) + "."


def _notes(r, modes):
    line = r.curves(modes[0])[0]
    note = f"{wording.digits(line['samples'], 2)} evaluations a curve" if line.get("samples") else "Evaluations"
    if line.get("clock_ns"):
        note += f", each timed by itself, less the clock's own {wording.time(line['clock_ns'], count=2)}"
    if line.get("clock_step_ns"):
        note += f"; the clock's step is {wording.time(line['clock_step_ns'], count=2)}"
    if _machine(r):
        note += ". Nothing: the same loop without an evaluation, as the machine interrupts it"
    notes = [note + "."]
    if line.get("over_1us_per_s") is not None:
        notes.append(
            "Evaluations follow each other without pause, so 1 in 10,000 is hundreds a second, and a few publishes"
            " cannot show there. They show in how many take over 1 µs in a second, beside those of the empty loop."
        )
    return notes


def _shares(canvas, down):
    """The nines, as what is left of them."""
    canvas.text(MARGIN, down.end - 14, "take longer", "note", "soft")
    for share in reversed(down.decades()):
        y, nines = down(share), round(-math.log10(share))
        name = f"p{100 - 100 * share:.{max(nines - 2, 0)}f}" if 0 < nines <= 6 else ""
        text = "all" if nines == 0 else f"1 in {_in_words(1 / share)}"
        canvas.text(LEFT - 12, y + (0 if name else 4), text, "note", "ink", "end")
        if name:
            canvas.text(LEFT - 12, y + 13, name, "note", "soft", "end")


def _in_words(number):
    return f"{number / 1e6:,.0f} million" if number >= 999999 else wording.count(number)


def _panel(canvas, lines, machine, across, down, name):
    canvas.text(across.start, down.end - 14, name, "head", "ink")
    axes.time_axis(canvas, across, down.end, down.start)
    for share in down.decades():
        canvas.line(across.start, down(share), across.end, down(share), "grid")
    if machine:
        _curve(canvas, machine, across, down, "peer", 1.4, "4 3")
    for number, line in enumerate(lines):
        _curve(canvas, line, across, down, COLOURS[number % 5], 2, DASHES[number % 5])
    for number, line in enumerate(lines):
        p9999 = results.nanoseconds(line, "p9999")
        if down.low < GOAL and p9999:
            canvas.mark(across(p9999), down(GOAL), COLOURS[number % 5], "circle", 3.6)
    _legend(canvas, lines, machine, across, down)


def _curve(canvas, line, across, down, colour, width, dash=None):
    points = _slower(line)
    first = max((i for i, (_, share) in enumerate(points) if share >= 1), default=0)
    canvas.path([(across(ns), down(share)) for ns, share in points[first:]], colour, width, dash)


def _legend(canvas, lines, machine, across, down):
    """A table in the corner where no curve comes."""
    right, y = across.end - 8, down.end + 20
    columns = (right - 118, right - 58, right)
    height = 18 * (len(lines) + (2 if machine else 1)) + 4
    canvas.rect(right - 214, down.end + 4, 218, height, "ground", 4)
    for x, head in zip(columns, ("publishes/s", "p99.99", "over 1 µs")):
        canvas.text(x, y, head, "note", "soft", "end")
    rows = [(line, COLOURS[i % 5], wording.count(_rate(line))) for i, line in enumerate(lines)]
    if machine:
        rows.append((machine, "peer", "nothing"))
    for number, (line, colour, text) in enumerate(rows):
        at = y + 18 * (number + 1)
        swatch = columns[0] - text_width("publishes/s", "note") - 8
        dash = "4 3" if colour == "peer" else DASHES[number % 5]
        canvas.line(swatch - 18, at - 4, swatch, at - 4, colour, 2.4, dash)
        canvas.text(columns[0], at, text, "value-strong" if colour != "peer" else "value", "ink", "end")
        p9999, slow = results.nanoseconds(line, "p9999"), line.get("over_1us_per_s")
        if p9999 is not None:
            canvas.text(columns[1], at, wording.time(p9999, count=2), "value", "ink", "end")
        if slow is not None:
            canvas.text(columns[2], at, f"{wording.digits(slow, 2)}/s", "value", "ink", "end")
