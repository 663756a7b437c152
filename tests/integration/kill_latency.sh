#!/usr/bin/env bash
# ctest: nightly release serial timeout=600
# From a kill switch asked for over HTTP to the new value in another process, the disk included: at
# most 3 ms in the median and 10 ms in 99 of 100. What the disk takes by itself is measured at the
# same time and allowed for; of some attempts the best one counts, since others may be busy.
set -euo pipefail
bench=$FFSHM_BUILD_DIR/bench/ffbench
[ -x "$bench" ] || {
    echo "skipped: the benchmark programs are not built"
    exit 77
}
exec python3 - "$bench" <<'PYTHON'
import json, subprocess, sys

ATTEMPTS = 5
MOST = {"median_us": 3000, "p99_us": 10000}


def faults(lines):
    found = {(line["step"], line["what"]): line for line in lines if line["where"] == "disk"}
    for step in ("kill", "revive"):
        seen = found[step, "seen"]
        disk = found[step, "floor"]
        for name, most in MOST.items():
            if seen[name] > most + 5 * disk[name]:
                yield f"{step}: {name} is {seen[name]}; of the disk alone {disk[name]}"


for attempt in range(ATTEMPTS):
    told = subprocess.run([sys.argv[1], "kill", "--json", "--rounds", "500"], stdout=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    if any("absent" in line for line in lines):
        print("skipped: /var/tmp is not on a disk")
        sys.exit(77)
    for line in lines:
        times = f"median {line['median_us']} us, p99 {line['p99_us']}, max {line['max_us']}"
        print(f"{line['step']} {line['where']} {line['what']}: {times}")
    wrong = list(faults(lines))
    if not wrong:
        sys.exit(0)
    print(*wrong, sep="\n")
sys.exit(1)
PYTHON
