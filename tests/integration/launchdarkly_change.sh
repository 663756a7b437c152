#!/usr/bin/env bash
# ctest: quick timeout=120
# What is different at the agent's next start: the SDK key, the filter, a state file that cannot be
# used, a telemetry directory that is another user's.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

start_launchdarkly
ld flag color 1 '"red"'
start_ld_agent
await_value color '"red"'
"$probe" evaluate "$store" color 1
ld_await total 1

step "another filter: what was told before is still for the same environment"
kill_agent
"$probe" evaluate "$store" color 2
start_ld_agent --launchdarkly-filter all
ld_await total 3
! grep event=restored "$log" || fail "what was kept without a filter is served for a filter"
! grep sdk-key-changed "$log" || fail "a filter is taken for a key"

step "another SDK key: it is not for that one"
kill_agent
"$probe" evaluate "$store" color 10
sdk_key_before=$sdk_key
sdk_key=sdk-99999999-2222-4333-8444-c0ffee5ec4e7
start_ld_agent
await_log event=sdk-key-changed
await_log event=received
"$probe" evaluate "$store" color 20
ld_await total 23
sleep 0.3
[ "$(ld total)" = 23 ] || fail "$(ld total), not 23: another environment's were counted"
[ -z "$(find "$store/telemetry" -type f)" ] || fail "files of the dead are left"
kill_agent
sdk_key=$sdk_key_before
start_ld_agent
await_log event=sdk-key-changed
kill_agent
start_ld_agent
await_log event=received
! grep sdk-key-changed "$log" || fail "the key is the same"
stop_agent

step "no telemetry directory of its own: definitions come all the same"
ld flag color 2 '"blue"'
rm -rf "$store/telemetry"
ln -s / "$store/telemetry"
start_ld_agent
await_log event=collect-failed
await_value color '"blue"'
"$bin/ffctl" status --dir "$store" --json | grep -q '"telemetry":false' || fail "it says it collects"
stop_agent

step "the store is removed: what was counted until then is kept, and delivered by the next agent"
rm -r "$store"
start_ld_agent --events-flush-ms 60000
await_value color '"blue"'
before=$(ld total)
"$probe" linger "$store" color 6 >"$work/lingers" &
pids+=($!)
for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
    grep -qs evaluated "$work/lingers" && break
    sleep 0.02
done
sleep 0.3 # the agent has opened the file by then
rm -r "$store"
wait "$agent" && fail "it ends well without its store"
await_log event=store-gone
start_ld_agent
ld_await total $((before + 6))
stop_agent

echo "all as expected"
