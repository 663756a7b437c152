"""The goals that the speed of ffshm has, what was measured of each, and where one is missed, why."""
from . import findings, results, wording


class Goal:
    """met: None when the file does not have it; why: a text for when it is missed; case: of a lead over others."""

    def __init__(self, text, measured, met, why=None, case=None):
        self.text, self.measured, self.met, self.why, self.case = text, measured, met, why, case


class Lead:
    """So many times as fast as the fastest of some peers."""

    def __init__(self, least, over, **only):
        self.least, self.only = least, only
        self.text = f"{least}x as fast as {over}"

    def goals(self, r):
        return [self._goal(r, case) for case in results.HEADLINE]

    def _goal(self, r, case):
        found = findings.against_fastest(r, case, **self.only)
        events = [self.only["events"]] if "events" in self.only else ["off", "on"]
        shown = [findings.against_fastest(r, case, **{**self.only, "events": e}) for e in events]
        texts = [f"{wording.lead(s[1], 'x')} {s[0].label}, events {s[2]}" for s in shown if s]
        met = found[1] >= self.least if found else None
        return Goal(f"{results.case_label(case)}: {self.text}", "; ".join(texts), met, case=case)

    def why(self, r, cases):
        """Of the cases that missed it: whether the machine allows it at all, and what else there is to say."""
        above, below, peers = [], [], {}
        for case in cases:
            peer = r.fastest(case, **self.only)[0]
            peers[peer.name] = peer
            possible = findings.possible_lead(r, case, **self.only)
            if possible:
                text = f"{wording.lead(possible, 'x')} on `{results.case_label(case)}`"
                (above if possible >= self.least else below).append(text)
        texts = [f"{peer.label} is {ABOUT[name]}" for name, peer in peers.items() if name in ABOUT]
        if below:
            texts.append(f"even the floor would reach only {wording.listed(below)}")
        if above:
            texts.append(f"the floor would reach {wording.listed(above)}, but it {SHARED}")
        block = results.nanoseconds(r.one("limit", what="sha1-block"), "median")
        if block and "rollout" in cases:
            sha1 = "a rollout needs one block of SHA-1 for LaunchDarkly's buckets"
            texts.append(f"{sha1}, which takes {wording.time(block, 'us')} where each waits for the one before, less where several overlap, as in the floor")
        return "; ".join(texts)


LEADS = (
    Lead(10, "the fastest alternative"),
    Lead(100, "LaunchDarkly's fastest SDK", events="on", family="launchdarkly"),
)
ABOUT = {
    "unleash-rust": "the engine inside Unleash's SDKs, called with a context made ready for this one flag before",
}
SHARED = "shares no flags between processes, checks nothing that it reads, and cannot change one flag alone"


def goals(r):
    found = [goal for lead in LEADS for goal in lead.goals(r)]
    return found + [
        _growth(r, "hot", 1.1, "one flag of 100,000 takes at most 1.1x of one of 1,000"),
        _growth(r, "random", 4, "any of 100,000, at random, takes at most 4x of any of 1,000"),
        _targets(r),
        _scaling(r),
        _tail(r),
    ]


def reasons(r, found):
    """[(what was missed, why)]; one for all cases of a lead."""
    missed = [goal for goal in found if goal.met is False]
    of_leads = []
    for lead in LEADS:
        cases = [goal.case for goal in missed if goal.case and goal.text.endswith(lead.text)]
        if cases:
            of_leads.append((lead.text, lead.why(r, cases)))
    return of_leads + [(goal.text, goal.why) for goal in missed if not goal.case]


# ---- as it grows


def _growth(r, pick, most, text):
    value, floor = findings.growth(r, pick), findings.floor_growth(r, pick)
    beside = f"; the floor {wording.growth(floor, 'x')}" if floor else ""
    measured = f"{wording.growth(value, 'x')}{beside}" if value else ""
    why = f"the caches do not hold so many flags; the floor, too, takes {wording.growth(floor, 'x')}" if floor else None
    return Goal(text, measured, value <= most if value else None, why if floor and floor > 1.2 else None)


def _targets(r):
    found = {which: value for which in ("hit", "miss") if (value := findings.target_growth(r, which))}
    measured = ", ".join(f"{wording.growth(value, 'x')} {which}" for which, value in found.items())
    floors = [value for which in found if (value := findings.target_floor_growth(r, which))]
    why = f"the floor, too, takes {wording.growth(max(floors), 'x')}" if max(floors, default=0) > 2 else None
    text = "a list of 100,000 targets takes at most 2x of one of 10"
    return Goal(text, measured, max(found.values()) <= 2 if found else None, why)


def _scaling(r):
    found = {kind: value for kind in ("threads", "processes") if (value := findings.scaling(r, kind))}
    measured = ", ".join(f"{wording.percent(share)} with {n} {kind}" for kind, (n, share) in found.items())
    missed = [kind for kind, (_, share) in found.items() if share < 0.95]
    nothing = {kind: value[1] for kind in missed if (value := findings.scaling(r, kind, "none"))}
    texts = [f"{wording.percent(share)} with {kind}" for kind, share in nothing.items()]
    machine = texts and max(nothing.values()) < 0.95
    why = f"work that has nothing to do with ffshm reaches {wording.listed(texts)} here" if machine else None
    met = min(share for _, share in found.values()) >= 0.95 if found else None
    return Goal("all cores reach 95 % of what they do alone, counting", measured, met, why)


def _tail(r):
    value, nothing = findings.tail(r, "thread", 10), findings.tail(r, "none", 10)
    over = wording.over_1us(findings.over_1us(r, "thread", 10), findings.over_1us(r, "none", 10))
    measured = f"{wording.time(value, 'us')}{over}" if value else ""
    why = f"an empty loop has {wording.time(nothing, 'us')} here" if nothing and nothing > 1000 else None
    text = "99.99 % of evaluations within 1 us, 10 publishes a second, refreshed by a thread"
    return Goal(text, measured, value <= 1000 if value else None, why)

