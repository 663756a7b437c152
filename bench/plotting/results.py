"""A result file: {"machine": {...}, "lines": [...]}, and what is looked up in it."""
import json
import math
import pathlib

OURS = "ffshm"
REBUILT = "ffshm, context rebuilt"  # its name among the peers
PEERS_WORD = {"off": "off", "counting": "on", "events": "full"}  # for ffshm's telemetry
HEADLINE = ("bool-off", "bool-fallthrough", "rollout", "rules")  # the cases that peers are compared by
UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

# In the order of the plots. A case that is not here is drawn by its own name.
CASES = {
    "bool-off": "flag off",
    "bool-fallthrough": "one value for all",
    "rollout": "percentage rollout",
    "rollout-long-salt": "rollout, long salt",
    "rules": "5 rules, fifth matches",
    "targets-10-hit": "10 targets, hit",
    "targets-10-miss": "10 targets, miss",
    "targets-hit": "100,000 targets, hit",
    "targets-miss": "100,000 targets, miss",
    "segment-hit": "1 million members, hit",
    "segment-miss": "1 million members, miss",
    "prerequisites": "3 prerequisites deep",
    "regex": "regular expression",
    "semver": "semantic version",
    "date": "date",
    "string": "string value",
    "json": "JSON value",
    "multi-kind": "context of two kinds",
    "unknown-flag": "no such flag",
    "all-flags": "all flags, one context",
}

WORDS = {
    "launchdarkly": "LaunchDarkly",
    "ld": "LaunchDarkly",
    "unleash": "Unleash",
    "yggdrasil": "Yggdrasil",
    "growthbook": "GrowthBook",
    "flagd": "flagd",
    "redis": "Redis",
    "hiredis": "hiredis",
    "get": "GET",
    "openfeature": "OpenFeature",
    "c": "C",
    "cpp": "C++",
    "node": "Node",
    "go": "Go",
    "rust": "Rust",
    "python": "Python",
    "ruby": "Ruby",
    "java": "Java",
}


def peer_label(name):
    """launchdarkly-go -> LaunchDarkly Go"""
    return " ".join(WORDS.get(word, word) for word in name.replace("_", "-").split("-"))


def case_label(name):
    return CASES.get(name, name)


def case_order(name):
    """A sort key: the order of CASES, then by name."""
    known = list(CASES)
    return (known.index(name) if name in known else len(known), name)


def nanoseconds(line, which, prefix=""):
    """median_us 5.2 -> 5200.0; None when the line has no such field."""
    for unit, factor in UNITS.items():
        value = line.get(f"{prefix}{which}_{unit}") if line else None
        if value is not None:
            return value * factor
    return None


class Peer:
    """
    times[case, events] = its line; missing[case] = why there is no such case; absent[events] = why there is none;
    told[events] = (evaluations it made, how many of them its events told of).
    """

    def __init__(self, name):
        self.name = name
        self.label = peer_label(name)
        self.version = ""
        self.absent = {}
        self.times = {}
        self.missing = {}
        self.told = {}

    def median(self, case, events):
        return nanoseconds(self.times.get((case, events)), "median")

    def best(self, case):
        """(median in ns, events) of the faster of events off and on, or None."""
        times = [(self.median(case, events), events) for events in ("off", "on")]
        return min((pair for pair in times if pair[0]), default=None)

    def differs(self, case):
        """What it does otherwise than all others there, or None."""
        return next((d for e in ("off", "on") if (d := self.times.get((case, e), {}).get("differs"))), None)

    def has_times(self):
        return bool(self.times)

    def usual(self):
        """The geometric mean over the cases that all are compared by; for sorting."""
        medians = [best[0] for best in (self.best(case) for case in HEADLINE) if best]
        return math.exp(sum(map(math.log, medians)) / len(medians)) if medians else math.inf


class Results:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        try:
            whole = json.loads(self.path.read_text())
            self.machine, self.lines = whole["machine"], whole["lines"]
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise SystemExit(f"{path}: {fault}: not a result file of bench/run") from None
        peers = {}
        for line in self.all("peer"):
            if not line["peer"].startswith(OURS):
                self._take_peer(peers.setdefault(line["peer"], Peer(line["peer"])), line)
        self.peers = sorted((p for p in peers.values() if p.has_times()), key=lambda p: (p.usual(), p.name))
        self.absent = sorted((p for p in peers.values() if not p.has_times()), key=lambda p: p.name)

    @staticmethod
    def _take_peer(peer, line):
        peer.version = line.get("version") or peer.version
        if "case" not in line:
            if "absent" in line:
                peer.absent[line.get("events", "")] = line["absent"]
            elif line.get("evaluations") and "counted" in line:
                peer.told[line.get("events", "")] = (line["evaluations"], line["counted"])
        elif "absent" in line:
            peer.missing[line["case"]] = line["absent"]
        else:
            peer.times[line["case"], line.get("events", "off")] = line

    def shown_path(self):
        """As from the top of the tree, wherever this was started."""
        path, tree = self.path.resolve(), pathlib.Path(__file__).resolve().parents[2]
        return path.relative_to(tree).as_posix() if path.is_relative_to(tree) else path.name

    def facts(self):
        """What it was measured on, as texts."""
        m = self.machine
        named = (("", "cpu"), ("Linux ", "kernel"), ("gcc ", "compiler"), ("commit ", "commit"), ("", "date"))
        texts = [f"{before}{m[name]}" for before, name in named if m.get(name)]
        return texts[:1] + ([f"{m['processors']} processors"] if m.get("processors") else []) + texts[1:]

    def all(self, bench, **fields):
        return [
            line
            for line in self.lines
            if line["bench"] == bench and all(line.get(name) == value for name, value in fields.items())
        ]

    def one(self, bench, **fields):
        """The last of them: a file that was added to has the newer line later."""
        found = self.all(bench, **fields)
        return found[-1] if found else None

    def eval(self, case, **fields):
        """Usually: one hot flag by key, its context prepared, counting, with the fewest flags measured."""
        by = "view" if case == "all-flags" else "key"
        fields = {"by": by, "pick": "hot", "context": "prepared", "telemetry": "counting", **fields}
        lines = self.all("eval", case=case, **fields)
        return min(lines, key=lambda line: line["flags"], default=None)

    def ours(self, case, telemetry="counting"):
        """By key, as it was measured in turns with the peers; else by itself."""
        beside_peers = self.one("peer", peer=OURS, case=case, events=PEERS_WORD[telemetry])
        if nanoseconds(beside_peers, "median"):
            return beside_peers
        return self.eval(case, telemetry=telemetry)

    def rebuilt(self, case, telemetry="counting"):
        """Ours where the context is made anew for each evaluation, as it was measured beside the peers."""
        return self.one("peer", peer=REBUILT, case=case, events=PEERS_WORD[telemetry])

    def fastest(self, case, events=None, family=""):
        """(peer, median in ns, its events) of those whose names begin so, or None; without events: of off and on."""
        found = []
        for peer in (p for p in self.peers if p.name.startswith(family)):
            best = (peer.median(case, events), events) if events else peer.best(case)
            if best and best[0]:
                found.append((best[0], peer.name, peer, best[1]))
        return (min(found)[2], min(found)[0], min(found)[3]) if found else None

    def cases(self):
        """The names of all cases that ours was measured by."""
        names = {line["case"] for line in self.all("eval")}
        names |= {line["case"] for line in self.all("peer", peer=OURS) if "case" in line}
        return sorted((n for n in names if nanoseconds(self.ours(n), "median")), key=case_order)

    def floor(self, case, pick="hot", **fields):
        """By key and counting, the least that this machine needs, in ns; None where nobody can tell."""
        fields = {"by": "key", "pick": pick, "telemetry": "counting", **fields}
        lines = self.all("limit", what="floor", case=case, **fields)
        return nanoseconds(min(lines, key=lambda line: line["flags"], default=None), "floor")

    def curves(self, mode):
        """The lines of `tail` with that refresh mode, by the rate of publishes."""
        lines = {line["publishes_per_s"]: line for line in self.all("tail", mode=mode) if line.get("cdf")}
        return [lines[rate] for rate in sorted(lines)]

    def workers(self, kind, case="bool-fallthrough"):
        """The lines of `scale`, by the number of workers; all on one hot flag, by key, counting."""
        fields = {} if case == "none" else {"by": "key", "pick": "hot", "telemetry": "counting"}
        lines = {line["n"]: line for line in self.all("scale", kind=kind, case=case, **fields)}
        return [lines[n] for n in sorted(lines)]

    def changes(self, step):
        """The lines of `publish`, by the number of flags; with the agent's state in memory."""
        lines = {line["flags"]: line for line in self.all("publish", step=step) if line.get("where") != "disk"}
        return [lines[flags] for flags in sorted(lines) if nanoseconds(lines[flags], "median")]


def newest(directory="bench/results"):
    """The file with the last name, which begins with its date; None when there is none."""
    return max(pathlib.Path(directory).glob("*.json"), default=None)
