#!/usr/bin/env bash
# ctest: merge serial timeout=300
# shellcheck disable=SC2119  # what is started without options
# 20 million evaluations in 8 processes, with events on: what LaunchDarkly counts adds up to exactly
# 20 million, although two processes and, three times, the agent are killed with -9 on the way, answers
# are lost, and a flag changes all the time.
# shellcheck source=tests/integration/agent_support.bash
. "$FFSHM_SOURCE_DIR/tests/integration/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"
patience_ms=60000
evaluations=${FFSHM_EVALUATIONS:-20000000}

start_launchdarkly
ld_load_flags
start_ld_agent
await_value plain true
await_value ruled 0

step "$evaluations evaluations, two readers and the agent killed on the way"
start_load "$evaluations" 20 8 2
version=1
kills=0
for ((turn = 0; ; turn++)); do
    kill -0 "$load" 2>/dev/null || break
    version=$((version + 1))
    ld flag changing $version $version
    sleep 0.1
    percent=$(sed -n 's/^progress //p' "$work/load.out" | tail -n 1)
    if [ $((kills * 30 + 20)) -le "${percent:-0}" ] && [ $kills -lt 3 ]; then
        kill_agent
        kills=$((kills + 1))
        start_ld_agent
    fi
    case $((turn % 40)) in
    10) ld fault bulk lost 1 ;;
    20) ld fault bulk status=503 2 ;;
    30) ld fault bulk reset 1 ;;
    esac
done
end_load
[ $kills = 3 ] || fail "the agent was killed $kills times"
await_value changing $version
ld well

step "the sums"
sums_are_exact
[ "$(sed -n 's/^total //p' "$work/load.out")" = "$evaluations" ] || fail "not all were done"
[ "$(count_of "$(cat "$work/counts.json")" duplicates)" -gt 0 ] || fail "no payload came twice"
[ "$(ld events feature)" -gt 0 ] || fail "no feature event came"
[ "$(ld events index)" -gt 0 ] || fail "no index event came"
[ "$(ld events custom)" -gt 0 ] || fail "no custom event came"
[ "$(ld events identify)" -gt 0 ] || fail "no identify event came"

step "nothing of the dead is left"
for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
    files=$(find "$store/telemetry" -type f | wc -l)
    [ "$files" = 0 ] && break
    sleep 0.02
done
[ "$files" = 0 ] || fail "$files telemetry files of processes that are gone"
stop_agent

echo "all as expected"
