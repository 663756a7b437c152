#!/usr/bin/env python3
"""Prints the README's table from a result file of scripts/bench.

    bench/table.py RESULTS.jsonl            prints the table
    bench/table.py RESULTS.jsonl README.md  puts it between the README's bench marks; --check: only compares
"""
import json
import pathlib
import re
import sys

ROWS = [
    ("bool-fallthrough by handle", 1000, "a flag that serves one value, by handle"),
    ("bool-fallthrough by key", 1000, "the same, by key"),
    ("rules (5, the fifth matches) by key", 1000, "five rules of two clauses, the fifth matches, by key"),
    ("rollout by key", 1000, "a percentage rollout, by key"),
    ("bool-fallthrough by handle, counted", 1000, "by handle, while an agent collects counts"),
    ("bool-fallthrough by key, counted", 1000, "by key, counted"),
    ("tracked flag by handle, the whole event told", 1000, "a flag with event tracking: a whole event each time"),
    ("targets (10,000 keys, miss) by key", 1000, "not one of 10,000 individual targets, by key"),
    ("context of four attributes", 1000, "building a context of four attributes"),
    ("compile + publish 1 changed flag", 10000, "one changed flag of 10,000: compile and publish"),
    ("refresh in a reader", 10000, "and its refresh in each reader"),
    ("ffshm_open to first answer", 1000, "`ffshm_open` to the first answer, 1,000 flags"),
    ("kill sent to seen in another process", 10000, "a kill switch asked for over HTTP, on the disk, to the new value in another process"),
    ("file saved to visible", 10000, "a file of 10,000 flags saved, to the new value in another process"),
]


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    lines = [json.loads(line) for line in pathlib.Path(arguments[0]).read_text().splitlines()]
    machine = next(line for line in lines if line["bench"] == "machine")
    commit = next(line for line in lines if line["bench"] == "commit")["commit"]
    found = {(line.get("case"), line.get("flags")): line for line in lines}
    table = ["| what | median | best |", "| --- | --- | --- |"]
    for case, flags, text in ROWS:
        if (case, flags) not in found:  # an older file
            continue
        line = found[case, flags]
        unit = next(u for u in ("ns", "us", "ms") if f"median_{u}" in line)
        table.append(f"| {text} | {line[f'median_{unit}']:.3g} {unit} | {line[f'min_{unit}']:.3g} {unit} |")
    table.append("")
    table.append(f"{machine['cpu']}, two virtual cores that others share; Linux {machine['kernel']}, gcc {machine['compiler']},")
    table.append(f"commit {commit}; `scripts/bench` makes such a file, [this one]({arguments[0]}) has all of it.")
    text = "\n".join(table)
    if len(arguments) == 1:
        print(text)
        return 0
    readme = pathlib.Path(arguments[1])
    before = readme.read_text()
    after = re.sub(r"(<!-- bench -->\n).*?(<!-- /bench -->)", lambda m: m[1] + text + "\n" + m[2], before, flags=re.S)
    if "--check" in sys.argv:
        if before != after:
            print(f"{arguments[1]}: its table is not that of {arguments[0]}: run bench/table.py {arguments[0]} {arguments[1]}")
            return 1
        return 0
    readme.write_text(after)
    return 0


sys.exit(main())
