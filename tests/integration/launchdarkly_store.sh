#!/usr/bin/env bash
# ctest: merge timeout=120
# LaunchDarkly's persistent store as the source of definitions: without an SDK key, without
# LaunchDarkly; what a change, an outage, an emptied store and a restart are to programs.
# shellcheck disable=SC2119  # what is started without options
# shellcheck disable=SC2016  # the name of a key
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"
# shellcheck source=tests/support/redis.bash
. "$FFSHM_SOURCE_DIR/tests/support/redis.bash"

# start_reader ARGUMENT...: an agent of that store.
start_reader() {
    FF_CACHE_TTL_SECONDS=1 start_agent --state "$state" --launchdarkly-store "$redis_url" \
        --launchdarkly-store-mode source "$@"
}

# in_store KEY VERSION VALUE: a flag that serves that value to everybody, written by somebody else.
in_store() {
    redis hset launchdarkly:features "$1" "{\"key\":\"$1\",\"version\":$2,\"on\":true,\"salt\":\"s\",
        \"variations\":[$3],\"fallthrough\":{\"variation\":0},\"offVariation\":0}" >"$work/answer"
}

# await_status PATTERN: until `ffctl status --json` says so.
await_status() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        "$bin/ffctl" status --dir "$store" --json >"$work/status" 2>&1 || true
        grep -qE -- "$1" "$work/status" && return
        sleep 0.05
    done
    fail "status does not say $1: $(cat "$work/status")"
}

start_redis

step "a store that nobody has filled: flags are not found, and status says why"
start_reader
await_source 2
await_log event=published
await_status '"source_error":\{"kind":"STORE_ERROR".*nobody has filled the store'
await_status '"ready":true'

step "what somebody writes is there at most a TTL later"
in_store color 1 '"red"'
began=$(date +%s%N)
await_value color '"red"'
[ $((($(date +%s%N) - began) / 1000000)) -lt 3000 ] || fail "it took longer than a TTL of 1 s"
await_source 1
in_store color 2 '"blue"'
await_value color '"blue"'
await_status '"levels":\{"started_from":"redis".*"redis":\{"hits":[1-9]'

step "tombstones of all shapes, and what cannot be parsed"
for tombstone in '{"version":3,"deleted":true}' '{"key":"size","version":4,"deleted":true}' \
    '{"key":"$deleted","version":5,"deleted":true,"on":false,"variations":[],"salt":""}'; do
    in_store size 2 7
    redis hdel launchdarkly:features size >"$work/answer"
    in_store size 2 7
    redis hset launchdarkly:features size "$tombstone" >"$work/answer"
    in_store other "$SRANDOM" 1
    sleep 1.3
    value size | grep -q 7 && fail "a tombstone is a flag: $tombstone"
done
redis hset launchdarkly:features color '{"version":9, oops' >"$work/answer"
await_log 'event=store-item-invalid flag=color'
[ "$(value color)" = '"blue"' ] || fail "color is $(value color)"

step "Redis is away: everything is served, and status says of when it is"
in_store color 10 '"pink"'
await_value color '"pink"'
stop_redis
await_source 2
await_status '"source_error":\{"kind":"STORE_ERROR".*"data_as_of_ms":[0-9]'
[ "$(value color)" = '"pink"' ] || fail "color is $(value color)"

step "a restart without Redis starts from what is kept"
rm -r "$store"
kill_agent
start_reader
await_log 'event=restored source=launchdarkly-store'
await_value color '"pink"'
await_source 2
await_status '"levels":\{"started_from":"disk"'
start_redis
await_source 1
in_store color 11 '"gold"'
await_value color '"gold"'

step "a restart with a snapshot starts from that"
kill_agent
start_reader
await_log event=received
await_status '"levels":\{"started_from":"memory","memory":\{"hits":1'
[ "$(value color)" = '"gold"' ] || fail "color is $(value color)"

step "an emptied Redis changes nothing"
redis flushall >"$work/answer"
await_source 2
await_status 'nobody has filled the store, or it was emptied'
[ "$(value color)" = '"gold"' ] || fail "color is $(value color)"
in_store color 12 '"grey"'
await_value color '"grey"'
await_source 1

step "a store that went back in time (a replica that had not got everything) does not win"
in_store color 4 '"red"'
await_log 'event=store-item-older flag=color version=4 served=12'
[ "$(value color)" = '"grey"' ] || fail "color is $(value color)"
await_status '"redis":\{"hits":[0-9]+,"items":[0-9]+,"older":1\}'
in_store color 13 '"blue"'
await_value color '"blue"'
stop_agent

step "another store is another state"
start_agent --state "$state" --launchdarkly-store "$redis_url" --launchdarkly-store-mode source \
    --launchdarkly-store-prefix other
await_log 'nobody has filled the store'
! grep event=restored "$log" || fail "what is kept of one store is served for another"
stop_agent

step "a TTL of 0 is ten times a second"
in_store color 13 '"blue"'
FF_CACHE_TTL_SECONDS=0 start_agent --state "$state" --launchdarkly-store "$redis_url" \
    --launchdarkly-store-mode source
await_source 1
for version in 20 21 22 23 24; do
    in_store color "$version" "$version"
    await_value color "$version"
done
[ "$(grep -c event=published "$log")" -ge 5 ] || fail "not every version was published"
looked=$(date +%s%N)
in_store color 25 25
await_value color 25
[ $((($(date +%s%N) - looked) / 1000000)) -lt 5000 ] || fail "it took as long as a TTL of 15 s"
stop_agent

step "SIGHUP has it read now"
rm -rf "$store"
start_reader --launchdarkly-store-ttl 86400 --launchdarkly-store-emptied follow
await_value color 25
in_store color 26 '"red"'
kill -HUP "$agent"
await_value color '"red"'

step "an emptied Redis is followed, where that is wanted"
redis flushall >"$work/answer"
kill -HUP "$agent"
await_value color none
await_source 1
in_store color 27 '"blue"'
kill -HUP "$agent"
await_value color '"blue"'
stop_agent

step "--once publishes what is there now"
rm -rf "$store"
in_store color 30 '"green"'
start_reader --once
wait "$agent" || fail "it ended with $?"
[ "$(value color)" = '"green"' ] || fail "color is $(value color)"

step "offline: Redis is not asked, what is kept is served"
rm -rf "$store"
in_store color 31 '"black"'
start_reader --offline true
await_value color '"green"'
sleep 0.5
[ "$(redis client list | grep -c name=ffshm)" = 0 ] || fail "it has a connection"
stop_agent

step "with an SDK key definitions come from the store, and events go to LaunchDarkly"
start_launchdarkly
ld flag color 99 '"of LaunchDarkly"'
rm -rf "$store"
export FF_CACHE_TTL_SECONDS=1
start_ld_agent --launchdarkly-store "$redis_url" --launchdarkly-store-mode source
await_value color '"black"'
"$probe" evaluate "$store" color 3
ld_await total 3
[ "$(ld requests all) $(ld requests poll)" = "0 0" ] || fail "LaunchDarkly was asked"
stop_agent

echo "all as expected"
