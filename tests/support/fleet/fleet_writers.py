"""People on several hosts who all change the same flags, and remember what they were told."""
import itertools
import random
import threading
import time

from fleet_agents import Caller


def definition(value):
    return {"variants": [{"key": "value", "value": value}, {"key": "off", "value": -1}],
            "default_variant": "value", "fallback_variant": "off"}


def value_of(defined):
    return defined["variants"][0]["value"]


class Write:
    """One request, and what became of it."""

    __slots__ = ("host", "flag", "value", "reason", "sent_ns", "done_ns", "status", "code", "version")

    def __str__(self):
        return f"{self.host} sets {self.flag} to {self.value} ({self.reason}): {self.status} {self.code} {self.version}"

    def is_done(self):
        return self.status in (200, 201)

    def may_be_done(self):
        """No answer, or one that says that it is not known: it may have happened, as a whole."""
        return self.is_done() or self.status == 0 or self.status >= 500


def put(caller, flag, value, reason, headers=()):
    w = Write()
    w.host, w.flag, w.value, w.reason, w.code, w.version = caller.agent.name, flag, value, reason, "", 0
    w.sent_ns = time.monotonic_ns()
    answer = caller.ask("PUT", f"/flags/{flag}", definition(value), [f"X-Reason: {reason}", *headers])
    w.done_ns = time.monotonic_ns()
    w.status = answer.status if answer else 0
    if answer and answer.json:
        w.code = answer.json.get("code", "")
        w.version = answer.json.get("version", 0) if w.is_done() else 0
    return w


class Writer(threading.Thread):
    """Adds one to a flag, again and again: to the value that it was told, if that is still the value."""

    def __init__(self, agent, name, flags, pause_s, seed):
        super().__init__(daemon=True)
        self.caller = Caller(agent)
        self.reason = name
        self.flags = flags
        self.pause_s = pause_s
        self.random = random.Random(seed)
        self.ended = threading.Event()
        self.writes = []

    def run(self):
        number = 0
        while not self.ended.is_set():
            number += 1
            flag = self.random.choice(self.flags)
            found = self.caller.ask("GET", f"/flags/{flag}")
            if found and found.status == 200:
                value = value_of(found.json["definition"]) + 1
                self.writes.append(put(self.caller, flag, value, f"{self.reason}.{number}",
                                       [f"If-Match: {found.headers['etag']}"]))
            self.ended.wait(self.pause_s * self.random.uniform(0.5, 1.5))
        self.caller.close()

    def end(self):
        self.ended.set()
        self.join()
        return self.writes


class Writers:
    groups = itertools.count(1)

    def __init__(self, agents, flags, each=1, pause_s=0.1):
        group = next(self.groups)
        self.all = [Writer(agent, f"{agent.name}-{group}-{i}", flags, pause_s, group * 1000 + n * 10 + i)
                    for n, agent in enumerate(agents) for i in range(each)]
        for writer in self.all:
            writer.start()

    def done(self, host=None, since_ns=0):
        """How many were acknowledged, of a host or of all."""
        return sum(w.is_done() and w.done_ns > since_ns for writer in self.all for w in list(writer.writes)
                   if host in (None, w.host))

    def end(self):
        return [w for writer in self.all for w in writer.end()]
