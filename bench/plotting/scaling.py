"""scaling.svg: evaluations per second with more threads, and with more processes, beside the ideal."""
import math

from . import findings, wording
from .canvas import MARGIN, WIDTH, Canvas

LEFT = 76
GAP = 28
ROOM = 104  # of a panel, for the last label
HEIGHT = 250
KINDS = ("threads", "processes")


def _points(r, kind):
    """[(n, evaluations per second, efficiency)]"""
    return [(line["n"], line["evaluations_per_s"], line["efficiency"]) for line in r.workers(kind)]


def _title(r, kinds):
    texts = []
    for kind in kinds:
        found = findings.scaling(r, kind)
        if found:
            texts.append(f"{found[0]} {kind} reach {wording.percent(found[1])}")
    return f"{', '.join(texts)} of ideal" if texts else "Evaluations per second, by workers"


def draw(r, command):
    kinds = [kind for kind in KINDS if r.workers(kind)]
    if not kinds:
        return None
    canvas = Canvas(_title(r, kinds), _description(r, kinds), r, command)
    most = max(n for kind in kinds for n, _, _ in _points(r, kind))
    highest = max(rate / min(share, 1) for kind in kinds for _, rate, share in _points(r, kind))
    top = canvas.bottom + 52
    width = (WIDTH - MARGIN - LEFT - GAP * (len(kinds) - 1)) / len(kinds) - ROOM
    step = _step(highest)
    ceiling = math.ceil(highest * 1.04 / step) * step
    for number, kind in enumerate(kinds):
        left = LEFT + number * (width + ROOM + GAP)
        _panel(canvas, _points(r, kind), kind, (left, width, top), (most, ceiling, step), number == 0)
    canvas.bottom = top + HEIGHT + 42
    return canvas, canvas.finish([_note(r, kinds)])


def _description(r, kinds):
    texts = [
        f"{n} {kind}: {wording.rate(rate)} evaluations a second, {wording.percent(share)} of ideal"
        for kind in kinds
        for n, rate, share in _points(r, kind)
    ]
    return "; ".join(texts) + "."


def _note(r, kinds):
    note = (
        "All on one flag, by key, counted; each worker on a core of its own. Dashed, the ideal: what the same cores do"
        " alone, in turns."
    )
    nothing = [(kind, r.workers(kind, "none")[-1]) for kind in kinds if r.workers(kind, "none")]
    if nothing:
        texts = [f"{line['n']} {kind} {wording.percent(line['efficiency'])}" for kind, line in nothing]
        note += f" Work without ffshm reaches: {', '.join(texts)}."
    return note


def _step(highest):
    """About five lines on the axis."""
    power = 10.0 ** math.floor(math.log10(highest / 4))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if highest / (step * power) <= 6)


def _panel(canvas, points, kind, place, axis, named):
    (left, width, top), (most, ceiling, step) = place, axis
    bottom = top + HEIGHT

    def at(n, rate):
        return left + width * n / most, bottom - HEIGHT * rate / ceiling

    canvas.text(left, top - 16, kind, "head", "ink")
    for number in range(round(ceiling / step) + 1):
        y = at(0, number * step)[1]
        canvas.line(left, y, left + width + ROOM - 12, y, "grid" if number else "edge")
        if named:
            canvas.text(left - 10, y + 4, f"{number * step / 1e6:,.6g}", "note", "soft", "end")
    if named:
        canvas.text(MARGIN, top - 16, "million/s", "note", "soft")
    for n in _ticks(points):
        canvas.text(at(n, 0)[0], bottom + 17, wording.count(n), "note", "soft", "middle")
    canvas.path([at(0, 0), *(at(n, rate / share) for n, rate, share in points)], "soft", 1.4, "4 4")
    canvas.path([at(n, rate) for n, rate, _ in points], "ours", 2.4)
    for n, rate, _ in points:
        canvas.mark(*at(n, rate), "ours", "circle", 5)
    for n, rate, share in points:
        x, y = at(n, rate)
        if n in _ticks(points) and y + 40 < bottom:
            canvas.text(x + 8, y + 20, f"{wording.rate(rate)}/s", "value-strong", "ours")
            if n > 1:
                canvas.text(x + 8, y + 36, f"{wording.percent(share)} of ideal", "note", "soft")


def _ticks(points):
    """The numbers of workers that have room for labels: the most, and each that is far enough below the next."""
    most, named = points[-1][0], []
    for n, _, _ in reversed(points):
        if not named or named[-1] - n >= most * 0.32:
            named.append(n)
    return named
