# What the launchdarkly_*.sh tests share: the tests' own LaunchDarkly (launchdarkly_server.py), and an
# agent that uses it. Sourced after agent_support.bash.
# shellcheck shell=bash
# shellcheck disable=SC2120,SC2154  # options of the tests; variables of agent_support.bash

command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}

sdk_key=sdk-11111111-2222-4333-8444-c0ffee5ec4e7
# shellcheck disable=SC2034  # for the tests
state=$work/kept/state.db

# start_launchdarkly ARGUMENT...: its port in $ld_port.
start_launchdarkly() {
    mkfifo "$work/ld.in" "$work/ld.out"
    python3 "$FFSHM_SOURCE_DIR/tests/support/launchdarkly_server.py" "$@" \
        <"$work/ld.in" >"$work/ld.out" 2>"$work/ld.err" &
    ld_pid=$!
    pids+=("$ld_pid")
    exec {ld_in}>"$work/ld.in" {ld_out}<"$work/ld.out"
    rm "$work/ld.in" "$work/ld.out"
    read -r -t 60 -u "$ld_out" ld_port || fail "LaunchDarkly does not start: $(cat "$work/ld.err")"
}

stop_launchdarkly() {
    exec {ld_in}>&- {ld_out}<&-
    kill -KILL "$ld_pid" 2>/dev/null || true
    wait "$ld_pid" 2>/dev/null || true
}

# ld COMMAND ARGUMENT...: prints the answer.
ld() {
    local reply
    (
        IFS=$'\t'
        printf '%s\n' "$*" >&"$ld_in"
    )
    read -r -t 120 -u "$ld_out" reply || fail "no answer to: $*: $(cat "$work/ld.err")"
    case $reply in
    error*)
        echo "$reply" >&2
        return 1
        ;;
    ok) ;;
    *) printf '%s\n' "$reply" ;;
    esac
}

# ld_await WHAT... COUNT: until LaunchDarkly has seen so much of it.
ld_await() {
    ld await "$@" "$patience_ms" >/dev/null || fail "LaunchDarkly waited in vain: $*"
}

# start_ld_agent ARGUMENT...: an agent of that LaunchDarkly.
start_ld_agent() {
    local base=http://127.0.0.1:$ld_port
    LAUNCHDARKLY_SDK_KEY=$sdk_key start_agent --state "$state" \
        --launchdarkly-stream-uri "$base" --launchdarkly-poll-uri "$base" \
        --launchdarkly-events-uri "$base" --launchdarkly-initial-retry-ms 20 \
        --events-flush-ms 100 "$@"
}

# ld_load_flags: what torture/telemetry_load.c evaluates (and base, a prerequisite).
ld_load_flags() {
    local json
    json=$(
        tr -d '\n' <<'END'
{"flags": {
"plain": {"key": "plain", "version": 1, "on": true, "variations": [false, true],
  "fallthrough": {"variation": 1}, "offVariation": 0},
"base": {"key": "base", "version": 3, "on": true, "variations": ["on", "off"],
  "fallthrough": {"variation": 0}, "offVariation": 1},
"child": {"key": "child", "version": 1, "on": true, "variations": [true, false],
  "fallthrough": {"variation": 0}, "offVariation": 1,
  "prerequisites": [{"key": "base", "variation": 0}]},
"rollout": {"key": "rollout", "version": 5, "on": true, "salt": "s", "variations": ["a", "b", "c"],
  "offVariation": 0, "fallthrough": {"rollout": {"variations": [
    {"variation": 0, "weight": 20000}, {"variation": 1, "weight": 30000},
    {"variation": 2, "weight": 50000}]}}},
"ruled": {"key": "ruled", "version": 1, "on": true, "variations": [0, 1],
  "fallthrough": {"variation": 0}, "offVariation": 0, "rules": [{"id": "paid", "variation": 1,
    "clauses": [{"contextKind": "user", "attribute": "plan", "op": "in", "values": ["paid"]}]}]},
"changing": {"key": "changing", "version": 1, "on": true, "variations": [1],
  "fallthrough": {"variation": 0}, "offVariation": 0},
"wrong-type": {"key": "wrong-type", "version": 1, "on": true, "variations": ["text"],
  "fallthrough": {"variation": 0}, "offVariation": 0},
"tracked": {"key": "tracked", "version": 1, "on": true, "trackEvents": true,
  "variations": [false, true], "fallthrough": {"variation": 1}, "offVariation": 0}},
"segments": {}}
END
    )
    ld set "$json"
}

# start_load TOTAL SECONDS PROCESSES KILLS: evaluating processes in the background; their pid in
# $load, what they say in $work/load.out.
start_load() {
    "$FFSHM_BUILD_DIR/tests/telemetry_load" "$store" "$@" >"$work/load.out" 2>&1 </dev/null &
    load=$!
    pids+=("$load")
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        grep -q '^ready' "$work/load.out" && return
        sleep 0.02
    done
    fail "nobody evaluates"
}

# end_load: waits for its end.
end_load() {
    wait "$load" || fail "an evaluating process failed: $(tail -n 5 "$work/load.out")"
}

# sums_are_exact: what LaunchDarkly counted is what the processes did, flag by flag.
sums_are_exact() {
    local total
    total=$(sed -n 's/^total //p' "$work/load.out")
    ld await total base "$total" "$patience_ms" >/dev/null || true # the comparison tells more
    sleep 1 # what comes too much would come now
    ld counts >"$work/counts.json"
    python3 "$FFSHM_SOURCE_DIR/tests/support/compare_counts.py" "$work/counts.json" \
        "$work/load.out" || fail "the summaries do not add up"
}

# count_of JSON MEMBER...: a number in the answer of `ld counts`, 0 when it is not there.
count_of() {
    python3 -c '
import json, sys
value = json.loads(sys.argv[1])
for name in sys.argv[2:]:
    value = value.get(name, {}) if isinstance(value, dict) else {}
print(value if value != {} else 0)' "$@"
}

# peak_kb [PID]: the most memory that it has used so far.
peak_kb() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${1:-$agent}/status"
}
