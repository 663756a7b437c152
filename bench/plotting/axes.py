"""Scales, their grids, and labels that get out of each other's way."""
import math

from . import wording


class LogScale:
    """Values to positions; from low, at the position start, to high, at end."""

    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value):
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + min(share, 1.0) * (self.end - self.start)

    def decades(self):
        first = math.ceil(math.log10(self.low) - 1e-9)
        last = math.floor(math.log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]


def log_around(values, start, end, steps=(1, 2, 5)):
    """A scale that begins and ends with round numbers around all values."""
    return LogScale(_round_down(min(values), steps), _round_up(max(values), steps), start, end)


def _round_down(value, steps):
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return power * max(step for step in steps if step * power <= value * 1.0001)


def _round_up(value, steps):
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    above = [step * power for step in (*steps, 10) if step * power >= value * 0.9999]
    return min(above)


def time_axis(canvas, scale, top, bottom):
    """Vertical lines at the decades of nanoseconds; their names below, or every second one where they are close."""
    decades = scale.decades()
    for value in decades:
        canvas.line(scale(value), top, scale(value), bottom, "grid")
    close = len(decades) > 1 and scale(decades[1]) - scale(decades[0]) < 50
    for value in decades[:: 2 if close else 1]:
        canvas.text(scale(value), bottom + 16, wording.time(value, count=1), "note", "soft", "middle")


def spread(positions, gap):
    """The positions, moved as little as needed to be gap apart; in the same order as given."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    groups = []  # [sum of what each member wants for the first, members]
    for index in order:
        groups.append([positions[index], 1])
        while len(groups) > 1 and _start(groups[-2]) + groups[-2][1] * gap > _start(groups[-1]):
            wanted, members = groups.pop()
            groups[-1][0] += wanted - members * groups[-1][1] * gap
            groups[-1][1] += members
    placed = [0.0] * len(positions)
    at = iter(order)
    for group in groups:
        for member in range(group[1]):
            placed[next(at)] = _start(group) + member * gap
    return placed


def _start(group):
    return group[0] / group[1]
