#!/usr/bin/env bash
# ctest: merge timeout=400
# Clients that write all at once, to the same few keys: no update is lost, and the trail, the
# histories, the state file and what programs evaluate agree. See writers/writers.h.
#
#   admin_writers.sh [load|killed|times COUNT COUNT [SEED]]
#
# Without an argument: 64 clients, 10,000 changes.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/../integration/agent_support.bash"

disk=$(mktemp -d "$FFSHM_BUILD_DIR/writers-XXXXXX") # and not in memory, where there is no waiting
trap 'rm -rf "$disk"; clean_up' EXIT

# writers MODE STATE COUNT COUNT [SEED]: and then what an agent that has stopped leaves behind.
writers() {
    local state=$2
    step "$1 ${*:3}, $state"
    "$FFSHM_BUILD_DIR/tests/torture_writers" "$1" "$store" "$state" "$log" "${@:3}" || fail "$1"
    "$bin/ffagent" --check-storage --state "$state" >"$work/checked" || fail "the state file: $(cat "$work/checked")"
    python3 "$FFSHM_SOURCE_DIR/tests/support/verify_audit.py" "$state" >/dev/null || fail "the audit"
    rm -rf "$store"
}

if [ $# -gt 0 ]; then
    writers "$1" "$disk/agent.db" "${@:2}"
    exit
fi
changes=10000
[ "$FFSHM_VARIANT" = release ] || changes=2500
writers load "$disk/agent.db" $changes 64
# Many changes within a millisecond: nothing may rest on their times.
writers load "$work/agent.db" $((changes / 2)) 64
