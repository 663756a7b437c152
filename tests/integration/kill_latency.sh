#!/usr/bin/env bash
# ctest: nightly release serial timeout=600
# From a kill switch asked for over HTTP to the new value in another process, the disk included: at
# most 3 ms in the median and 10 ms in 99 of 100. What the disk takes by itself is measured at the
# same time and allowed for; of some attempts the best one counts, since others may be busy.
set -euo pipefail
bench=$FFSHM_BUILD_DIR/bench/ffbench_kill
[ -x "$bench" ] || {
    echo "skipped: the benchmark programs are not built"
    exit 77
}
exec python3 - "$bench" <<'PYTHON'
import json, subprocess, sys

ATTEMPTS = 5
MOST = {"median_us": 3000, "p99_us": 10000}


def faults(lines):
    found = {line["case"]: line for line in lines}
    for step in ("kill", "revive"):
        seen = found[f"{step} sent to seen in another process"]
        disk = found[f"fdatasync of 28 KiB, after each {step}"]
        for name, most in MOST.items():
            if seen[name] > most + 5 * disk[name]:
                yield f"{step}: {name} is {seen[name]}; of the disk alone {disk[name]}"


for attempt in range(ATTEMPTS):
    told = subprocess.run([sys.argv[1], "--json", "10000", "500"], stdout=subprocess.PIPE)
    if told.returncode == 2:
        print("skipped: /var/tmp is not on a disk")
        sys.exit(77)
    told.check_returncode()
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    for line in lines:
        print(f"{line['case']}: median {line['median_us']} us, p99 {line['p99_us']}, max {line['max_us']}")
    wrong = list(faults(lines))
    if not wrong:
        sys.exit(0)
    print(*wrong, sep="\n")
sys.exit(1)
PYTHON
