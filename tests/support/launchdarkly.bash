# What the launchdarkly_*.sh tests share: the tests' own LaunchDarkly (launchdarkly_server.py), and an
# agent that uses it. Sourced after agent_support.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # of agent_support.bash

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
    ld await "$@" $patience_ms >/dev/null || fail "LaunchDarkly waited in vain: $*"
}

# start_ld_agent ARGUMENT...: an agent of that LaunchDarkly.
start_ld_agent() {
    local base=http://127.0.0.1:$ld_port
    LAUNCHDARKLY_SDK_KEY=$sdk_key start_agent --state "$state" \
        --launchdarkly-stream-uri "$base" --launchdarkly-poll-uri "$base" \
        --launchdarkly-events-uri "$base" --launchdarkly-initial-retry-ms 20 \
        --events-flush-ms 100 "$@"
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
