#!/usr/bin/env bash
# ctest: merge release timeout=60
# A program that evaluates under Valgrind's memcheck is told of no error: keys and contexts are read
# many bytes at a time, but not beyond their blocks there.
set -euo pipefail
command -v valgrind >/dev/null || {
    echo "skipped: valgrind is not installed"
    exit 77
}
work=$(mktemp -d /dev/shm/ffshm-memcheck-XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 - >"$work/flags.json" <<'PYTHON'
import json

def flag(key, fallthrough):
    return {"key": key, "version": 1, "on": True, "salt": "s", "variations": [False, True], "fallthrough": fallthrough}

flags = [flag("k" * length, {"variation": 1}) for length in range(1, 48)]
rollout = {"variations": [{"variation": 0, "weight": 0}, {"variation": 1, "weight": 100000}]}
flags.append(flag("rollout", {"rollout": rollout}))
print(json.dumps({"flags": {f["key"]: f for f in flags}}))
PYTHON
"$FFSHM_BUILD_DIR/agent/ffagent" --once --log-level ERROR --dir "$work/store" --state none --flags "$work/flags.json"
served=$(valgrind --quiet --error-exitcode=9 "$FFSHM_BUILD_DIR/tests/memcheck_probe" "$work/store") || {
    echo "memcheck found errors (above)"
    exit 1
}
[ "$served" = 96 ] || {
    echo "served $served times instead of 96"
    exit 1
}
