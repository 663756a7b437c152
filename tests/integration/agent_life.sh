#!/usr/bin/env bash
# ctest: quick timeout=120
# The agent as a process: start, stop, restart, a second one, signals, --once, exit codes.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"

file=$work/flags.yaml
flags color='"red"' size=1 >"$file"

# expect_code CODE COMMAND...: its output in $work/out.
expect_code() {
    local code=0
    "${@:2}" >"$work/out" 2>&1 </dev/null || code=$?
    [ $code = "$1" ] || {
        cat "$work/out"
        fail "${*:2} ended with $code, not $1"
    }
}

step "an agent serves what its file says, and says so in one line"
start_agent --flags "$file"
await_value color '"red"'
await_value size 1
await_log 'event=published generation=1\.1 flags=2 segments=0 changed=2 bytes=[0-9]+ compile_us=[0-9]+ publish_us=[0-9]+'
await_source 1
[ "$(status alive)" = 1 ] || fail "nobody sees that the agent is alive"

step "it says what readers need to find its directory"
await_log "event=readers-need FFSHM_DIR=$store "
grep -q not-tmpfs "$log" && fail "tmpfs is not known as tmpfs"

step "a second agent is refused, and told who is there"
expect_code 1 "$bin/ffagent" --dir "$store" --flags "$file"
grep -q "$agent" "$work/out" || {
    cat "$work/out"
    fail "the refusal does not name pid $agent"
}
await_value color '"red"'

step "SIGTERM stops it; what is published stays"
generation=$(status generation)
stop_agent
grep -q 'event=stopped code=0' "$log" || fail "the stop is not logged"
[ "$(value color)" = '"red"' ] || fail "the stop took the snapshot away"
[ "$(status alive)" = 0 ] || fail "the agent still looks alive"

step "a restart with the same definitions keeps the generation"
start_agent --flags "$file"
await_log event=unchanged
[ "$(status generation)" = "$generation" ] || fail "the generation changed"
await_source 1
end_agent INT

step "what nobody defines any more is removed at a restart"
flags color='"blue"' >"$file"
start_agent --flags "$file"
await_value color '"blue"'
await_log event=adopted-removed
await_value size none
[ "$(status flags)" = 1 ] || fail "a removed flag is still counted"

step "but not before a good load"
kill_agent
echo 'ffshm: 1' >"$file.new"
echo 'flags: {color: {variants: 3}}' >>"$file.new"
mv "$file.new" "$file"
start_agent --flags "$file"
await_log event=load-failed
await_source 2
[ "$(value color)" = '"blue"' ] || fail "a bad file at start took the last good snapshot away"
flags color='"green"' >"$file"
await_value color '"green"'
await_source 1

step "SIGHUP loads again, and changes nothing when nothing changed"
generation=$(status generation)
kill -HUP "$agent"
await_log event=reloading
await_log event=unchanged
[ "$(status generation)" = "$generation" ] || fail "the generation changed"
stop_agent

step "--once publishes and exits"
flags color='"violet"' >"$file"
expect_code 0 "$bin/ffagent" --dir "$store" --flags "$file" --once
[ "$(value color)" = '"violet"' ] || fail "--once published nothing"
echo 'not: [valid' >"$file"
expect_code 1 "$bin/ffagent" --dir "$store" --flags "$file" --once
grep -q "event=load-failed file=$file line=2" "$work/out" || {
    cat "$work/out"
    fail "the place of the mistake is missing"
}
[ "$(value color)" = '"violet"' ] || fail "a failed --once changed something"

step "a directory that cannot be written ends it with 1"
echo occupied >"$work/no-directory"
flags color='"red"' >"$file"
expect_code 1 "$bin/ffagent" --dir "$work/no-directory/store" --flags "$file"
grep -q event=start-failed "$work/out" || fail "it does not say why"

step "wrong options end it with 2"
expect_code 2 "$bin/ffagent" --dir "$store" --flag "$file"
grep -q 'did you mean --flags' "$work/out" || fail "there is no suggestion"
expect_code 2 "$bin/ffagent" --dir "$store" --state none
expect_code 0 "$bin/ffagent" --help
expect_code 0 "$bin/ffagent" --version

step "--check-config tells where everything comes from, and every problem"
flags size=2 >"$work/more.yaml"
expect_code 0 env FFSHM_RETAIN=4 "$bin/ffagent" --check-config --dir "$store" --flags "$file" \
    --flags "$work/more.yaml"
grep -q 'retain: 4  # environment FFSHM_RETAIN' "$work/out" || fail "the origin is missing"
grep -q 'loaded: 2 flags, 0 segments' "$work/out" || fail "the files were not loaded"
[ -z "$(find "$store" -newer "$work/out")" ] || fail "a check touched the store"
echo 'flags: {a: {variants: 3}}' >"$work/wrong.yaml"
echo '[' >"$work/worse.yaml"
expect_code 2 "$bin/ffagent" --check-config --retain 0 --flags "$work/wrong.yaml" \
    --flags "$work/worse.yaml"
for place in --retain wrong.yaml:1: worse.yaml:; do
    grep -q -- "^ffagent: .*$place" "$work/out" || {
        cat "$work/out"
        fail "nothing is said of $place"
    }
done

step "the seed's variables are reported, no secret is"
expect_code 0 env LAUNCHDARKLY_SDK_KEY=sdk-hunter2 REDIS_URL=redis://:hunter2@h/1 \
    "$bin/ffagent" --dir "$store" --flags "$file" --state none --offline true --once
[ "$(grep -c 'event=no-effect' "$work/out")" = 1 ] || fail "not one line"
grep -q 'redis://\*\*\*@h:6379/1.*is not used' "$work/out" || fail "nothing is said of Redis"
! grep -q hunter2 "$work/out" || fail "a secret is in the log"

step "the log level leaves lines out"
expect_code 0 env FF_LOG_LEVEL=ERROR "$bin/ffagent" --dir "$store" --flags "$file" --once
[ ! -s "$work/out" ] || fail "something was logged"

step "without standard streams the log goes nowhere, and not into a file of the store"
"$bin/ffagent" --dir "$store" --flags "$file" <&- >&- 2>&- &
agent=$!
pids+=("$agent")
for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
    [ "$(status alive)" = 1 ] && break
    sleep 0.02
done
for stream in 0 1 2; do
    [ "$(readlink "/proc/$agent/fd/$stream")" = /dev/null ] || fail "stream $stream is something else"
done
stop_agent

step "a store that is removed or replaced ends the agent, and the next one makes it anew"
flags color='"red"' >"$file"
for change in removed replaced without-ctl; do
    start_agent --flags "$file"
    await_log 'event=(published|unchanged)' # the value was there before it
    case $change in
    removed) rm -r "$store" ;;
    replaced) mv "$store" "$store.away" && mkdir "$store" ;;
    without-ctl) rm "$store/ctl" ;;
    esac
    code=0
    wait "$agent" || code=$?
    [ $code = 1 ] || fail "the agent ended with $code"
    [ "$(grep -c event=store-gone "$log")" = 1 ] || fail "it does not say once that its store is gone"
    grep -q 'event=stopped code=1' "$log" || fail "the end is not logged"
done
start_agent --flags "$file"
await_value color '"red"'
stop_agent

echo "all as expected"
