"""How numbers are written. Plots say µs and ×, the README us and x."""
import math

from .results import case_label


def digits(value, count=3):
    """Rounded to so many significant digits, never with an exponent: 33 -> 33.0; 1234.5 -> 1,230"""
    rounded = float(f"{value:.{count - 1}e}")
    power = math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:,.{max(count - 1 - power, 0)}f}"


def time(ns, micro="µs", count=3):
    """13.63 -> 13.6 ns; 1240 -> 1.24 µs"""
    for unit, factor in (("ns", 1), (micro, 1e3), ("ms", 1e6)):
        if float(f"{ns / factor:.{count - 1}e}") < 1000:
            return f"{digits(ns / factor, count)} {unit}"
    return f"{digits(ns / 1e9, count)} s"


def times(low, high, micro="µs"):
    """12 to 62 ns; 800 ns to 1.2 µs"""
    low, high = time(low, micro, 2), time(high, micro, 2)
    return f"{low.split()[0]} to {high}" if low.split()[1] == high.split()[1] else f"{low} to {high}"


def lead(value, sign="×"):
    """How many times as fast: cut off, so that it is not more than there is. 9.96 -> 9.9×; 1239 -> 1,230×"""
    count = 2 if value < 100 else 3
    unit = 10.0 ** (math.floor(math.log10(value)) - count + 1)
    return digits(math.floor(value / unit + 1e-9) * unit, count) + sign


def ratio(value, sign="×"):
    """2.54 -> 2.5×"""
    return digits(value, 2) + sign


def leads(low, high):
    """1.6 to 41; both as lead() has them"""
    low, high = lead(low, ""), lead(high, "")
    return low if low == high else f"{low} to {high}"


def growth(value, sign="×"):
    """1.037 -> 1.04×"""
    return digits(value) + sign


def percent(share):
    """Never rounded up."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def rate(per_s):
    """212345678 -> 212 million"""
    for word, factor in ((" billion", 1e9), (" million", 1e6)):
        if per_s >= factor:
            return digits(per_s / factor) + word
    return digits(per_s)


def count(number):
    return f"{number:,.0f}"


def over_1us(slow, nothing):
    """How many a second, with a separator before it; nothing: of the loop without an evaluation."""
    if slow is None or nothing is None:
        return ""
    return f"; over 1 us: {digits(slow, 2)} a second, of an empty loop {digits(nothing, 2)}"


def listed(texts):
    """a, b and c"""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def differences(pairs):
    """What peers do otherwise, of (peer, case): the same of several only once. [] or one text for each."""
    whose = {}
    for peer, case in pairs:
        if peer.differs(case):
            whose.setdefault((case, peer.differs(case)), []).append(peer.label)
    return [f"{case_label(case)}, {listed(names)}: {what}" for (case, what), names in whose.items()]
