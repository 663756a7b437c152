"""Compares what people were told, what the hosts keep, and what programs have evaluated."""
import collections
import hashlib
import json
import os
import subprocess
import sys

from fleet_readers import faults
from fleet_writers import value_of

VERIFIER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "verify_audit.py")


KEPT = 1000  # versions of each flag


def histories(agent, flags):
    """{flag: [{"version", "value", "reason", ...}]}, oldest first, as that host tells them."""
    found = {}
    for flag in flags:
        items = agent.caller.everything(f"/flags/{flag}/history", "before")
        found[flag] = [{"version": i["version"], "came": i["came"], "reason": i["reason"],
                        "value": value_of(i["definition"])} for i in reversed(items)]
    return found


def one_history(agents, flags):
    """That of all hosts; raises where they differ, or where versions have gaps."""
    told = [histories(agent, flags) for agent in agents]
    for agent, other in zip(agents[1:], told[1:]):
        for flag in flags:
            if other[flag] != told[0][flag]:
                raise AssertionError(f"the history of {flag} on {agent.name} ends {other[flag][-3:]}, "
                                     f"that on {agents[0].name} {told[0][flag][-3:]}")
    for flag, versions in told[0].items():
        numbers = [v["version"] for v in versions]
        first = 1 if len(numbers) < KEPT else numbers[0]
        for wanted, number in enumerate(numbers, first):
            if number != wanted:
                raise AssertionError(f"version {wanted} of {flag} is {number}")
    return told[0]


def judge_writes(writes, history):
    """Nothing acknowledged is lost, nothing is there twice or from nowhere; returns a count of each outcome."""
    by_reason = collections.defaultdict(list)
    for flag, versions in history.items():
        for v in versions:
            by_reason[v["reason"]].append((flag, v["version"], v["value"]))
    outcomes = collections.Counter()
    for w in writes:
        there = by_reason.get(w.reason, [])
        if w.is_done() and w.version < history[w.flag][0]["version"]:
            pass  # kept no longer
        elif w.is_done() and there != [(w.flag, w.version, w.value)]:
            raise AssertionError(f"{w}, and there is {there or 'nothing'}")
        if len(there) > 1 or there and not w.may_be_done():
            raise AssertionError(f"{w}, and there is {there}")
        outcomes[str(w.status) if w.status < 500 or not there else f"{w.status} and done"] += 1
    return outcomes


def judge_counters(history, flags):
    """Each version adds one to the one before: no update is lost."""
    for flag in flags:
        for wanted, v in enumerate(history[flag], history[flag][0]["value"]):
            if v["value"] != wanted:
                raise AssertionError(f"version {v['version']} of {flag} is {v['value']}, not {wanted}")


def judge_readers(all_readers, history):
    served = {flag: {v["version"]: str(v["value"]) for v in versions} for flag, versions in history.items()}
    for readers in all_readers:
        for fault in faults(readers.sights(), served):
            raise AssertionError(fault)


def trail(agent, work):
    """The whole trail of a host, verified by the independent verifier: (entries, digest of all bytes)."""
    answer = agent.caller.ask("GET", "/audit?format=ndjson")
    if not answer or answer.status != 200:
        raise AssertionError(f"{agent.name} does not export its trail: {answer}")
    path = os.path.join(work, f"trail-{agent.name}.ndjson")
    with open(path, "wb") as file:
        file.write(answer.body)
    checked = subprocess.run([sys.executable, VERIFIER, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if checked.returncode:
        raise AssertionError(f"the trail of {agent.name}: {checked.stdout}")
    entries = [json.loads(line) for line in answer.body.splitlines()]
    return entries[:-1], hashlib.sha256(answer.body).hexdigest()


def one_trail(agents, work):
    """That of all hosts, byte for byte."""
    told = [trail(agent, work) for agent in agents]
    for agent, (entries, digest) in zip(agents[1:], told[1:]):
        if digest != told[0][1]:
            raise AssertionError(f"the trail of {agent.name} has {len(entries)} entries, "
                                 f"that of {agents[0].name} {len(told[0][0])}; or they differ")
    return told[0][0]
