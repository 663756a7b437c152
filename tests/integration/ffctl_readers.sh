#!/usr/bin/env bash
# ctest: merge timeout=120
# ffctl readers: real processes that evaluate, one that is stopped, one of another user.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.yaml
flags color='"red"' >"$file"
chmod 755 "$work"

# state PID: of that process, and its generation; nothing where it is not listed.
state() {
    python3 -c 'import json, sys
for p in json.load(open(sys.argv[1]))["processes"]:
    if p["pid"] == int(sys.argv[2]):
        print(p["state"], p["generationText"], p["seenBy"])' "$out" "$1"
}

# await_state PID TEXT
await_state() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        ctl 0 readers --json
        [ "$(state "$1")" = "$2" ] && return
        sleep 0.05
    done
    cat "$out"
    fail "process $1 is not $2 but $(state "$1")"
}

follow() {
    "$FFSHM_BUILD_DIR/examples/follow" color u1 >/dev/null &
    reader=$!
    pids+=("$reader")
}

step "without a store it says so"
ctl 1 readers
complains "$store: no such directory; start ffagent"
ctl 2 readers color
ctl 2 readers --follow
ctl 0 readers --help
says 'usage: ffctl readers'

step "the agent, and who evaluates"
start_agent --flags "$file"
await_value color '"red"'
ctl 0 readers --text
says 'The current generation is 1.1.' 'the agent' "ffagent --dir $store"
follow
first=$reader
follow
second=$reader
await_state "$first" 'current 1.1 maps'
await_state "$second" 'current 1.1 maps'
says "\"dir\":\"$store\"" '"generation":4294967297' '"counted":null' "\"pid\":$agent,"

step "one that does not evaluate is behind"
kill -STOP "$first"
flags color='"green"' >"$file"
await_value color '"green"'
await_state "$second" 'current 1.2 maps'
await_state "$first" 'behind 1.1 maps'
says '"behind":1,'
ctl 0 readers --text
says ' 1 behind ' "follow color u1"
kill -CONT "$first"
await_state "$first" 'current 1.2 maps'

step "it needs no agent; one that has ended is not there"
kill_agent
await_state "$first" 'current 1.2 maps'
[ -z "$(state "$agent")" ] || fail "the dead agent is listed"
kill "$first"
wait "$first" || fail "follow ended badly"
ctl 0 readers --json
[ -z "$(state "$first")" ] || fail "a dead process is listed"

step "readers of a store that was replaced are told apart"
mv "$store" "$store.old"
start_agent --flags "$file"
await_log 'event=published'
ctl 0 readers --dir "$store.old" --json
[ "$(state "$second")" = 'current 1.2 maps' ] || fail "it is $(state "$second")"
kill "$second"
wait "$second" || fail "follow ended badly"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    step "another user's processes show by their locks"
    follow
    await_state "$reader" 'current 1.1 maps'
    other() {
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    }
    if other test -x "$bin/ffctl"; then
        other env FFSHM_DIR="$store" "$bin/ffctl" readers --json >"$out"
        [ "$(state "$reader")" = 'current 1.1 lock' ] || fail "it is $(state "$reader")"
        other env FFSHM_DIR="$store" "$bin/ffctl" readers --text >"$out"
        says "could not be looked at: they are other users', and root sees all."
    fi
fi
