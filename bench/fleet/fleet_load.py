#!/usr/bin/env python3
"""What one Redis has to do for a fleet: a real ffagent makes changes, simulated ones read them.

    scripts/bench-fleet [AGENTS [RATE [SECONDS [FLAGS]]]]      default: 1000 50 30 1000

FLAGS flags of about 1 KB each are imported, then RATE changes a second made for SECONDS, while AGENTS simulated agents
(ffbench_fleet) follow. Prints JSON lines: Redis's processor time (INFO cpu), bytes out and in for each change and
agent, calls and their times (INFO commandstats), memory for each flag and for each change (INFO memory, MEMORY USAGE).
What the agents cost at rest is measured first. All of it is on one machine, and the simulated agents need more of it
than Redis does: delays here are theirs. Where others are busy, `chrt -r 10 scripts/bench-fleet` is not disturbed.
"""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support", "fleet"))
os.environ.setdefault("FFSHM_BUILD_DIR", os.path.join(ROOT, "build", "release"))
from fleet import KEYS, Fleet  # noqa: E402
from fleet_readers import quantile  # noqa: E402

REST_S = 10


def flag(number, version):
    """About 1 KB of JSON: four rules with two conditions each, a split, targets."""
    rules = [{"name": f"rule {i}", "variant": "on", "conditions": [
        {"attribute": "country", "operator": "in", "value": ["DE", "FR", "US", "GB"]},
        {"attribute": "plan", "operator": "equals", "value": f"plan-{number % 7}-{i}"}]} for i in range(4)]
    return {"description": f"sent_ns={time.monotonic_ns()} version {version}", "tags": ["bench"],
            "variants": [{"key": "on", "value": True, "percentage": 30}, {"key": "off", "value": False}],
            "default_variant": "off", "targets": [{"variant": "on", "keys": [f"user-{i}" for i in range(8)]}],
            "targeting_rules": rules}


class Meter:
    def __init__(self, redis):
        self.redis = redis
        self.at = time.monotonic()
        redis.ask("CONFIG", "RESETSTAT")  # of the calls
        self.cpu, self.stats = redis.info("cpu"), redis.info("stats")

    def told(self):
        took = time.monotonic() - self.at
        cpu, stats = self.redis.info("cpu"), self.redis.info("stats")
        def grown(then, now, name):
            return float(now[name]) - float(then[name])
        calls = {}
        for name, text in self.redis.info("commandstats").items():
            parts = dict(part.split("=") for part in text.split(","))
            if int(parts["calls"]) >= took / 2 and "info" not in name:
                calls[name.removeprefix("cmdstat_")] = {"calls_a_second": round(int(parts["calls"]) / took, 1),
                                                        "us_a_call": float(parts["usec_per_call"])}
        used_s = sum(grown(self.cpu, cpu, f"used_cpu_{kind}") for kind in ("sys", "user"))
        return {"seconds": round(took, 2), "cpu_percent": round(100 * used_s / took, 2),
                "bytes_out": int(grown(self.stats, stats, "total_net_output_bytes")),
                "bytes_in": int(grown(self.stats, stats, "total_net_input_bytes")), "calls": calls}


def memory(redis):
    found = redis.info("memory")
    return int(found["used_memory"]) - int(found["mem_clients_normal"])


def sizes(redis):
    """Bytes of each key of the fleet, all of it looked at."""
    found, cursor = {}, "0"
    while True:
        cursor, keys = redis.ask("SCAN", cursor, "MATCH", "*:test}:*", "COUNT", 1000)
        for key in keys:
            if ":host:" not in key:
                found[key.removeprefix(KEYS)] = redis.ask("MEMORY", "USAGE", key, "SAMPLES", 0)
        if cursor == "0":
            return found


def put_out(bench, **members):
    print(json.dumps({"bench": f"fleet {bench}", **members}), flush=True)


def fill(fleet, flags):
    agent, redis = fleet.agents[0], fleet.redis
    before = memory(redis)
    for first in range(0, flags, 500):
        some = {f"feature-{i:06d}": flag(i, 0) for i in range(first, min(first + 500, flags))}
        fleet.ask(agent, "POST", "/import", {"ffshm": 1, "flags": some})
    definition = len(json.dumps(flag(0, 0)))
    put_out("memory", flags=flags, definition_bytes=definition,
            redis_bytes_a_flag=round((memory(redis) - before) / flags), keys=sizes(redis))


def change(fleet, rate, seconds, flags):
    """How long each took to be answered, ms."""
    agent = fleet.agents[0]
    start, answered = time.monotonic(), []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        time.sleep(max(0, due - time.monotonic()))
        sent = time.monotonic()
        fleet.ask(agent, "PUT", f"/flags/feature-{number * 7919 % flags:06d}", flag(number, number + 1))
        answered.append((time.monotonic() - sent) * 1e3)
    return answered


def main(agents=1000, rate=50, seconds=30, flags=1000):
    with Fleet(hosts=1, loopback=True) as fleet:
        redis = fleet.redis
        fleet.agents[0].start()
        fleet.await_connected()
        fill(fleet, flags)
        program = os.path.join(os.environ["FFSHM_BUILD_DIR"], "bench", "ffbench_fleet")
        host = fleet.network.add("simulated")
        address = fleet.url.split("/")[2].split(":")[0]
        words = [program, address, redis.port, KEYS, agents, REST_S + seconds + 15]
        load = subprocess.Popen(host.command(*words), stdout=subprocess.PIPE, text=True)
        fleet.others.append(Ending(load))
        if load.stdout.readline() != "ready\n":
            raise AssertionError("the simulated agents are not ready")
        time.sleep(3)
        meter = Meter(redis)
        time.sleep(REST_S)
        put_out("at rest", agents=agents, **meter.told())
        before = memory(redis)
        meter = Meter(redis)
        answered = change(fleet, rate, seconds, flags)
        told = meter.told()
        count = len(answered)
        info = redis.info("memory")
        put_out("changes", agents=agents, changes_a_second=round(count / told["seconds"], 1),
                bytes_out_a_change_an_agent=round(told.pop("bytes_out") / count / agents),
                bytes_in_a_change_an_agent=round(told.pop("bytes_in") / count / agents),
                answered_ms={"median": round(quantile(answered, 0.5), 2), "p99": round(quantile(answered, 0.99), 2)},
                **told)
        put_out("memory afterwards", changes=count, redis_bytes_a_change=round((memory(redis) - before) / count),
                clients_bytes=int(info["mem_clients_normal"]), used_memory=int(info["used_memory"]),
                used_memory_peak=int(info["used_memory_peak"]), keys=sizes(redis))
        out, _ = load.communicate(timeout=seconds + 60)
        put_out("simulated agents", **json.loads(out))


class Ending:
    """A process that ends with the fleet."""

    def __init__(self, process):
        self.process = process

    def end(self):
        self.process.kill()
        self.process.wait()
        return []


main(*map(int, sys.argv[1:]))
