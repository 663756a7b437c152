"""Drivers of the comparison: programs that evaluate on request (README.md beside this file says how)."""
import json
import os
import pathlib
import select
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROUND_S = 0.005  # what one turn takes, about
TELLING_S = 0.025  # where events are told: longer than their queues put off what that costs
WARM_S = 0.15  # before the first turn of each case: compilers of other languages need that
BUILD_S = 600
START_S = 180  # all of them start at once
ANSWER_S = 60
SETTLED_S = 0.002  # a program that used no processor so long has nothing left to do
SETTLE_S = 0.1  # longer is not waited for
ENDS_S = 15
SUMMARIZED = {"prerequisites": 4, "all-flags": 0}  # how often an evaluation is counted; others: once


class Absent(Exception):
    """A peer, or a case of it, is not there; failed: though it should be."""

    def __init__(self, reason, failed=False):
        super().__init__(reason)
        self.failed = failed


def last_line(path):
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else ""


def build(name, builds):
    """Fetches and builds the peer; returns what starts its driver."""
    outdir = builds / name
    outdir.mkdir(parents=True, exist_ok=True)
    log = outdir / "build.log"
    with log.open("w") as out:
        try:
            command = [HERE / name / "build", outdir]
            done = subprocess.run(command, stdout=out, stderr=out, timeout=BUILD_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Absent(f"its build took more than {BUILD_S} s: {log}", True) from None
    if done.returncode == 77:
        raise Absent(last_line(log))
    if done.returncode != 0:
        raise Absent(f"its build failed: {last_line(log)} ({log})", True)
    return outdir / "driver"


def end(process):
    """By its input's end; else by force."""
    for how in (process.stdin.close if process.stdin else process.terminate, process.terminate, process.kill):
        try:
            how()
            process.wait(ENDS_S)
            return
        except OSError:  # what was written before is read by nobody
            pass
        except subprocess.TimeoutExpired:
            pass


class Server:
    """Streams the flags as LaunchDarkly does, and counts what it is sent."""

    def __init__(self, flags, cpus):
        self.process = subprocess.Popen(
            [sys.executable, "-B", HERE / "launchdarkly_server.py", flags],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        port = self.process.stdout.readline().strip()
        if not port.isdigit():
            raise Absent("launchdarkly_server.py did not start", True)
        self.url = f"http://127.0.0.1:{port}"

    def summarized(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/counts", timeout=10) as answer:
            return json.load(answer)["summaries"]

    def close(self):
        end(self.process)


class Driver:
    """One peer, with events "off", "on" or "full"."""

    def __init__(self, name, events, command, log, server=None):
        self.name, self.events, self.server, self.log = name, events, server, log
        self.calls, self.told, self.times = {}, 0, {}
        self.round_s = ROUND_S if events == "off" else TELLING_S
        self.input = b""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # As many as it will be given: what Go finds out for itself when it starts on one.
                env={**os.environ, "GOMAXPROCS": "1"},
            )

    def answer(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.input:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise Absent(f"no answer within {seconds} s", True)
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Absent(f"it ended: {last_line(self.log)} ({self.log})", True)
            self.input += more
        line, self.input = self.input.split(b"\n", 1)
        try:
            answer = json.loads(line)
        except ValueError:
            raise Absent(f"it said {line[:80]!r}, which is no JSON", True) from None
        if "error" in answer:
            raise Absent(answer["error"], True)
        return answer

    def begin(self, cpu):
        """Waits until it is set up, for which it has the whole machine, and pins all of its threads."""
        hello = self.answer(START_S)
        if not hello.get("ready"):
            raise Absent(hello.get("absent", "it did not say why"))
        self.version, self.cases, self.absent = hello["version"], hello["cases"], hello.get("absent", {})
        self.differs, self.values = hello.get("differs", {}), hello.get("values", {})
        for thread in self.threads():
            try:
                os.sched_setaffinity(int(thread), cpu)
            except ProcessLookupError:
                pass  # it ended

    def threads(self):
        try:
            return os.listdir(f"/proc/{self.process.pid}/task")
        except OSError:
            raise Absent(f"it ended: {last_line(self.log)} ({self.log})", True) from None

    def processor_ns(self):
        """Of all its threads, also those that ended: clock_getcpuclockid(3)."""
        try:
            return time.clock_gettime_ns((~self.process.pid << 3) | 2)
        except OSError:
            raise Absent(f"it ended: {last_line(self.log)} ({self.log})", True) from None

    def settle(self):
        """What it does behind its caller's back after a turn: processor time, until there is no more of it."""
        first = used = self.processor_ns()
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            time.sleep(SETTLED_S)
            now = self.processor_ns()
            if now == used:
                break
            used = now
        return (used - first) / 1e9

    def run(self, case, calls):
        """Seconds for that many calls."""
        try:
            self.process.stdin.write(f"{case} {calls}\n".encode())
            self.process.stdin.flush()
        except OSError:
            raise Absent(f"it ended: {last_line(self.log)} ({self.log})", True) from None
        self.told += calls * SUMMARIZED.get(case, 1)
        took = self.answer(ANSWER_S)["ns"] / 1e9
        return took + self.settle() if self.events != "off" else took

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

    def turn(self, case):
        self.times[case].append(self.run(case, self.calls[case]) / self.calls[case] * 1e9)

    def close(self):
        end(self.process)
