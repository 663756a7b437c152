#!/usr/bin/env python3
"""Runs the contract checks against the service.

    run.py --service PROGRAM --agent PROGRAM [--corpus DIRECTORY]
           [--run PATTERN]... [--skip PATTERN]... [--quick] [--long] [--jobs N]
           [--loud] [--list] [--durations]

A pattern is a regular expression, looked for in names like "streaming/updates/everything again".
Each job is a process with a mock LaunchDarkly and a service of its own. --quick: fewer variants.
--long: also what takes minutes. Exit code 0: nothing failed; 1: something did; 77: nothing ran.
"""
import argparse
import collections
import multiprocessing
import os
import re
import sys
import tempfile
import time

import analytics
import bigsegments
import certificates
import contexts
import core
import evaluation
import hooks
import migrations
import patience
import persistence
import polling
import privacy
import requests
import service
import streaming
import wire

# What the quick tier runs of each kind.
QUICK = (
    r"evaluation/parameterized/(prerequisites|segment match|target|wrong type)"
    r"|evaluation/(all flags|client not ready/every)"
    r"|events/(summary/(basic|unknown|prereq)|identify/again|index/.*over|gzip|capacity/enf)"
    r"|streaming/(updates/.* higher|validation/malformed|lifecycle/closes$)|polling/(flags|gzip)"
    r"|instance id|context type|secure|migrations/invoked|hooks/evaluation/(of|env)"
    r"|big segments/(evaluation/STALE/inc|memberships/so many|status/in|errors/(not|of|are))"
    r"|persistent.*/(default prefix|cache/off|cache/infinite/hit|only flag with its|updates$)"
)

SLOW = ("long", "persistent", "tags", "migrations", "events/delivery", "events/requests/tls")


MODULES = (
    analytics,
    privacy,
    requests,
    streaming,
    polling,
    contexts,
    migrations,
    hooks,
    bigsegments,
    persistence,
)


def all_units(options):
    units = evaluation.units(options.corpus)
    for module in MODULES:
        units += module.units()
    if options.long:
        units += patience.units()
    return units


def chosen(units, options):
    def wanted(name):
        return (
            (not options.run or any(re.search(pattern, name) for pattern in options.run))
            and not any(re.search(pattern, name) for pattern in options.skip)
            and (not options.quick or options.run or re.search(QUICK, name))
        )

    return [number for number, (name, _) in enumerate(units) if wanted(name)]


def work(options, units, tls, tasks, answers):
    """A worker: takes numbers of units until there are none."""
    made = service.Service(options.service, options.agent, options.loud)
    server = wire.Mock(tls.server_context() if tls else None)
    world = service.World(made, server, tls)
    while (number := tasks.get()) is not None:
        name, function = units[number]
        results = []
        core.carry_out(world, name.split("/"), function, results, options.quick)
        answers.put((number, results))
    world.close()
    code = made.stop()
    answers.put((None, [] if code == 0 else [f"the service ended with code {code}"]))


def start(options, units, order, tls):
    """All results by number of unit, and what went wrong with workers."""
    tasks, answers = multiprocessing.Queue(), multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=work, args=(options, units, tls, tasks, answers))
        for _ in range(min(options.jobs, len(order)))
    ]
    for number in order:
        tasks.put(number)
    for worker in workers:
        tasks.put(None)
        worker.start()
    results, troubles, left = {}, [], len(workers)
    while left:
        try:
            number, found = answers.get(timeout=1)
        except multiprocessing.queues.Empty:
            dead = [worker for worker in workers if worker.exitcode not in (None, 0)]
            if dead:
                troubles.append(f"{len(dead)} workers died")
                break
            continue
        if number is None:
            troubles += found
            left -= 1
        else:
            results[number] = found
            report(found)
    for worker in workers:
        if left:
            worker.kill()
        worker.join()
    return results, troubles


def report(found):
    for one in reversed(found):  # parents first
        name = "/".join(one["path"])
        for fault in one["faults"]:
            print(f"FAILED {name}\n    " + fault.replace("\n", "\n    "), flush=True)


def area_of(path):
    return "/".join(path[:2]) if path[0] in ("evaluation", "events") else path[0]


def remarks(failed, skipped):
    return (f", {failed} failed" if failed else "") + (f", {skipped} skipped" if skipped else "")


def summary(results, troubles, seconds, options):
    flat = [one for number in sorted(results) for one in results[number]]
    groups = collections.OrderedDict()
    for one in flat:
        counts = groups.setdefault(area_of(one["path"]), [0, 0, 0])
        counts[0] += 1
        counts[1] += bool(one["faults"])
        counts[2] += one["skipped"] is not None
    for area, (total, failed, skipped) in groups.items():
        print(f"{total:6} {area}{remarks(failed, skipped)}")
    for one in flat:
        if one["skipped"] is not None:
            print(f"skipped {'/'.join(one['path'])}: {one['skipped']}")
    if options.durations:
        for number in sorted(results, key=lambda n: -results[n][-1]["seconds"])[:25]:
            one = results[number][-1]
            print(f"{one['seconds']:8.2f} s {'/'.join(one['path'])}")
    for trouble in troubles:
        print(f"FAILED: {trouble}")
    failed = sum(counts[1] for counts in groups.values())
    skipped = sum(counts[2] for counts in groups.values())
    print(f"contract: {len(flat)} checks, {failed} failed, {skipped} skipped, in {seconds:.1f} s")
    return 1 if failed or troubles else 0 if flat else 77


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--service")
    parser.add_argument("--agent")
    parser.add_argument("--corpus")
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--durations", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    if options.corpus and not os.path.isdir(options.corpus):
        print(f"no evaluation cases in {options.corpus} (FFSHM_CORPUS names another directory)")
        options.corpus = None
    units = all_units(options)
    order = chosen(units, options)
    if options.list:
        for number in order:
            print(units[number][0])
        return 0
    if not order:
        print("no check has such a name")
        return 77
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ffshm-contract-") as directory:
        tls = certificates.in_directory(directory)
        # The long ones first, so that no worker is left alone with one.
        order.sort(key=lambda number: not units[number][0].startswith(SLOW))
        results, troubles = start(options, units, order, tls)
    return summary(results, troubles, time.monotonic() - begin, options)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
