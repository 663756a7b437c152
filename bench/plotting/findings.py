"""The numbers that plots and README state, each worked out in one place. None: the file does not have it."""
from . import results


def _median(line):
    return results.nanoseconds(line, "median")


def against_fastest(r, case):
    """(peer, how many times ours), or None."""
    fastest, ours = r.fastest(case), _median(r.ours(case))
    return (fastest[0], fastest[1] / ours) if fastest and ours else None


def lead(r, cases=results.HEADLINE):
    """(least, most) that the fastest peer's time is of ours."""
    ratios = [found[1] for found in (against_fastest(r, case) for case in cases) if found]
    return (min(ratios), max(ratios)) if ratios else None


def lead_on_events(r):
    """The same of LaunchDarkly's SDKs with events on."""
    ratios = []
    for case in results.HEADLINE:
        ours = _median(r.ours(case))
        for peer in r.peers:
            theirs = peer.median(case, "on")
            if ours and theirs and peer.name.startswith("launchdarkly"):
                ratios.append(theirs / ours)
    return (min(ratios), max(ratios)) if ratios else None


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


def floor_ratio(r, case):
    least, ours = r.floor(case), _median(r.ours(case))
    return ours / least if least and ours else None


def scaling(r, kind):
    """(workers, efficiency) of the most workers."""
    lines = r.workers(kind)
    return (lines[-1]["n"], lines[-1]["efficiency"]) if lines and lines[-1]["n"] > 1 else None


def tail(r, mode, rate, which="p9999"):
    return results.nanoseconds(r.one("tail", mode=mode, publishes_per_s=rate), which)


def reader_bytes(r, flags=10000):
    """What one more process has for itself, when an agent collects its counts: its memory and its file of counters."""
    sizes = [
        line["size_bytes"]
        for what in ("reader-private", "reader-telemetry")
        if (line := r.one("memory", what=what, flags=flags, telemetry="counting"))
    ]
    return sum(sizes) if len(sizes) == 2 else None
