"""LaunchDarkly's Python SDK.

variation() and all_flags_state() of a client, with contexts that were made once. `--events off` is
the SDK's send_events=False; `on` is its default: a thread of its own counts, under the same
interpreter's lock, and what does not fit into its queue is dropped.
"""

import argparse
import json
import logging
import sys
import time

from ldclient import Context
from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.version import VERSION

SDK_KEY = "launchdarkly-python"


def connect(url, events):
    config = Config(
        SDK_KEY, base_uri=url, stream_uri=url, events_uri=url, send_events=events
    )
    client = LDClient(config, start_wait=60)
    if not client.is_initialized():
        sys.exit("launchdarkly-python: the SDK has got no flags")
    return client


def run(client, case, context, n):
    """The last value that the loop got."""
    value = None
    if case["type"] == "all-flags":
        for _ in range(n):
            value = client.all_flags_state(context)
        return value.valid
    flag = case["flag"]
    default = {"boolean": False, "string": "", "json": None}[case["type"]]
    for _ in range(n):
        value = client.variation(flag, context, default)
    return value


def check(client, cases, contexts):
    ready = {"ready": True, "version": VERSION, "cases": [], "absent": {}, "values": {}}
    for case in cases:
        value = run(client, case, contexts[case["context"]], 1)
        name, expected = case["name"], case["value"]
        if case["type"] == "all-flags":
            expected = True
        if expected is None:
            ready["values"][name] = value
        elif json.dumps(value, sort_keys=True) != json.dumps(expected, sort_keys=True):
            ready["absent"][name] = f"gives {value!r}, not {expected!r}"
            continue
        ready["cases"].append(name)
    return ready


def serve(client, cases, contexts, names):
    present = {case["name"]: case for case in cases if case["name"] in names}
    for line in sys.stdin:
        name, _, digits = line.strip().partition(" ")
        case = present.get(name)
        n = int(digits) if digits.isdecimal() and len(digits) < 19 else 0
        if not case or n == 0:
            print('{"error":"CASE N is wanted"}', flush=True)
            continue
        context = contexts[case["context"]]
        start = time.perf_counter_ns()
        run(client, case, context, n)
        print(f'{{"ns":{time.perf_counter_ns() - start}}}', flush=True)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in ("--flags", "--cases", "--events", "--url"):
        parser.add_argument(option)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with open(options.cases, encoding="utf-8") as file:
        content = json.load(file)
    contexts = {name: Context.from_dict(each) for name, each in content["contexts"].items()}
    client = connect(options.url, options.events == "on")
    ready = check(client, content["cases"], contexts)
    print(json.dumps(ready), flush=True)
    serve(client, content["cases"], contexts, ready["cases"])
    client.close()  # delivers what events are left


main()
