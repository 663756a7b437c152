#!/usr/bin/env bash
# ctest: quick timeout=120
# An agent that is not root, with LaunchDarkly: what programs of a third user evaluate is counted, and
# survives a kill of the agent; nobody else sees the SDK key.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    echo "skipped: it needs root and setpriv, to be somebody else"
    exit 77
fi
agent_user=61001
program_user=61002

# become USER COMMAND...: with a group of its own, without any capability.
become() {
    exec setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all --no-new-privs "${@:2}"
}

as() (
    become "$@"
)

# The build may lie where nobody but root may look.
chmod 0755 "$work"
mkdir "$work/bin" "$work/run" "$work/kept"
cp "$bin/ffagent" "$probe" "$work/bin/"
chown $agent_user:$agent_user "$work/run" "$work/kept"
store=$work/run/store
as $agent_user "$work/bin/ffagent" --version >/dev/null ||
    {
        echo "skipped: another user cannot run what was built"
        exit 77
    }

# start_agent of this test: the shell becomes the agent, so that $! is its pid.
start_agent() {
    : >"$log"
    become $agent_user env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
        "$work/bin/ffagent" --dir "$store" "$@" >>"$log" 2>&1 </dev/null &
    agent=$!
    pids+=("$agent")
}

evaluate() {
    as $program_user "$work/bin/agent_probe" evaluate "$store" "$@"
}

start_launchdarkly
ld flag color 1 '"red"'

step "the agent publishes, keeps and adopts although it cannot be traced"
start_ld_agent
await_value color '"red"'
ld_await streams 1
! grep -E 'level=(warning|error)' "$log" || fail "it is not content"
[ "$(stat -c %U:%a "/proc/$agent/fd" 2>/dev/null | cut -d: -f1)" = root ] ||
    fail "the agent's own user can look into it"
! as $agent_user cat "/proc/$agent/environ" >/dev/null 2>&1 || fail "its environment can be read"
! as $agent_user cat "/proc/$agent/mem" >/dev/null 2>&1 || fail "its memory can be read"
[ "$(stat -c %a "$store/telemetry")" = 3733 ] || fail "mode $(stat -c %a "$store/telemetry")"

step "programs of another user are counted"
evaluate color 5
ld_await total 5

step "also what they evaluate while the agent is gone, killed"
kill_agent
evaluate color 7
[ "$(find "$store/telemetry" -type f -uid $program_user -gid $agent_user -perm 0640 | wc -l)" = 1 ] ||
    fail "$(ls -l "$store/telemetry")"
start_ld_agent
ld_await total 12
! grep -E 'level=(warning|error)' "$log" || fail "it is not content"
end_agent TERM
[ -z "$(find "$store/telemetry" -type f)" ] || fail "files of the dead are left"
sleep 0.2
[ "$(ld total)" = 12 ] || fail "$(ld total) evaluations, not 12"

echo "all as expected"
