#!/usr/bin/env python3
"""Measures ffshm and its peers on the same flags, side by side; writes JSON lines.

    bench/peers/compare.py --ffbench PROGRAM [--builds DIRECTORY] [--rounds N] [--only NAME]... [--case NAME]...

Every peer is a program of its own, which evaluates on request (README.md beside this file). All of them are started and
pinned to one processor; then they take turns, case by case and round by round, each round in another order, while the
others sleep: a slow moment of the machine falls on all. A peer that cannot be had here is told as absent, with the
reason. Exit code 1: one that should be there is not; what was measured is told all the same.

events: "off"; "on", as LaunchDarkly and others have it by themselves: evaluations are counted; "full": on flags whose
evaluations are told one by one (LaunchDarkly's trackEvents).
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from driver import HERE, Absent, Driver, Server, build  # noqa: E402

OURS = {
    "ffshm": (["--by", "key"], ("off", "on", "full")),
    "ffshm by handle": (["--by", "handle"], ("off", "on", "full")),
    "ffshm, context rebuilt": (["--by", "key", "--context", "rebuilt"], ("off", "on")),
}
TELEMETRY = {"off": "off", "on": "counting", "full": "events"}  # ffbench's word for it
FLUSHED_S = 0.5  # what an SDK sends at its end has come then


def say(text):
    print(text, file=sys.stderr, flush=True)


def spread(times):
    times = sorted(times)

    def at(share):
        return round(times[min(int(share * len(times)), len(times) - 1)], 2)

    return {"median_ns": at(0.5), "min_ns": at(0), "p10_ns": at(0.1), "p90_ns": at(0.9), "rounds": len(times)}


class Comparison:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.builds = options.builds.resolve()
        cpus = sorted(os.sched_getaffinity(0))
        self.measured, self.others = {cpus[-1]}, set(cpus[:-1]) or set(cpus)
        self.drivers, self.ended, self.servers, self.lines = [], [], [], []
        self.values = {}  # what LaunchDarkly's bucketing gives
        self.failed = False

    def absent(self, name, reason, **more):
        say(f"{name}{''.join(f', {key} {value}' for key, value in more.items())}: absent: {reason}")
        self.failed |= reason.failed
        self.lines.append({"bench": "peer", "peer": name, **more, "absent": str(reason)})

    def give_up(self, driver, reason):
        """What it did before is told."""
        self.drivers.remove(driver)
        self.ended.append(driver)
        driver.close()
        self.absent(driver.name, reason, events=driver.events)

    # ---- starting

    def write_cases(self, which, *more):
        where = self.directory / which
        where.mkdir()
        subprocess.run([self.options.ffbench, "cases", "--directory", where, *more], check=True)
        return where

    def start(self, name, events, command, server=None):
        log = self.builds / name.replace(" ", "-").replace(",", "") / f"driver-{events}.log"
        self.drivers.append(Driver(name, events, command, log, server))

    def start_ours(self):
        for name, (how, all_events) in OURS.items():
            for events in all_events:
                self.start(name, events, [self.options.ffbench, "serve", *how, "--telemetry", TELEMETRY[events]])

    def start_peer(self, name, plain, tracked):
        is_launchdarkly = name.startswith("launchdarkly")
        try:
            command = build(name, self.builds)
            for events in ("off", "on", "full") if is_launchdarkly else ("off", "on"):
                files = tracked if events == "full" else plain
                server = Server(files / "flags.json", self.others) if is_launchdarkly else None
                url = server.url if server else "http://127.0.0.1:1"
                self.servers += [server] if server else []
                told = "off" if events == "off" else "on"
                words = ["--flags", files / "flags.json", "--cases", files / "cases.json", "--events", told, "--url", url]
                self.start(name, events, [command, *words], server if told == "on" else None)
        except (Absent, OSError) as reason:
            self.absent(name, reason if isinstance(reason, Absent) else Absent(reason, True))

    def check_bucketing(self, driver):
        """All of LaunchDarkly's SDKs, and ours, serve everybody the same."""
        if not driver.name.startswith(("launchdarkly", "ffshm")):
            return
        for case, value in driver.values.items():
            if self.values.setdefault(case, value) != value:
                raise Absent(f"{case}: it serves {value} where others serve {self.values[case]}", True)

    def begin(self):
        for driver in list(self.drivers):
            try:
                driver.begin(self.measured)
                self.check_bucketing(driver)
                say(f"{driver.name} {driver.version}, events {driver.events}")
            except Absent as reason:
                self.give_up(driver, reason)

    # ---- measuring

    def cases(self):
        known = [c["name"] for c in json.loads((self.directory / "plain" / "cases.json").read_text())["cases"]]
        wrong = set(self.options.case or []) - set(known)
        if wrong:
            sys.exit(f"no case is called {', '.join(wrong)}; there are: {' '.join(known)}")
        return [c for c in known if not self.options.case or c in self.options.case]

    def measure(self, cases):
        order = random.Random(1)
        for driver in list(self.drivers):
            self.attempt(driver, lambda d: [d.calibrate(case) for case in cases if case in d.cases])
        for _ in range(self.options.rounds):
            for case in cases:
                turns = [d for d in self.drivers if case in d.times]
                order.shuffle(turns)
                for driver in turns:
                    self.attempt(driver, lambda d, c=case: d.turn(c))

    def attempt(self, driver, what):
        try:
            what(driver)
        except Absent as reason:
            self.give_up(driver, reason)

    # ---- telling

    def report(self):
        for driver in [*self.drivers, *self.ended]:
            if not hasattr(driver, "cases"):
                continue
            head = {"bench": "peer", "peer": driver.name, "version": driver.version, "events": driver.events}
            for case, times in driver.times.items():
                differs = {"differs": driver.differs[case]} if case in driver.differs else {}
                if times:
                    self.lines.append({**head, "case": case, **spread(times), **differs})
            if driver.events == "off":
                for case, reason in driver.absent.items():
                    self.lines.append({**head, "case": case, "absent": reason})
            if driver.server and driver in self.drivers:
                driver.close()
                time.sleep(FLUSHED_S)
                # The few evaluations of its beginning are counted, too.
                self.lines.append({**head, "evaluations": driver.told, "counted": driver.server.summarized()})

    def close(self):
        for driver in self.drivers:
            driver.close()
        for server in self.servers:
            server.close()


def peers(only):
    names = sorted(p.parent.name for p in HERE.glob("*/build"))
    wrong = set(only or []) - set(names)
    if wrong:
        sys.exit(f"no peer is called {', '.join(wrong)}; there are: {' '.join(names)}")
    return [n for n in names if not only or n in only]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ffbench", required=True, type=pathlib.Path)
    parser.add_argument("--builds", default=pathlib.Path("build/peers"), type=pathlib.Path)
    parser.add_argument("--rounds", default=21, type=int)
    parser.add_argument("--only", action="append", help="a peer; all of them")
    parser.add_argument("--case", action="append", help="a case; all of them")
    return parser.parse_args()


def main():
    options = arguments()
    if options.rounds < 1 or not options.ffbench.is_file():
        sys.exit("compare.py: at least one round, and an --ffbench that is built, are required")
    names = peers(options.only)
    with tempfile.TemporaryDirectory() as directory:
        comparison = Comparison(options, pathlib.Path(directory))
        try:
            plain = comparison.write_cases("plain")
            tracked = comparison.write_cases("tracked", "--telemetry", "events")
            cases = comparison.cases()
            for name in names:
                comparison.start_peer(name, plain, tracked)
            comparison.start_ours()
            comparison.begin()
            comparison.measure(cases)
        except KeyboardInterrupt:
            comparison.failed = True
            say("interrupted: what was measured is told")
        finally:
            try:
                comparison.report()
            finally:
                comparison.close()
                for line in comparison.lines:
                    print(json.dumps(line))
    return 1 if comparison.failed else 0


sys.exit(main())
