#!/usr/bin/env python3
"""compare_counts.py COUNTS LOAD: do LaunchDarkly's summaries add up to what was evaluated?

COUNTS: the answer of launchdarkly_server.py to `counts`. LOAD: what torture/telemetry_load.c printed.
Of each killed thread one evaluation more may be there. 0, or 1 with what is wrong.
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as text:
    counts = json.load(text)
wanted = {}
with open(sys.argv[2], encoding="utf-8") as text:
    for line in text:
        word, *rest = line.split()
        if word == "count":
            wanted[rest[0]] = int(rest[1])
        elif word == "total":
            total = int(rest[0])
        elif word == "uncertain":
            uncertain = int(rest[0])

flags = counts["flags"]
faults = []


def check(what, got, least, most):
    if not least <= got <= most:
        faults.append(f"{what}: {got}, not {least}" + (f" to {most}" if most != least else ""))


def number(flag, member="total"):
    return flags.get(flag, {}).get(member, 0)


for flag, count in wanted.items():
    check(flag, number(flag), count, count + uncertain)
everything = sum(number(flag) for flag in wanted)
check("all", everything, total, total + uncertain)
check("flags that nobody evaluated", counts["total"] - everything - number("base"), 0, 0)
# A prerequisite counts with its dependent; a killed thread may have done one of the two.
check("base", number("base"), number("child") - uncertain, number("child") + uncertain)
check("unknown flag", number("not-there", "unknown"), number("not-there"), number("not-there"))
check("fallbacks of a wrong type", number("wrong-type", "fallback"), number("wrong-type"),
      number("wrong-type"))
for flag in ("plain", "child", "rollout", "ruled", "changing", "tracked", "base"):
    check(f"fallbacks of {flag}", number(flag, "fallback"), 0, 0)
check("payloads whose id had other content", counts["conflicts"], 0, 0)

if faults:
    faults += [f"{flag}: {json.dumps(flags[flag])}" for flag in ("plain", "child", "base") if flag in flags]
print("\n".join(faults) if faults else
      f"{everything} of {total} evaluations (up to {uncertain} more), {counts['payloads']} payloads, "
      f"{counts['duplicates']} of them again, {len(flags.get('changing', {}).get('versions', {}))} "
      "versions of a flag")
sys.exit(1 if faults else 0)
