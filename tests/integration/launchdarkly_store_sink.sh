#!/usr/bin/env bash
# ctest: merge timeout=180
# LaunchDarkly's persistent store as a sink: what LaunchDarkly sends is there byte for byte, after an
# outage too, written by two agents; and a host whose LaunchDarkly is away starts from it.
# shellcheck disable=SC2119,SC2120  # what is started without options
# shellcheck disable=SC2016  # the name of a key
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"
# shellcheck source=tests/support/redis.bash
. "$FFSHM_SOURCE_DIR/tests/support/redis.bash"

first_store=$store
export FF_CACHE_TTL_SECONDS=1

start_writer() {
    start_ld_agent --launchdarkly-store "$redis_url" "$@"
}

# stored HASH KEY PATTERN: until it matches.
await_stored() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        redis hget "launchdarkly:$1" "$2" >"$work/stored" 2>/dev/null || true
        grep -qE -- "$3" "$work/stored" && return
        sleep 0.02
    done
    fail "$2 does not come to be $3: $(cat "$work/stored")"
}

# member PATH: of the agent's own status, "store.items".
member() {
    curl -s --unix-socket "$store/agent.sock" http://agent/api/v1/status | python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    value = value[name]
print(value)' "$1"
}

await_member() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        [ "$(member "$1" 2>/dev/null)" = "$2" ] && return
        sleep 0.05
    done
    fail "$1 does not come to be $2: $(member "$1")"
}

start_redis
start_launchdarkly

step "a whole state, byte for byte"
ld set '{"flags":{"needs":{"key":"needs","version":1, "x":[1.50],"on":true,"variations":[1],"fallthrough":{"variation":0},"prerequisites":[{"key":"zero","variation":0}]},"zero":{"key":"zero","version":1,"on":true,"variations":[1],"fallthrough":{"variation":0}}},"segments":{"s":{"key":"s","version":1}}}'
start_writer
await_value needs 1
# the server of the tests writes its JSON anew, so its bytes are the ones
await_stored features needs '^\{"key":"needs","version":1,"x":\[1\.5\],"on":true,'
await_stored segments s '^\{"key":"s","version":1\}$'
[ "$(redis exists 'launchdarkly:$inited')" = 1 ] || fail 'there is no $inited'

step "patches and deletes"
ld flag color 1 '"red"'
await_stored features color '^\{"key": "color", "version": 1, '
ld flag color 3 '"blue"'
await_stored features color '"version": ?3,'
ld delete /flags/color 4
await_stored features color '^\{"key":"color","version":4,"deleted":true\}$'
ld flag color 4 '"late"'
ld patch /segments/s '{"key":"s","version":2}'
await_stored segments s '"version": 2'
await_stored features color '"version":4,"deleted":true'
await_member store.wholes 1

step "Redis is away: LaunchDarkly's changes are in force at once, and in Redis when it is back"
stop_redis
await_member store.state interrupted
ld flag color 6 '"green"'
await_value color '"green"'
ld delete /flags/needs 2
"$bin/ffctl" status --dir "$store" --text >"$work/status"
start_redis
await_stored features color '"version": ?6,'
await_stored features needs '"deleted":true'
await_member store.state valid

step "Redis comes back empty"
stop_redis
empty_redis
start_redis
await_stored features color '"version": ?6,'
await_stored features zero '"version":1'
[ "$(redis exists 'launchdarkly:$inited')" = 1 ] || fail 'there is no $inited'

step "a second agent finds that nothing is left to do"
first=$agent
store=$work/store2
state2=$work/kept2/state.db
state_of_first=$state
state=$state2
start_writer
await_value color '"green"'
await_member store.found 1
[ "$(member store.wholes)" = 0 ] || fail "it wrote the whole state again"
for version in $(seq 7 40); do
    ld flag color "$version" "$version"
done
await_stored features color '"version": ?40,'
await_value color 40
"$probe" await "$first_store" color 40 $patience_ms || fail "the first has not got it"
[ "$(($(member store.failures)))" = 0 ] || fail "it failed to write"
stop_agent

step "a new host, LaunchDarkly away: it starts from the store"
ld fault all close
rm -rf "$work/store2" "$work/kept2"
store=$work/store3
state=$work/kept3/state.db
start_writer
await_value color 40
await_source 2
await_member levels.startedFrom redis
[ "$(member levels.launchdarkly.hits)" = 0 ] || fail "LaunchDarkly answered"
"$bin/ffctl" status --dir "$store" --text >"$work/status"
grep -q '^started      from redis; hits: memory 0, disk 0, redis 1, launchdarkly 0' "$work/status" ||
    fail "status says: $(grep ^started "$work/status")"

step "and follows what others write there, unless it is older"
redis hset launchdarkly:features color '{"key":"color","version":41,"salt":"salt","on":true,"variations":[41],"fallthrough":{"variation":0}}' >"$work/answer"
await_value color 41
redis hset launchdarkly:features color '{"key":"color","version":5,"salt":"salt","on":true,"variations":[5],"fallthrough":{"variation":0}}' >"$work/answer"
await_log 'event=store-item-older flag=color version=5 served=41'
[ "$(value color)" = 41 ] || fail "color is $(value color)"

step "what it knows from there it does not write there"
redis hdel launchdarkly:features zero >"$work/answer"
sleep 1.2
[ "$(redis hexists launchdarkly:features zero)" = 0 ] || fail "it wrote"

step "killed and started again, still without LaunchDarkly: from memory, then from disk"
kill_agent
start_writer
await_member levels.startedFrom memory
[ "$(value color)" = 41 ] || fail "color is $(value color)"
kill_agent
rm -rf "$store"
start_writer
await_value color 41
await_member levels.startedFrom disk

step "a state file that is older than what is published takes nothing back"
stop_agent
cp "$state" "$work/older.db"
start_writer
redis hset launchdarkly:features color '{"key":"color","version":42,"salt":"salt","on":true,"variations":[42],"fallthrough":{"variation":0}}' >"$work/answer"
await_value color 42
stop_agent
cp "$work/older.db" "$state"
stop_redis
start_writer
await_member levels.disk.older 1
await_member levels.startedFrom memory
[ "$(value color)" = 42 ] || fail "color is $(value color)"
start_redis
redis hset launchdarkly:features color '{"key":"color","version":5,"salt":"salt","on":true,"variations":[5],"fallthrough":{"variation":0}}' >"$work/answer"

step "LaunchDarkly is back, and right: the store and every level follow it"
ld well
ld_await streams 2
await_source 1
await_value color 40
await_stored features color '"version": ?40,'
await_stored features zero '"version":1'
await_member store.state valid
stop_agent

step "the first agent has lost nothing of all that"
agent=$first
store=$first_store
state=$state_of_first
ld flag color 50 '"last"'
await_value color '"last"'
await_stored features color '"version": ?50,'
stop_agent

echo "all as expected"
