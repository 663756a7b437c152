"""publish.svg: what the change of one flag costs, against how many flags there are."""
from . import axes, results, wording
from .canvas import MARGIN, WIDTH, Canvas

LEFT = 92
RIGHT = WIDTH - MARGIN - 196
HEIGHT = 320
# step: (what it is called, colour, mark)
STEPS = {
    "file-saved": ("file saved to visible", "plum", "down"),
    "visible": ("visible in another process", "brick", "diamond"),
    "publish": ("publish", "ours", "circle"),
    "compile": ("compile", "ochre", "square"),
    "refresh": ("refresh in a reader", "moss", "up"),
}


def _curve(r, step):
    """[(flags, median in ns, p90 or None)]"""
    time = results.nanoseconds
    return [(line["flags"], time(line, "median"), time(line, "p90")) for line in r.changes(step)]


def _title(r, curves):
    for step, text in (("visible", "is visible in another process after"), ("publish", "is published in")):
        if step in curves:
            flags, median, _ = curves[step][-1]
            return f"One changed flag of {wording.count(flags)} {text} {wording.time(median, count=2)}"
    return "What the change of one flag costs"


def draw(r, command):
    curves = {step: _curve(r, step) for step in STEPS if _curve(r, step)}
    if not curves:
        return None
    canvas = Canvas(_title(r, curves), _description(curves), r, command)
    top = canvas.bottom + 44
    times = [v for curve in curves.values() for _, *both in curve for v in both if v]
    flags = sorted({n for curve in curves.values() for n, _, _ in curve})
    up = axes.log_around(times, top + HEIGHT, top)
    across = axes.LogScale(flags[0], max(flags[-1], flags[0] * 10), LEFT + 14, RIGHT - 14)
    _grid(canvas, up, across, flags)
    for step, curve in curves.items():
        _draw_curve(canvas, curve, STEPS[step], across, up)
    _labels(canvas, curves, up, across)
    canvas.bottom = top + HEIGHT + 44
    return canvas, canvas.finish(_notes(r))


def _description(curves):
    texts = []
    for step, curve in curves.items():
        times = ", ".join(f"{wording.time(median)} with {wording.count(flags)}" for flags, median, _ in curve)
        texts.append(f"{STEPS[step][0]}: {times}")
    return "Time by number of flags. " + "; ".join(texts) + "."


def _notes(r):
    notes = "Medians; the bands reach to the p90. One flag of about 1 KB of JSON is changed each time."
    written = [(line["flags"], line["written_bytes"]) for line in r.changes("publish") if line.get("written_bytes")]
    if written:
        sizes = ", ".join(f"{_kib(size)} with {wording.count(flags)}" for flags, size in written)
        notes += f" Written for it: {sizes} flags."
    return [notes]


def _kib(size):
    return f"{size / 1024:,.0f} KiB" if size < 10 * 1024 * 1024 else f"{size / 1024 / 1024:,.0f} MiB"


def _grid(canvas, up, across, flags):
    for value in up.decades():
        canvas.line(LEFT, up(value), RIGHT, up(value), "grid")
        canvas.text(LEFT - 10, up(value) + 4, wording.time(value, count=1), "note", "soft", "end")
    for number in flags:
        canvas.line(across(number), up.end, across(number), up.start, "grid")
        canvas.text(across(number), up.start + 17, wording.count(number), "note", "soft", "middle")
    canvas.text((LEFT + RIGHT) / 2, up.start + 34, "flags", "note", "soft", "middle")


def _draw_curve(canvas, curve, look, across, up):
    _, colour, shape = look
    if len(curve) > 1 and all(p90 for _, _, p90 in curve):
        upper = [(across(flags), up(p90)) for flags, _, p90 in curve]
        lower = [(across(flags), up(median)) for flags, median, _ in reversed(curve)]
        canvas.area(upper + lower, colour, 0.14)
    canvas.path([(across(flags), up(median)) for flags, median, _ in curve], colour, 2.2)
    for flags, median, _ in curve:
        canvas.mark(across(flags), up(median), colour, shape, 4.2)


def _labels(canvas, curves, up, across):
    """Each curve's name and last value beside its end, or beside the plot when it ends before that."""
    steps = list(curves)
    ends = [up(curves[step][-1][1]) for step in steps]
    for step, end, y in zip(steps, ends, axes.spread(ends, 34)):
        name, colour, _ = STEPS[step]
        x = across(curves[step][-1][0])
        canvas.path([(x + 8, end), (RIGHT + 2, y), (RIGHT + 8, y)], colour, 1, "1.5 2.5")
        first, last = curves[step][0][1], curves[step][-1][1]
        canvas.text(RIGHT + 13, y - 2, name, "strong", colour)
        value = wording.times(first, last) if len(curves[step]) > 1 else wording.time(last)
        canvas.text(RIGHT + 13, y + 13, value, "note", "soft")
