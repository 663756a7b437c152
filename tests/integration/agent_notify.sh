#!/usr/bin/env bash
# ctest: quick timeout=60
# What a service manager is told: readiness, reloads, status, the watchdog, the end.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"

file=$work/flags.yaml

# manager ADDRESS: collects what is sent to it in $told.
manager() {
    told=$work/told
    : >"$told"
    "$probe" manager "$1" "$told" &
    pids+=($!)
    for _ in {1..100}; do
        grep -qF "$1" /proc/net/unix && return
        sleep 0.02
    done
    fail "the manager does not listen"
}

await_told() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        [ "$(grep -cE -- "$1" "$told")" -ge "${2:-1}" ] && return
        sleep 0.02
    done
    cat "$told"
    fail "the manager was not told $1"
}

step "ready only after the first publish"
manager "$work/socket"
export NOTIFY_SOCKET=$work/socket
WATCHDOG_USEC=200000 start_agent --flags "$file"
await_told '^STATUS=waiting for flag files: '
! grep -q READY "$told" || fail "ready without a snapshot"
flags color='"red"' >"$file"
await_told '^READY=1$'
await_told '^STATUS=serving 1 flags, generation '

step "the watchdog is fed"
await_told '^WATCHDOG=1$' 3

step "a reload begins and ends"
kill -HUP "$agent"
await_told '^RELOADING=1$'
await_told '^MONOTONIC_USEC=[0-9]+$'
await_told '^READY=1$' 2

step "what is wrong with the files is in the status; a reload ends all the same"
echo 'flags: [' >"$file"
await_told 'flag files refused: .*flags.yaml:'
kill -HUP "$agent"
await_told '^RELOADING=1$' 2
await_told '^READY=1$' 3
flags color='"blue"' >"$file"
await_value color '"blue"'

step "the end"
stop_agent
await_told '^STOPPING=1$'

step "an abstract socket; an adopted snapshot is ready at once, whatever the files are"
manager "@ffshm-test-$$"
export NOTIFY_SOCKET=@ffshm-test-$$
echo 'flags: [' >"$file"
start_agent --flags "$file"
await_told '^READY=1$'
await_told '^STATUS=serving 1 flags.*refused'
[ "$(value color)" = '"blue"' ] || fail "the adopted snapshot is not served"
stop_agent
await_told '^STOPPING=1$'

step "nobody listens: no matter"
export NOTIFY_SOCKET=$work/nobody
flags color='"green"' >"$file"
start_agent --flags "$file"
await_value color '"green"'
stop_agent

step "under journald a line begins with its priority"
unset NOTIFY_SOCKET
: >"$log"
JOURNAL_STREAM=$(stat -c %d:%i "$log") start_agent --flags "$file"
await_log '^<6>level=info event=started '
stop_agent
JOURNAL_STREAM=1:1 start_agent --flags "$file"
await_log '^time=[-0-9]+T[:.0-9]+Z level=info event=started '
stop_agent

echo "all as expected"
