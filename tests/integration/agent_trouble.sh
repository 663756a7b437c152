#!/usr/bin/env bash
# ctest: merge timeout=120
# The agent under pressure: a publish that fails is tried again, no inotify, kill -9, a busy store.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"

file=$work/flags.yaml
flags color='"red"' >"$file"

step "a publish that fails is tried again until it succeeds"
# The log through a pipe: the limit on file sizes that makes publishing fail would hold for it too.
"$bin/ffagent" --dir "$store" --flags "$file" </dev/null 2> >(exec cat >>"$log") &
agent=$!
pids+=("$agent")
await_value color '"red"'
prlimit --pid "$agent" --fsize=64:
flags color='"blue"' >"$file"
await_log event=publish-failed 3
[ "$(value color)" = '"red"' ] || fail "a failed publish is visible"
await_source 2
prlimit --pid "$agent" --fsize=unlimited:
await_value color '"blue"'
await_source 1

step "kill -9, and the next agent takes over"
kill_agent
[ "$(value color)" = '"blue"' ] || fail "the snapshot died with its agent"
start_agent --flags "$file"
await_log event=unchanged
flags color='"green"' >"$file"
await_value color '"green"'
stop_agent

step "a start that cannot look at the control page leaves it as it is"
if command -v strace >/dev/null; then
    before=$(status generation)
    for call in mmap fstat,newfstatat; do
        code=0
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -o /dev/null -P "$store/ctl" \
            -e trace="$call" -e inject="$call":error=ENOMEM \
            "$bin/ffagent" --dir "$store" --flags "$file" --once >"$log" 2>&1 </dev/null || code=$?
        [ $code = 1 ] || fail "without $call the agent ended with $code"
        await_log event=start-failed
        [ "$(status generation)" = "$before" ] || fail "without $call the store was made anew"
    done
    start_agent --flags "$file"
    await_log event=unchanged
    stop_agent
else
    echo "  (no strace here: not tried)"
fi

step "without inotify the files are looked at every second"
# A user namespace of its own, so that its limit on inotify instances can be lowered without root.
if unshare --user --map-root-user true 2>/dev/null; then
    : >"$log"
    unshare --user --map-root-user bash -c '
        echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"' - \
        "$bin/ffagent" --dir "$store" --flags "$file" >>"$log" 2>&1 </dev/null &
    agent=$!
    pids+=("$agent")
    await_log event=watch-failed
    flags color='"polled"' >"$file"
    await_value color '"polled"'
    stop_agent
else
    echo "  (no user namespaces here: not tried)"
fi

step "many generations: old files go, compaction happens, the value is the newest"
start_agent --flags "$file" --retain 3
for i in {1..40}; do
    flags color="\"$i\"" size="$i" >"$file"
    await_value color "\"$i\""
done
heads=$(find "$store" -name 's.*' | wc -l)
[ "$heads" -le 3 ] || fail "$heads snapshots are kept, not 3"
extents=$(find "$store" -name 'x.*' | wc -l)
[ "$extents" -le 24 ] || fail "$extents extents are left"
stop_agent

echo "all as expected"
