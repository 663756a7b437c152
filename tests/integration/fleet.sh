#!/usr/bin/env bash
# ctest: merge timeout=300
# Hosts that share one state in Redis: what one changes is in force on all, once; without Redis they
# serve, start and kill; what was killed alone comes into the fleet.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/redis.bash
. "$FFSHM_SOURCE_DIR/tests/support/redis.bash"

declare -A agents

# start_host N ARGUMENT...
start_host() {
    FFSHM_STORAGE=$fleet_url "$bin/ffagent" --dir "$work/store$1" --state "$work/state$1/host.db" \
        "${@:2}" >>"$work/agent$1.log" 2>&1 </dev/null &
    agents[$1]=$!
    pids+=("${agents[$1]}")
}

end_host() {
    local code=0
    kill "-${2:-TERM}" "${agents[$1]}"
    wait "${agents[$1]}" || code=$?
    [ "${2:-TERM}" = KILL ] || [ $code = 0 ] || fail "host $1 ended with $code: $(tail -n 20 "$work/agent$1.log")"
}

# on N COMMAND ...: ffctl at that host.
on() {
    FFSHM_DIR=$work/store$1 timeout 30 "$bin/ffctl" "${@:2}"
}

# until_true WHAT COMMAND...
until_true() {
    local attempt what=$1
    shift
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    for log in "$work"/agent*.log; do
        echo "--- $log"
        tail -n 80 "$log"
    done
    fail "not in time: $what"
}

api_status() {
    curl -s --unix-socket "$work/store$1/agent.sock" http://host/api/v1/status
}

# fleet N MEMBER: of the host's status.
fleet() {
    api_status "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["fleet"].get(sys.argv[1]))' "$2"
}

digest() {
    api_status "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["digest"])'
}

is_connected() {
    [ "$(fleet "$1" state)" = connected ]
}

all_connected() {
    local host
    for host in "$@"; do
        until_true "host $host is connected" is_connected "$host"
    done
}

serves() { # N FLAG JSON
    on "$1" eval "$2" --key vip --json 2>/dev/null | grep -q "\"value\":$3,"
}

all_serve() { # FLAG JSON
    local host
    for host in 1 2 3; do
        until_true "host $host serves $1 as $2" serves "$host" "$1" "$2"
    done
}

all_equal() {
    [ "$(digest 1)" = "$(digest 2)" ] && [ "$(digest 2)" = "$(digest 3)" ] &&
        [ "$(fleet 1 chain)" = "$(fleet 2 chain)" ] && [ "$(fleet 2 chain)" = "$(fleet 3 chain)" ]
}

# in_ms MS: that time from now, as the API takes it.
in_ms() {
    local at=$(($(date +%s%3N) + $1))
    date -u -d "@$((at / 1000)).$(printf %03d $((at % 1000)))" +%Y-%m-%dT%H:%M:%S.%3NZ
}

# No more than docs/redis.md says a user needs.
user=(--user ffshm on '>secret' '~{ffshm:*' resetchannels -@all +ping +select '+client|setname' +auth
    +hello +eval +hmget +hget +hset +hdel +hscan +del +expire +exists +persist +rename +get +set +time
    +mget +hincrby +hgetall +zadd +zrevrange +zremrangebyscore
    +xadd +xread +xrange)

start_fleet_redis() {
    start_redis "${user[@]}"
    fleet_url=redis://ffshm:secret@127.0.0.1:$redis_port
}

start_fleet_redis
step "the first host begins the fleet, the others join it"
start_host 1
all_connected 1
start_host 2
start_host 3
all_connected 1 2 3
[ "$(fleet 1 epoch)" = "$(fleet 3 epoch)" ] || fail "two fleets"

step "what one host changes is in force on all"
on 1 flags create sale >/dev/null
on 2 rollout sale 100% --reason "all of them" >/dev/null
all_serve sale true
until_true "equal digests" all_equal
on 3 flags get sale | grep -q '"version":2' || fail "versions are not the fleet's"
on 1 rollout sale 0% --reason back >/dev/null
all_serve sale false

step "the way back, from whichever host: what was in force then"
on 1 flags create back >/dev/null
on 1 rollout back 10% --reason ten >/dev/null
until_true "equal digests" all_equal
generation=$(api_status 2 | python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["generationText"])')
on 1 rollout back 50% --reason fifty >/dev/null
until_true "equal digests" all_equal
sleep 1.2 # generations are recorded some time after they are published
on 2 diff "$generation" | grep -q '"percentage"\|percentage' || fail "$(on 2 diff "$generation")"
on 2 rollback "$generation" --reason "back to ten" >"$work/answer"
until_true "host 3 has it" sh -c "FFSHM_DIR='$work/store3' '$bin/ffctl' flags get back | grep -q '\"percentage\":10'"
on 1 flags get sale >/dev/null || fail "the way back removed another flag"

step "who acts on an older version is told so, on whichever host"
code=0
FFSHM_DIR=$work/store3 curl -s --unix-socket "$work/store3/agent.sock" -o "$work/answer" \
    -w '%{http_code}' -X PATCH -H 'Content-Type: application/merge-patch+json' -H 'If-Match: "1"' \
    -d '{"enabled": false}' http://host/api/v1/flags/sale >"$work/code"
[ "$(cat "$work/code")" = 409 ] || fail "$(cat "$work/code" "$work/answer")"

step "a kill, and the end of it"
on 2 kill sale --reason "it burns" >"$work/answer"
grep -q '"fleet":"pending"' "$work/answer" || fail "$(cat "$work/answer")"
until_true "host 3 knows of it" sh -c "FFSHM_DIR='$work/store3' '$bin/ffctl' overrides | grep -q burns"
until_true "nothing waits" test "$(fleet 2 waitingKills)" = 0
on 3 revive sale >/dev/null
for host in 1 2 3; do
    until_true "host $host revived" sh -c "FFSHM_DIR='$work/store$host' '$bin/ffctl' overrides | grep -q '\"items\":\[\]'"
done

step "a token made on one host is good on another, and revoked on all"
token=$(on 1 tokens create --name ci --role editor --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
id=${token#ffs_}
id=${id%%_*}
whoami() {
    curl -s --unix-socket "$work/store$1/agent.sock" -H "Authorization: Bearer $token" \
        http://host/api/v1/whoami
}
until_true "host 3 knows the token" sh -c "curl -sf --unix-socket '$work/store3/agent.sock' -H 'Authorization: Bearer $token' http://host/api/v1/whoami"
whoami 3 | grep -q '"editor"' || fail "$(whoami 3)"
on 2 tokens revoke "$id" >/dev/null
until_true "host 1 refuses it" sh -c "! curl -sf --unix-socket '$work/store1/agent.sock' -H 'Authorization: Bearer $token' http://host/api/v1/whoami"

step "a schedule runs once"
on 3 schedule add sale --at "$(in_ms 1200)" --set default_variant=on \
    --reason "opening" >/dev/null
all_serve sale true
sleep 1
runs=$(on 1 audit --action schedule.run | grep -o '"action":"schedule.run"' | wc -l)
[ "$runs" = 1 ] || fail "the schedule ran $runs times"

step "the audit is the same everywhere"
until_true "equal digests" all_equal
for host in 1 2 3; do
    on "$host" audit verify | grep -q '"bad":null' || fail "the audit of host $host is not sound"
done
[ "$(on 1 audit verify)" = "$(on 3 audit verify)" ] || fail "two audits"

step "without Redis: everything is served, changes are refused with the reason, a kill works"
stop_redis
until_true "host 1 notices" test "$(fleet 1 state)" != connected
all_serve sale true
! on 1 rollout sale 10% --reason no >"$work/answer" 2>&1 || fail "a change was accepted"
grep -q "not with its fleet" "$work/answer" || fail "$(cat "$work/answer")"
on 2 kill sale --reason "alone" >/dev/null
until_true "host 2 serves the fallback" serves 2 sale false
serves 1 sale true || fail "host 1 heard of it"
[ "$(fleet 2 waitingKills)" = 1 ] || fail "the kill does not wait"

on 2 status --text | grep -q "^fleet *disconnected for .*1 kill not brought yet" || fail "$(on 2 status --text)"
step "a kill that nobody else has heard of can be taken back"
on 1 kill sale --reason "a mistake" >/dev/null
until_true "host 1 serves the fallback" serves 1 sale false
on 1 revive sale >/dev/null
until_true "host 1 serves it again" serves 1 sale true
! on 1 revive sale >"$work/answer" 2>&1 || fail "there was nothing to revive"

step "a host starts without Redis, from its replica, with its own kill"
end_host 2
start_host 2
until_true "host 2 serves the fallback" serves 2 sale false
until_true "host 2 has the definition" sh -c "FFSHM_DIR='$work/store2' '$bin/ffctl' flags get sale | grep -q version"

step "Redis comes back with what it had: the kill comes into the fleet"
start_fleet_redis
all_connected 1 2 3
all_serve sale false
until_true "equal digests" all_equal
on 1 audit --action flag.kill | grep -q "alone (on" || fail "the audit does not tell of the kill"
on 1 revive sale >/dev/null
all_serve sale true

step "Redis comes back with nothing: the hosts bring back what they have"
stop_redis
empty_redis
start_fleet_redis
all_connected 1 2 3
all_serve sale true
grep -q event=fleet-emptied "$work"/agent*.log || fail "nobody raised an alarm"
on 2 rollout sale 0% --reason "after it" >/dev/null
all_serve sale false
until_true "equal digests" all_equal

step "a host that has never been there reads all of it"
end_host 3
rm -rf "$work/state3" "$work/store3"
start_host 3
all_connected 3
all_serve sale false
until_true "equal digests" all_equal
on 3 audit verify | grep -q '"bad":null' || fail "the audit of the new host is not sound"
[ "$(on 1 audit verify)" = "$(on 3 audit verify)" ] || fail "two audits"

step "Redis has lost changes, and somebody went on without them: they are brought again"
on 1 flags create kept >/dev/null
on 1 flags create contested >/dev/null
until_true "equal digests" all_equal
end_host 3
redis BGREWRITEAOF >/dev/null
sleep 1
cp -r "$redis_directory" "$work/older"
on 1 rollout kept 100% --reason "made before the loss" >/dev/null
on 1 rollout contested 100% --reason "made before the loss" >/dev/null
kill -STOP "${agents[1]}" "${agents[2]}"
stop_redis
rm -rf "$redis_directory"
mv "$work/older" "$redis_directory"
start_fleet_redis
start_host 3
all_connected 3
on 3 rollout contested 30% --reason "made after the loss" >/dev/null
on 3 rollout sale 40% --reason "made after the loss" >/dev/null
kill -CONT "${agents[1]}" "${agents[2]}"
all_connected 1 2
all_serve kept true
until_true "equal digests" all_equal
on 2 flags get contested | grep -q '"version":2' || fail "the contested flag is not what host 3 made"
on 2 audit --action fleet.lost >"$work/answer"
grep -q "contested" "$work/answer" || fail "the audit does not tell what was lost"
on 2 audit --target kept | grep -q "again: Redis had lost it" || fail "the audit does not tell"
for host in 1 2 3; do
    on "$host" audit verify | grep -q '"bad":null' || fail "the audit of host $host is not sound"
done
[ "$(on 1 audit verify)" = "$(on 3 audit verify)" ] || fail "two audits"

step "another fleet's Redis changes nothing"
end_host 3
sed_epoch=$(redis HGET '{ffshm:default}:head' epoch)
redis HSET '{ffshm:default}:head' epoch 00000000000000000000000000000bad >/dev/null
start_host 3
until_true "host 3 says so" grep -q event=fleet-foreign "$work/agent3.log"
serves 3 kept true || fail "it serves something else"
redis HSET '{ffshm:default}:head' epoch "$sed_epoch" >/dev/null
all_connected 1 2 3

step "the user may do all that agents want"
! grep -hE "NOPERM|may not" "$work"/agent*.log || fail "the documented user lacks something"

step "all end well"
for host in 1 2 3; do
    end_host "$host"
done
