"""The numbers that plots and README state, each worked out in one place. None: the file does not have it."""
from . import results


def _median(line):
    return results.nanoseconds(line, "median")


def against_fastest(r, case, events=None, family=""):
    """
    (peer, how many times ours, its events), or None. Ours always counts; without events, theirs are off or on,
    whichever is faster.
    """
    fastest, ours = r.fastest(case, events, family), _median(r.ours(case))
    return (fastest[0], fastest[1] / ours, fastest[2]) if fastest and ours else None


def lead(r, cases=results.HEADLINE, events=None, family=""):
    """(least, most) that the fastest peer's time is of ours."""
    ratios = [found[1] for found in (against_fastest(r, case, events, family) for case in cases) if found]
    return (min(ratios), max(ratios)) if ratios else None


def lead_on_launchdarkly(r):
    """The same of the fastest of LaunchDarkly's SDKs with events on."""
    return lead(r, events="on", family="launchdarkly")


def span(r, cases=results.HEADLINE):
    """(least, most) of ours in ns."""
    medians = [m for m in (_median(r.ours(case)) for case in cases) if m]
    return (min(medians), max(medians)) if medians else None


def growth(r, pick, many=100000, few=1000):
    """By key, counting: the time with many flags against that with few."""
    times = [_median(r.eval("bool-fallthrough", pick=pick, flags=flags)) for flags in (many, few)]
    return times[0] / times[1] if all(times) else None


def floor_growth(r, pick, many=100000, few=1000):
    """The same of what the machine needs at least."""
    times = [r.floor("bool-fallthrough", pick, flags=flags) for flags in (many, few)]
    return times[0] / times[1] if all(times) else None


def target_growth(r, which):
    """A list of 100,000 targets against one of 10; which: hit or miss."""
    times = [_median(r.eval(f"targets-{size}{which}")) for size in ("", "10-")]
    return times[0] / times[1] if all(times) else None


def target_floor_growth(r, which):
    times = [r.floor(f"targets-{size}{which}") for size in ("", "10-")]
    return times[0] / times[1] if all(times) else None


def floor_ratio(r, case):
    least, ours = r.floor(case), _median(r.ours(case))
    return ours / least if least and ours else None


def line_to_floor(r, line):
    """The same of a line of `eval`. Nobody knows a floor of making a context, or of telling events."""
    if line["bench"] != "eval" or line["context"] != "prepared" or line["telemetry"] == "events":
        return None
    same = {name: line[name] for name in ("pick", "by", "flags", "telemetry")}
    least = r.floor(line["case"], **same)
    return _median(line) / least if least else None


def possible_lead(r, case, events=None, family=""):
    """What the lead would be of a program that takes no longer than the floor."""
    fastest, least = r.fastest(case, events, family), r.floor(case)
    return fastest[1] / least if fastest and least else None


def scaling(r, kind, case="bool-fallthrough"):
    """(workers, efficiency) of the most workers; case none: of work that has nothing to do with ffshm."""
    lines = r.workers(kind, case)
    return (lines[-1]["n"], lines[-1]["efficiency"]) if lines and lines[-1]["n"] > 1 else None


def tail(r, mode, rate, which="p9999"):
    return results.nanoseconds(r.one("tail", mode=mode, publishes_per_s=rate), which)


def over_1us(r, mode, rate):
    """How many evaluations a second take longer than 1 us; mode none: how many turns of an empty loop."""
    line = r.one("tail", mode=mode, publishes_per_s=rate)
    return line.get("over_1us_per_s") if line else None


def reader_bytes(r, flags=10000):
    """What one more process has for itself, when an agent collects its counts: its memory and its file of counters."""
    sizes = [
        line["size_bytes"]
        for what in ("reader-private", "reader-telemetry")
        if (line := r.one("memory", what=what, flags=flags, telemetry="counting"))
    ]
    return sum(sizes) if len(sizes) == 2 else None
