#!/usr/bin/env bash
# ctest: merge serial timeout=120
# shellcheck disable=SC2119  # what is started without options
# From the moment LaunchDarkly sends a change to its first evaluation in a running process, with 1,000
# flags: prints it. The target is a median of at most 5 ms; what is checked is far above, for the
# host may be busy.
# shellcheck source=tests/integration/agent_support.bash
. "$FFSHM_SOURCE_DIR/tests/integration/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

changes=200
most_ms=100

start_launchdarkly
ld many 1000
ld flag clock 1 0
start_ld_agent
await_value clock 0
await_value flag-999 true

"$FFSHM_BUILD_DIR/tests/latency_probe" "$store" clock $changes 60000 >"$work/latency" &
probe_pid=$!
pids+=("$probe_pid")
until grep -qs ready "$work/latency"; do
    kill -0 "$probe_pid" 2>/dev/null || fail "the probe does not run"
    sleep 0.02
done
ld clock clock $((changes + changes / 4)) 25 # on a busy host two of them become one
wait "$probe_pid" || fail "changes were missed: $(tail -n 1 "$work/latency")"
tail -n 1 "$work/latency"
median_us=$(sed -n 's/.* median_us \([0-9]*\) .*/\1/p' "$work/latency")
[ "$median_us" -le $((most_ms * 1000)) ] || fail "the median is $median_us us"
stop_agent
echo "all as expected"
