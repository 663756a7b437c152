"""A fleet on one machine: hosts with an agent and programs that evaluate, a Redis, and what can happen to them.

    with Fleet(hosts=3) as fleet:
        fleet.make_flags(["one", "two"])
        ...
        fleet.judge()

FFSHM_BUILD_DIR and FFSHM_VARIANT are as for every test. Everything is in one directory below /dev/shm, in namespaces
and in child processes that die with this one; nothing is left, however it ends.
"""
import glob
import os
import re
import shutil
import signal
import sys
import time

import fleet_judge
from fleet_agents import Agent
from fleet_network import NET, Loopback, network
from fleet_readers import Readers
from fleet_redis import PORT, Redis, Relay
from fleet_writers import Writers, put

IS_RELEASE = os.environ.get("FFSHM_VARIANT", "release") == "release"
CONVERGE_S = 2.0 if IS_RELEASE else 10.0  # after healing; a sanitizer on a busy host is slow
PATIENCE_S = 60
KEYS = "{fleet:test}:"  # what the fleet's keys begin with
SERVICE = f"{NET}2"  # the address that agents know


def step(text):
    print(f"- {text}", flush=True)


def tell(text):
    print(f"  {text}", flush=True)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def await_true(what, condition, patience_s=PATIENCE_S, pause_s=0.01):
    """How many seconds it took."""
    start = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - start
        if time.monotonic() - start > patience_s:
            raise AssertionError(f"not within {patience_s} s: {what}")
        time.sleep(pause_s)


def sweep():
    for path in glob.glob("/dev/shm/ffshm-fleet-*"):
        found = re.search(r"-(\d+)$", path)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            shutil.rmtree(path, ignore_errors=True)


class Fleet:
    shared_options = ["--redis-prefix", "fleet", "--environment", "test"]

    """redis: options of the server. needs_network: skips where hosts cannot be cut off.
    shared: agents are one fleet. loopback: all hosts are on the loopback interface."""

    def __init__(self, hosts=3, redis=None, options=(), needs_network=True, readers=None, precise=1, shared=True,
                 loopback=False):
        self.count = hosts
        self.redis_options = redis or {}
        self.options = list(options)
        self.shared = shared
        self.loopback = loopback
        self.needs_network = needs_network
        self.readers_each = readers if readers is not None else (8 if IS_RELEASE else 2)
        self.precise_each = precise
        self.strangers, self.agents, self.readers, self.relays, self.servers, self.flags = [], [], [], [], [], []
        self.writes, self.others = [], []
        self.evaluations = 0

    # ---- making it, and its end ------------------------------------------------------------------

    def __enter__(self):
        if not shutil.which("redis-server"):
            skip("redis-server is not installed")
        if not shutil.which("ip") or not shutil.which("setpriv"):
            skip("ip (iproute2) or setpriv (util-linux) is not installed")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        sweep()
        self.work = f"/dev/shm/ffshm-fleet-{os.getpid()}"
        os.makedirs(self.work, mode=0o700)
        try:
            self._make()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _make(self):
        self.network, why = (Loopback(), "as asked") if self.loopback else network()
        if why and not self.loopback:
            if self.needs_network:
                skip(f"network namespaces cannot be made here ({why.splitlines()[-1]})")
            print(f"  all hosts are on the loopback interface: {why}", file=sys.stderr)
        self.is_namespaced = not why
        self.redis = self.add_redis("redis", **self.redis_options).start()
        if self.is_namespaced:
            self.network.move(SERVICE, None, self.redis.host)
            self.holder = self.redis.host
        address = SERVICE if self.is_namespaced else self.redis.host.address
        self.url = f"redis://{address}:{self.redis.port}/0"
        for number in range(1, self.count + 1):
            self.add_host(f"host{number}")

    def add_host(self, name):
        shared = ["--storage", self.url, *self.shared_options] if self.shared else []
        agent = Agent(self.network.add(name), self.work, [*shared, *self.options])
        self.agents.append(agent)
        return agent

    def add_stranger(self, name, server):
        """An agent of another fleet, with a server of its own."""
        agent = Agent(self.network.add(name), self.work, [
            "--storage", f"redis://{server.host.address}:{server.port}/0", *self.shared_options])
        self.strangers.append(agent)
        return agent

    def add_redis(self, name, **options):
        port = PORT if self.is_namespaced else 20000 + os.getpid() % 20000 + len(self.servers)
        server = Redis(self.network.add(name), self.work, port, **options)
        self.servers.append(server)
        return server

    def __exit__(self, kind, error, trace):
        failed = kind is not None and not (kind is SystemExit and error.code in (0, 77))
        for writers in self.others:
            writers.end()
        for thing in [*self.readers, *self.agents, *self.strangers, *self.relays, *self.servers]:
            thing.close()
        if hasattr(self, "network"):
            self.network.close()
        if failed:
            self._show_logs()
            if kind is AssertionError:
                print(f"FAILED: {error}", flush=True)
        shutil.rmtree(self.work, ignore_errors=True)
        if failed and kind is AssertionError:
            sys.exit(1)

    def _show_logs(self):
        for agent in self.agents:
            if os.path.exists(agent.log):
                with open(agent.log, encoding="utf-8", errors="replace") as log:
                    lines = [line for line in log if "event=published" not in line and "-changed " not in line]
                print(f"--- the log of {agent.name}, without changes\n{''.join(lines[-25:])}", flush=True)
        for server in self.servers:
            if os.path.exists(server.log):
                with open(server.log, encoding="utf-8", errors="replace") as log:
                    print(f"--- the log of {server.host.name}\n{''.join(log.readlines()[-8:])}", flush=True)

    # ---- running it ------------------------------------------------------------------------------

    def start(self):
        for agent in self.agents:
            agent.start(wait=False)
        for agent in self.agents:
            agent.await_answer()
        self.await_connected()

    def await_connected(self, agents=None, patience_s=PATIENCE_S):
        return await_true("all agents are connected", lambda: all(
            self.state(a) == "connected" for a in agents or self.agents), patience_s)

    @staticmethod
    def state(agent):
        status = agent.status()
        return status["fleet"]["state"] if status and "fleet" in status else None

    def make_flags(self, flags):
        """With the value 0, from the first host; programs on all hosts then evaluate them."""
        self.flags = list(flags)
        for flag in self.flags:
            self.write(self.agents[0], flag, 0)
        self.converge()
        self.start_readers()

    def start_readers(self):
        for agent in self.agents:
            self.readers.append(Readers(agent.host, agent.store, self.work, self.flags, self.precise_each, 1000))
            if self.readers_each:
                self.readers.append(Readers(agent.host, agent.store, self.work, self.flags, self.readers_each, 25000))
        await_true("all programs evaluate", lambda: all(r.are_reading(len(self.flags)) for r in self.readers))

    def sees(self, agent, flag):
        """What its precise program saw last."""
        return [s for s in self.precise(agent).sights() if s.flag == flag][-1]

    def never_back(self, flag, reason):
        """No program that saw that reason saw another one later."""
        for readers in self.readers:
            latest = {}
            for s in readers.sights():
                if s.flag == flag:
                    if latest.get(s.reader) == reason and s.reason != reason:
                        raise AssertionError(f"{s}, after {reason}")
                    latest[s.reader] = s.reason

    def precise(self, agent):
        return next(r for r in self.readers if r.name == agent.name)

    def write(self, agent, flag, value, reason=None, headers=()):
        """One change that must be acknowledged."""
        w = put(agent.caller, flag, value, reason or f"{agent.name}.set.{len(self.writes)}", headers)
        self.writes.append(w)
        if not w.is_done():
            raise AssertionError(str(w))
        return w

    def writers(self, agents=None, each=1, pause_s=0.1, flags=None):
        """People who go on changing flags until stop_writers."""
        writers = Writers(agents or self.agents, flags or self.flags, each, pause_s)
        self.others.append(writers)
        return writers

    def await_changes(self, count):
        """So many more are acknowledged, on all hosts together."""
        since = time.monotonic_ns()
        await_true("people change flags", lambda: sum(w.done(since_ns=since) for w in self.others) >= count, 20)

    def stop_writers(self):
        for writers in self.others:
            self.writes += writers.end()
        self.others = []

    def ask(self, agent, method, path, body=None, wanted=(200, 201)):
        answer = agent.caller.ask(method, path, body)
        if not answer or answer.status not in wanted:
            raise AssertionError(f"{agent.name}: {method} {path}: {answer}")
        return answer

    # ---- what can happen -------------------------------------------------------------------------

    def move_service(self, host):
        """The address that agents know is another host's now."""
        self.network.move(SERVICE, self.holder, host)
        self.holder = host

    def slow_down(self, delay_s):
        """Answers take that much longer: half of it on each way."""
        relay = Relay(self.network.add(f"relay{len(self.relays)}"), self.redis, delay_s / 2)
        self.relays.append(relay)
        self.move_service(self.network.hosts[-1])

    # ---- judging it ------------------------------------------------------------------------------

    def digests(self, agents=None):
        """Of each: what is published, the number of its last change, and whether it is connected."""
        found = []
        for agent in agents or self.agents:
            status = agent.status()
            if not status:
                return None
            fleet = status.get("fleet") or {}
            found.append((status["snapshot"]["digest"], fleet.get("sequence"), fleet.get("state")))
        return found

    def are_equal(self, agents=None):
        found = self.digests(agents)
        return found is not None and len(set(found)) == 1 and found[0][2] == "connected"

    def newest(self):
        """The number of the last change that any host has."""
        return max((d[1] or 0 for d in self.digests_of_living()), default=0)

    def digests_of_living(self):
        return [d for agent in self.agents if agent.runs() for d in self.digests([agent]) or []]

    def healed(self):
        """The cause of a trouble has just gone: how long until Redis and all hosts have all that anybody had."""
        newest = self.newest()

        def is_well():
            found = self.digests()
            there = self.redis.ask("HGET", f"{KEYS}head", "seq")
            return found is not None and all(d[2] == "connected" and d[1] >= newest for d in found) and \
                there is not None and int(there) >= newest
        try:
            took = await_true("well again", is_well, CONVERGE_S + 30)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.digests()}, {newest} was the last change") from None
        if took > CONVERGE_S:
            raise AssertionError(f"well only after {took:.2f} s, not {CONVERGE_S}")
        return took

    def converge(self, since=None, within_s=None, agents=None):
        """All hosts publish the same, within some time of `since` (time.monotonic())."""
        start = since or time.monotonic()
        within_s = within_s or CONVERGE_S
        try:
            await_true("equal digests", lambda: self.are_equal(agents), within_s + 30)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.digests(agents)}") from None
        took = time.monotonic() - start
        if took > within_s:
            raise AssertionError(f"the hosts are equal after {took:.2f} s, not within {within_s} s")
        return took

    def judge(self, counters=None):
        """counters: the flags that people of Writers alone change; None: all."""
        self.stop_writers()
        self.converge()
        history = fleet_judge.one_history(self.agents, self.flags)
        newest = {flag: versions[-1]["version"] for flag, versions in history.items()}
        await_true("programs have the newest of all", lambda: self._have(newest))
        for readers in self.readers:
            self.evaluations += readers.end()
        outcomes = fleet_judge.judge_writes(self.writes, history)
        fleet_judge.judge_counters(history, self.flags if counters is None else counters)
        fleet_judge.judge_readers(self.readers, history)
        trail = fleet_judge.one_trail(self.agents, self.work)
        programs = sum(r.count for r in self.readers)
        told = ", ".join(f"{number} x {status}" for status, number in sorted(outcomes.items()))
        tell(f"{len(self.writes)} changes asked for ({told}); {sum(newest.values())} versions, {len(trail)} entries "
             f"of the trail, equal on {len(self.agents)} hosts; {programs} programs evaluated {self.evaluations} times")
        for agent in self.agents:
            agent.stop()
        return history, trail

    def _have(self, newest):
        for readers in self.readers:
            seen = {}
            for s in readers.sights():
                seen[s.reader, s.flag] = s.version
            if len(seen) < readers.count * len(newest) or \
                    any(newest[flag] != version for (_, flag), version in seen.items() if flag in newest):
                return False
        return True
