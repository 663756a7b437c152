#!/usr/bin/env bash
# ctest: quick timeout=120
# The agent with LaunchDarkly as its source: put, patch, delete, 401, restarts without a network, files
# besides, offline; and the SDK key is nowhere to be seen.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

logs=$work/all.log

# end_of_agent: what it logged is searched at the end.
end_of_agent() {
    stop_agent
    cat "$log" >>"$logs"
}

start_launchdarkly --record "$work/requests"
ld flag color 1 '"red"'
ld flag size 5 1

step "put: the whole state, with the key and who asks in the headers"
start_ld_agent --log-level debug
await_value color '"red"'
await_value size 1
await_source 1
ld last all >"$work/last"
for header in "\"authorization\": \"$sdk_key\"" '"accept": "text/event-stream"' '"user-agent": "' \
    '"x-launchdarkly-instance-id": "'; do
    grep -qF "$header" "$work/last" || fail "no $header in $(cat "$work/last")"
done

step "patch: newer versions only"
ld flag color 2 '"blue"'
await_value color '"blue"'
ld flag color 2 '"stale"'
ld flag size 6 2
await_value size 2
[ "$(value color)" = '"blue"' ] || fail "an equal version was taken"
ld flag new 1 '{"a": [1, 2]}'
await_value new '{"a":[1,2]}'

step "delete: newer versions only, and no older patch brings it back"
ld delete /flags/new 1
ld delete /flags/size 7
await_value size none
ld flag size 7 3
ld flag new 2 true
await_value new true
[ "$(value size)" = none ] || fail "an older patch brought a deleted flag back"

step "put again: what is not in it is gone"
ld set '{"flags": {}, "segments": {}}'
ld flag color 1 '"green"'
ld put
await_value new none
await_value color '"green"'

step "what is not right changes nothing, and connects anew"
requests=$(ld requests all)
ld send 'event: patch\ndata: {"path": "/flags/color", "data": 7}\n\n'
ld_await requests all $((requests + 1))
ld_await streams 1
[ "$(value color)" = '"green"' ] || fail "color is $(value color)"
await_source 1

step "ffctl and the log know the source, and nobody the key"
"$bin/ffctl" status --dir "$store" >"$work/status"
"$bin/ffctl" status --dir "$store" --json >>"$work/status"
# nowhere WHAT FILE...
nowhere() {
    ! grep -rqaF -e "$sdk_key" -e "${sdk_key#sdk-}" "${@:2}" || fail "the SDK key is in $1"
}
nowhere "the arguments" "/proc/$agent/cmdline"
nowhere "the environment" "/proc/$agent/environ"
nowhere "the log" "$log"
nowhere "the status" "$work/status"
nowhere "the store" "$store"
nowhere "what is kept" "$state"*
[ "$(stat -c %a "$state")" = 600 ] || fail "the state file's mode is $(stat -c %a "$state")"

step "evaluations are counted and arrive, with a payload id and in gzip"
"$probe" evaluate "$store" color 7
"$probe" evaluate "$store" unheard-of 2
ld_await total 9
ld counts >"$work/counts"
[ "$(count_of "$(cat "$work/counts")" flags color values '"green"')" = 7 ] ||
    fail "$(cat "$work/counts")"
[ "$(count_of "$(cat "$work/counts")" flags unheard-of unknown)" = 2 ] ||
    fail "$(cat "$work/counts")"
ld last bulk >"$work/last"
for header in '"x-launchdarkly-payload-id": "' '"x-launchdarkly-event-schema": "4"' \
    '"content-encoding": "gzip"' "\"authorization\": \"$sdk_key\""; do
    grep -qF "$header" "$work/last" || fail "no $header in $(cat "$work/last")"
done

step "a restart without a network serves the last state, and says how old it is"
end_of_agent
ld refuse
rm -r "$store"
start_ld_agent
await_value color '"green"'
await_source 2
"$bin/ffctl" status --dir "$store" >"$work/status"
grep -qi 'interrupted' "$work/status" || fail "nothing is said of it: $(cat "$work/status")"
ld flag color 9 '"violet"'
ld listen
await_value color '"violet"'
await_source 1

step "patches are kept, too"
ld flag color 10 '"orange"'
ld delete /flags/nothing 3
await_value color '"orange"'
kill_agent
cat "$log" >>"$logs"
rm -r "$store"
ld refuse
start_ld_agent
await_value color '"orange"'
ld listen
await_source 1
end_of_agent

step "offline: no request, the last state"
rm -r "$store"
requests=$(ld requests all)
start_ld_agent --offline true
await_value color '"orange"'
sleep 0.3
[ "$(ld requests all)" = "$requests" ] || fail "there was a request"
"$bin/ffctl" status --text --dir "$store" >"$work/status"
grep -q 'source .*off: no network is used' "$work/status" || fail "$(cat "$work/status")"
end_of_agent

step "401: loud, and what is in force stays"
rm -r "$store"
ld fault all status=401
start_ld_agent
await_value color '"orange"'
await_log 'level=(error|warning) .*401'
"$bin/ffctl" status --dir "$store" >"$work/status"
grep -q 401 "$work/status" || fail "the status does not say 401: $(cat "$work/status")"
requests=$(ld requests all)
sleep 0.5
[ "$(ld requests all)" = "$requests" ] || fail "it goes on asking"
nowhere "the status after 401" "$work/status" # although the answer had it
end_of_agent
start_ld_agent --launchdarkly-on-refusal stop
await_source 3
"$bin/ffctl" status --text --dir "$store" >"$work/status"
grep -q 'source .*off: .*correct it and restart' "$work/status" || fail "$(cat "$work/status")"
end_of_agent
step "no answer at all: the status says so"
ld fault all stall
start_ld_agent
await_source 2
"$bin/ffctl" status --text --dir "$store" >"$work/status"
grep -q 'interrupted: LaunchDarkly has not answered yet' "$work/status" ||
    fail "$(cat "$work/status")"
ld well
end_of_agent

step "another key's state is not served"
rm -r "$store"
ld refuse
sdk_key_before=$sdk_key
sdk_key=sdk-99999999-2222-4333-8444-c0ffee5ec4e7
start_ld_agent
await_log 'level=(error|warning) '
[ "$(value color)" = none ] || fail "it serves what is another environment's"
end_of_agent
sdk_key=$sdk_key_before
ld listen

step "a file and LaunchDarkly: the file wins, and both are there"
rm -r "$store"
flags color='"of the file"' own=3 >"$work/flags.yaml"
ld flag theirs 1 4
start_ld_agent --flags "$work/flags.yaml"
await_value theirs 4
await_value own 3
await_value color '"of the file"'
ld flag color 99 '"of LaunchDarkly"'
ld flag theirs 2 5
await_value theirs 5
[ "$(value color)" = '"of the file"' ] || fail "the file lost"
flags own=3 >"$work/flags.new"
mv "$work/flags.new" "$work/flags.yaml"
await_value color '"of LaunchDarkly"'
end_of_agent

step "the key from a file; --check-config does not show it, nor does a core dump"
printf '%s\n' "$sdk_key" >"$work/key"
LAUNCHDARKLY_SDK_KEY='' start_agent --sdk-key-file "$work/key" --state none \
    --launchdarkly-stream-uri "http://127.0.0.1:$ld_port" \
    --launchdarkly-events-uri "http://127.0.0.1:$ld_port"
await_value theirs 5
ld_await streams 1
nowhere "the environment" "/proc/$agent/environ"
nowhere "the arguments" "/proc/$agent/cmdline"
end_of_agent
"$bin/ffagent" --check-config --sdk-key-file <(
    sleep 0.2
    echo "$sdk_key"
) >"$work/check" 2>&1 || fail "a key that comes by a pipe: $(cat "$work/check")"
LAUNCHDARKLY_SDK_KEY=$sdk_key "$bin/ffagent" --check-config >"$work/check" 2>&1 ||
    fail "$(cat "$work/check")"
nowhere "--check-config" "$work/check"
mkdir "$work/core"
(
    cd "$work/core"
    ulimit -c unlimited 2>/dev/null || true
    LAUNCHDARKLY_SDK_KEY=$sdk_key exec "$bin/ffagent" --dir "$store" --state none \
        --launchdarkly-stream-uri "http://127.0.0.1:$ld_port" \
        --launchdarkly-events-uri "http://127.0.0.1:$ld_port" >"$log" 2>&1 </dev/null
) &
agent=$!
pids+=("$agent")
await_log event=started
ld_await streams 1
kill -QUIT "$agent"
wait "$agent" 2>/dev/null || true
[ -z "$(ls "$work/core")" ] || fail "there is a core dump"

nowhere "the logs" "$logs"
stop_launchdarkly

echo "all as expected"
