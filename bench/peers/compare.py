#!/usr/bin/env python3
"""Measures ffshm and its peers on the same flags, side by side; writes JSON lines.

    bench/peers/compare.py --ffbench PROGRAM [--builds DIRECTORY] [--rounds N] [--only NAME]... [--case NAME]...

Every peer is a program of its own, which evaluates on request (README.md beside this file). All of them are started and
pinned to one processor; then they take turns, case by case and round by round, while the others sleep: a slow moment of
the machine falls on all. A peer that cannot be built or started here is told as absent, with the reason.

events: "off"; "on", as LaunchDarkly and others have it by themselves: evaluations are counted; "full": on flags whose
evaluations are told one by one (LaunchDarkly's trackEvents).
"""
import argparse
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROUND_S = 0.005  # what one turn takes, about
TELLING_S = 0.025  # where events are told: longer than a queue can put off what telling costs
WARM_S = 0.15  # before the first one of each case: compilers of other languages need that
BUILD_S = 600
START_S = 180  # all of them start at once
ANSWER_S = 60
OURS = (("ffshm", "key"), ("ffshm by handle", "handle"))
TELEMETRY = {"off": "off", "on": "counting", "full": "events"}  # ffbench's word for it
SUMMARIZED = {"prerequisites": 4, "all-flags": 0}  # how often an evaluation is counted; others: once


def say(text):
    print(text, file=sys.stderr, flush=True)


class Absent(Exception):
    pass


class Server:
    """Streams the flags as LaunchDarkly does, and counts what it is sent."""

    def __init__(self, flags, cpu):
        self.process = subprocess.Popen(
            [sys.executable, "-B", HERE / "launchdarkly_server.py", flags],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpu),
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def counts(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/counts", timeout=10) as answer:
            return json.load(answer)

    def close(self):
        self.process.kill()
        self.process.wait()


class Driver:
    def __init__(self, name, events, command, log, server=None):
        self.name, self.events, self.server = name, events, server
        self.calls, self.told, self.times = {}, 0, {}
        self.round_s = ROUND_S if events == "off" else TELLING_S
        self.input = b""
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )

    def line(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.input:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise Absent("ended before it answered" if ready else f"no answer within {seconds} s")
            self.input += more
        line, self.input = self.input.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise Absent(answer["error"])
        return answer

    def begin(self, cpu):
        """Waits until it is set up, for which it has the whole machine, and pins all of its threads."""
        hello = self.line(START_S)
        if not hello.get("ready"):
            raise Absent(hello.get("absent", "did not say why"))
        self.version = hello["version"]
        self.cases, self.absent, self.differs = hello["cases"], hello["absent"], hello.get("differs", {})
        self.values = hello.get("values", {})
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(thread), cpu)

    def run(self, case, calls):
        """Seconds for that many calls."""
        self.process.stdin.write(f"{case} {calls}\n".encode())
        self.process.stdin.flush()
        self.told += calls * SUMMARIZED.get(case, 1)
        return self.line(ANSWER_S)["ns"] / 1e9

    def calibrate(self, case):
        calls, spent, took = 1, 0.0, 0.0
        while took < self.round_s / 2:
            calls = calls * 2 if took == 0 else max(calls * 2, int(calls * self.round_s / 2 / took))
            took = self.run(case, calls)
            spent += took
        while spent < WARM_S:
            took = self.run(case, calls)
            spent += took
        self.calls[case] = max(1, int(calls * self.round_s / took))
        self.times[case] = []

    def close(self):
        """Lets it end by itself, which sends what it has not sent."""
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def build(peer, outdir):
    """What starts the peer's driver."""
    outdir.mkdir(parents=True, exist_ok=True)
    log = outdir / "build.log"
    with log.open("w") as out:
        try:
            done = subprocess.run([peer / "build", outdir], stdout=out, stderr=out, timeout=BUILD_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Absent(f"its build took more than {BUILD_S} s") from None
    if done.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise Absent(lines[-1][:200] if lines else f"its build ended with {done.returncode}")
    return outdir / "driver"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ffbench", required=True, type=pathlib.Path)
    parser.add_argument("--builds", default=pathlib.Path("build/peers"), type=pathlib.Path)
    parser.add_argument("--rounds", default=11, type=int)
    parser.add_argument("--only", action="append", help="a peer; all of them")
    parser.add_argument("--case", action="append", help="a case; all of them")
    return parser.parse_args()


class Comparison:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        cpus = sorted(os.sched_getaffinity(0))
        self.measured, self.others = {cpus[-1]}, set(cpus[:-1]) or set(cpus)
        self.drivers, self.servers, self.lines = [], [], []
        self.values = {}  # what LaunchDarkly's bucketing gives

    def absent(self, name, reason, **more):
        say(f"{name}: absent: {reason}")
        self.lines.append({"bench": "peer", "peer": name, **more, "absent": reason})

    def write_cases(self, which, *more):
        where = self.directory / which
        where.mkdir()
        subprocess.run([self.options.ffbench, "cases", "--directory", where, *more], check=True)
        return where

    def start(self, name, events, command, server=None):
        with (self.directory / f"{name}-{events}.log".replace(" ", "-")).open("w") as log:
            self.drivers.append(Driver(name, events, command, log, server))

    def check_bucketing(self, driver):
        """All of LaunchDarkly's SDKs, and ours, serve everybody the same."""
        if not driver.name.startswith(("launchdarkly", "ffshm")):
            return
        for case, value in driver.values.items():
            if self.values.setdefault(case, value) != value:
                raise Absent(f"{case}: it serves {value} where others serve {self.values[case]}")

    def begin(self):
        for driver in list(self.drivers):
            try:
                driver.begin(self.measured)
                self.check_bucketing(driver)
                say(f"{driver.name} {driver.version}, events {driver.events}")
            except Absent as reason:
                self.give_up(driver, reason)

    def start_ours(self):
        for name, by in OURS:
            for events, telemetry in TELEMETRY.items():
                self.start(name, events, [self.options.ffbench, "serve", "--by", by, "--telemetry", telemetry])

    def start_peer(self, name, plain, tracked):
        try:
            command = build(HERE / name, self.options.builds.resolve() / name)
        except Absent as reason:
            self.absent(name, str(reason))
            return
        is_launchdarkly = name.startswith("launchdarkly")
        for events in ("off", "on", "full") if is_launchdarkly else ("off", "on"):
            files = tracked if events == "full" else plain
            server = Server(files / "flags.json", self.others) if is_launchdarkly else None
            url = server.url if server else "http://127.0.0.1:1"
            self.servers += [server] if server else []
            told = "off" if events == "off" else "on"
            arguments = ["--flags", files / "flags.json", "--cases", files / "cases.json", "--events", told, "--url", url]
            self.start(name, events, [command, *arguments], server if told == "on" else None)

    def measure(self):
        cases = [c["name"] for c in json.loads((self.directory / "plain" / "cases.json").read_text())["cases"]]
        cases = [c for c in cases if not self.options.case or c in self.options.case]
        for driver in list(self.drivers):
            try:
                for case in (c for c in cases if c in driver.cases):
                    driver.calibrate(case)
            except Absent as reason:
                self.give_up(driver, reason)
        for _ in range(self.options.rounds):
            for case in cases:
                for driver in [d for d in self.drivers if case in d.times]:
                    try:
                        took = driver.run(case, driver.calls[case])
                        driver.times[case].append(took / driver.calls[case] * 1e9)
                    except Absent as reason:
                        self.give_up(driver, reason)

    def give_up(self, driver, reason):
        self.drivers.remove(driver)
        driver.process.kill()
        driver.process.wait()
        self.absent(driver.name, str(reason), events=driver.events)

    def report(self):
        for driver in self.drivers:
            head = {"bench": "peer", "peer": driver.name, "version": driver.version, "events": driver.events}
            for case, times in driver.times.items():
                differs = {"differs": driver.differs[case]} if case in driver.differs else {}
                self.lines.append({**head, "case": case, **spread(times), **differs})
            if driver.events == "off":
                for case, reason in driver.absent.items():
                    self.lines.append({**head, "case": case, "absent": reason})
            driver.close()
            if driver.server:
                time.sleep(0.5)
                # The few evaluations of its beginning are counted, too.
                self.lines.append({**head, "evaluations": driver.told, "counted": driver.server.counts()["summaries"]})

    def close(self):
        for driver in self.drivers:
            driver.process.kill()
        for server in self.servers:
            server.close()


def spread(times):
    times = sorted(times)
    at = lambda share: round(times[min(int(share * len(times)), len(times) - 1)], 2)  # noqa: E731
    return {"median_ns": at(0.5), "min_ns": at(0), "p10_ns": at(0.1), "p90_ns": at(0.9), "rounds": len(times)}


def peers(only):
    names = sorted(p.parent.name for p in HERE.glob("*/build"))
    return [n for n in names if not only or n in only]


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as directory:
        comparison = Comparison(options, pathlib.Path(directory))
        try:
            plain = comparison.write_cases("plain")
            tracked = comparison.write_cases("tracked", "--telemetry", "events")
            for name in peers(options.only):
                comparison.start_peer(name, plain, tracked)
            comparison.start_ours()
            comparison.begin()
            comparison.measure()
            comparison.report()
        finally:
            comparison.close()
    for line in comparison.lines:
        print(json.dumps(line))


main()
