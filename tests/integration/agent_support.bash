#!/usr/bin/env bash
# What the agent_*.sh tests share: a directory of their own on tmpfs, agents that are gone at the
# end, and waiting for what shall happen. Sourced.
set -euo pipefail

bin=$FFSHM_BUILD_DIR/agent
probe=$FFSHM_BUILD_DIR/tests/agent_probe
work=$(mktemp -d /dev/shm/ffshm-agent-XXXXXX)
store=$work/store
log=$work/agent.log
patience_ms=10000 # for what takes milliseconds; a sanitizer on a busy host is slow
pids=()

for variable in $(compgen -e); do
    case $variable in
    FFSHM_BUILD_DIR | FFSHM_SOURCE_DIR | FFSHM_VARIANT) ;;
    FFSHM_* | FF_* | LAUNCHDARKLY_* | REDIS_URL | NOTIFY_SOCKET | WATCHDOG_* | JOURNAL_STREAM)
        unset "$variable"
        ;;
    esac
done
export FFSHM_CONFIG=/dev/null # this host's configuration file is none of the tests' business
export FFSHM_STATE=$work/default-state/agent.db # nor is this user's state file

clean_up() {
    local code=$? pid
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null # bash tells of each that was killed
    if [ $code != 0 ] && [ -s "$log" ]; then
        echo "--- the agent's log"
        tail -n 40 "$log"
    fi
    rm -rf "$work"
    exit $code
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

step() {
    echo "- $*"
}

# start_agent ARGUMENT...: in the background; its pid in $agent, its log in $log.
start_agent() {
    : >"$log"
    "$bin/ffagent" --dir "$store" "$@" >>"$log" 2>&1 </dev/null &
    agent=$!
    pids+=("$agent")
}

# await_log PATTERN [COUNT]: until at least COUNT lines of the log match.
await_log() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        [ "$(grep -cE -- "$1" "$log")" -ge "${2:-1}" ] && return
        sleep 0.02
    done
    fail "the log has no line with $1"
}

# end_agent SIGNAL: and its exit code is 0 (a leak would make it another one).
end_agent() {
    local code=0
    kill -"$1" "$agent"
    wait "$agent" || code=$?
    [ $code = 0 ] || fail "the agent ended with $code"
}

stop_agent() {
    end_agent TERM
}

# Ends it in the middle of whatever it does.
kill_agent() {
    kill -KILL "$agent"
    wait "$agent" 2>/dev/null || true
}

await_value() {
    "$probe" await "$store" "$1" "$2" $patience_ms || fail "no such value arrived"
}

await_source() {
    "$probe" await-source "$store" "$1" $patience_ms || fail "no such source state arrived"
}

value() {
    "$probe" value "$store" "$1"
}

# status NAME: a member of the store's status.
status() {
    "$probe" status "$store" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# flags KEY=JSON...: a native flag file with flags that serve that value to everybody, to stdout.
flags() {
    local pair
    printf 'ffshm: 1\nflags:\n'
    for pair in "$@"; do
        printf '  %s:\n    variants: [{key: only, value: %s}]\n    default_variant: only\n' \
            "${pair%%=*}" "${pair#*=}"
    done
}
