#!/usr/bin/env bash
# ctest: quick timeout=120
# --once with LaunchDarkly: waits for its definitions, not for ever, and says by its exit code whether
# they are published. And what the service manager is told of LaunchDarkly.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

# ends_with CODE: the agent that was started.
ends_with() {
    local code=0
    wait "$agent" || code=$?
    [ "$code" = "$1" ] || fail "the agent ended with $code, not $1"
}

step "nobody answers: it waits, and gives up"
hopeless_log=$work/hopeless.log
LAUNCHDARKLY_SDK_KEY=$sdk_key "$bin/ffagent" --dir "$work/hopeless" --state none --once \
    --launchdarkly-stream-uri http://127.0.0.1:1 --launchdarkly-initial-retry-ms 100 \
    >"$hopeless_log" 2>&1 </dev/null &
hopeless=$!
pids+=("$hopeless")

step "what LaunchDarkly says now is published, and kept"
start_launchdarkly
ld flag color 1 '"red"'
start_ld_agent --once
ends_with 0
[ "$(value color)" = '"red"' ] || fail "color is $(value color)"
ld flag color 2 '"blue"'
start_ld_agent --once
ends_with 0
[ "$(value color)" = '"blue"' ] || fail "color is $(value color)"
[ "$(ld requests bulk) $(ld requests diagnostic)" = "0 0" ] || fail "it sent events"

step "LaunchDarkly comes a little later"
ld flag color 3 '"green"'
ld refuse
start_ld_agent --once
await_log event=source-interrupted
ld listen
ends_with 0
[ "$(value color)" = '"green"' ] || fail "color is $(value color)"

step "polling"
ld flag color 4 '"pink"'
start_ld_agent --once --launchdarkly-mode poll
ends_with 0
[ "$(value color)" = '"pink"' ] || fail "color is $(value color)"

step "401: at once, and what is kept is published"
rm -r "$store"
ld fault all status=401
start_ld_agent --once
ends_with 1
grep -q 'event=once-failed .*401' "$log" || fail "it does not say why"
[ "$(value color)" = '"pink"' ] || fail "color is $(value color)"

step "wrong flag files are an error, whatever LaunchDarkly says"
ld well
echo 'flags: 7' >"$work/flags.yaml"
start_ld_agent --once --flags "$work/flags.yaml"
ends_with 1

step "what needs no LaunchDarkly does not wait for it"
flags own=3 >"$work/flags.yaml"
start_ld_agent --once --flags "$work/flags.yaml" --launchdarkly-mode off
ends_with 0
rm -r "$store"
start_ld_agent --once --offline true
ends_with 0
[ "$(value color)" = '"pink"' ] || fail "color is $(value color)"

step "the service manager is told of trouble, and of its end"
"$probe" manager "@ffshm-once-$$" "$work/told" &
pids+=($!)
for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
    [ -e "$work/told" ] && break
    sleep 0.02
done
ld fault all status=503
NOTIFY_SOCKET=@ffshm-once-$$ start_ld_agent
for what in 'STATUS=serving 1 flags.*LaunchDarkly: .*503' 'STATUS=serving 1 flags, generation [0-9.]*$'; do
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        tail -n 1 "$work/told" | grep -q "$what" && break
        sleep 0.02
    done
    [ "$attempt" -lt $((patience_ms / 20)) ] || fail "it is not told: $(cat "$work/told")"
    ld well
done
stop_agent

wait "$hopeless" && fail "it says that it has published"
grep -q 'event=once-failed' "$hopeless_log" || fail "it does not say why: $(cat "$hopeless_log")"

echo "all as expected"
