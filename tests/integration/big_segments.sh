#!/usr/bin/env bash
# ctest: merge timeout=180
# Big segments: a real agent asks a real Redis, as LaunchDarkly's Relay Proxy fills it. What is not
# known at first sight is known soon, or at once where the program waits; changes are seen after the
# cache time; a store that is down, stale, refused or slow is told as such, and comes back.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/redis.bash
. "$FFSHM_SOURCE_DIR/tests/support/redis.bash"

probe=$FFSHM_BUILD_DIR/tests/big_segments_probe
file=$work/flags.json
cat >"$file" <<'JSON'
{"flags": {
    "in-big": {"key": "in-big", "version": 1, "on": true, "variations": [false, true],
        "rules": [{"variation": 1, "clauses": [{"op": "segmentMatch", "values": ["big"]}]}],
        "fallthrough": {"variation": 0}},
    "in-rules": {"key": "in-rules", "version": 1, "on": true, "variations": [false, true],
        "rules": [{"variation": 1, "clauses": [{"op": "segmentMatch", "values": ["rules"]}]}],
        "fallthrough": {"variation": 0}}},
 "segments": {
    "big": {"key": "big", "version": 1, "unbounded": true, "generation": 3},
    "rules": {"key": "rules", "version": 1, "unbounded": true, "generation": 1,
        "rules": [{"clauses": [{"attribute": "key", "op": "in", "values": ["ann", "bob"]}]}]}}}
JSON

# hash_of KEY: as LaunchDarkly names a context in the store.
hash_of() {
    printf %s "$1" | openssl dgst -sha256 -binary | base64
}

include() {
    redis sadd "$prefix:big_segment_include:$(hash_of "$1")" "$2" >/dev/null
}

exclude() {
    redis sadd "$prefix:big_segment_exclude:$(hash_of "$1")" "$2" >/dev/null
}

forget() {
    redis del "$prefix:big_segment_include:$(hash_of "$1")" \
        "$prefix:big_segment_exclude:$(hash_of "$1")" >/dev/null
}

synchronized() {
    redis set "$prefix:big_segments_synchronized_on" "$1" >/dev/null
}

now() {
    date +%s%3N
}

# says FLAG KEY WORDS [WAIT_MS]: one evaluation.
says() {
    local got
    got=$("$probe" "$store" evaluate "$1" "$2" "${4:-0}")
    [ "$got" = "$3" ] || fail "$1 for $2 is '$got', not '$3'"
}

# soon FLAG KEY WORDS
soon() {
    "$probe" "$store" await "$1" "$2" "$3" $patience_ms || fail "$1 for $2 does not become '$3'"
}

await_status() {
    "$probe" "$store" status $patience_ms "$1" >/dev/null ||
        fail "the status is '$("$probe" "$store" status)', not '$1'"
}

# api NAME: a member of bigSegments in the agent's own status.
api() {
    curl -sS --unix-socket "$store/agent.sock" http://agent/api/v1/status |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["bigSegments"][sys.argv[1]])' "$1"
}

start_big() {
    start_agent --flags "$file" --state none --big-segments-store "$redis_url" "$@"
    await_log 'event=(published|unchanged)'
}

step "hashes are LaunchDarkly's"
[ "$(hash_of user-key)" = "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=" ] || fail "a hash"
[ "$(hash_of user3)" = "WGD68CtrxiIrpaylI1YPDjZMzYtnvuSG/ov3wB1JLMs=" ] || fail "a hash"

step "without a store nobody is in a big segment"
start_agent --flags "$file" --state none
await_log event=published
says in-big ann "false NOT_CONFIGURED"
says in-rules ann "true NOT_CONFIGURED"
await_status "- - -"
[ ! -e "$store/memberships" ] || fail "there is a file of memberships"
stop_agent

step "what is not known at first sight is known soon"
start_redis --maxclients 500
prefix=launchdarkly
synchronized "$(now)"
include ann big.g3
include past big.g2
include both big.g3
exclude both big.g3
exclude bob rules.g1
start_big --big-segments-cache-ms 2000 --big-segments-status-poll-ms 100
await_status "configured available -"
says in-big ann "false STORE_ERROR"
says in-rules bob "true STORE_ERROR"
soon in-big ann "true HEALTHY"
soon in-big past "false HEALTHY"
soon in-big both "true HEALTHY"
soon in-rules bob "false HEALTHY"
soon in-rules ann "true HEALTHY"
soon in-big nobody "false HEALTHY"

step "who waits knows at first sight"
include eve big.g3
says in-big eve "true HEALTHY" 10000
says in-big frank "false HEALTHY" 10000
[ "$("$probe" "$store" crowd in-big nobody-of-a-crowd 10000 20)" = 0 ] || fail "a crowd"
include member-of-a-crowd big.g3
before=$(api queries)
[ "$("$probe" "$store" crowd in-big member-of-a-crowd 10000 32)" = 32 ] || fail "a crowd"
[ $(($(api queries) - before)) = 1 ] || fail "a crowd that asks for one is more than one query"
says in-big "$(printf 'x%.0s' {1..3000})" "false HEALTHY" 10000

step "a change is seen after the cache time, also by who evaluates all the time"
"$probe" "$store" evaluate in-big ann 0 400 20 >"$work/evaluations" &
evaluating=$!
sleep 1
forget ann
wait $evaluating
sort "$work/evaluations" | uniq -c
# (true HEALTHY, and at most in the middle of a restarted query STALE) then false: never an error
! grep -q STORE_ERROR "$work/evaluations" || fail "what is in use is not asked for again in time"
[ "$(tail -n 1 "$work/evaluations")" = "false HEALTHY" ] || fail "a change is not seen"
include frank big.g3
sleep 2.2
says in-big frank "true HEALTHY" 10000

step "the store's age is told"
synchronized 1000
await_status "configured available stale"
says in-big frank "true STALE" 10000
redis del "$prefix:big_segments_synchronized_on" >/dev/null
sleep 0.3
await_status "configured available stale"
synchronized "$(now)"
await_status "configured available -"
await_log event=big-segments-stale
await_log event=big-segments-available 2

step "a store that is gone: STORE_ERROR, and what is known stays for its time"
says in-big grace "false HEALTHY" 10000
stop_redis
await_status "configured - -"
says in-big heidi "false STORE_ERROR" 10000
says in-rules ann "true STORE_ERROR" 10000
await_log event=big-segments-unavailable
[ "$(api status)" = UNAVAILABLE ] || fail "the agent does not know"
sleep 2.5
says in-big grace "false STORE_ERROR"
start_redis --maxclients 500
synchronized "$(now)"
await_status "configured available -"
says in-big frank "true HEALTHY" 10000
soon in-big heidi "false HEALTHY"

step "a membership that the store refuses to tell"
redis set "$prefix:big_segment_include:$(hash_of ivan)" "no set" >/dev/null
says in-big ivan "false STORE_ERROR" 10000
await_log event=big-segments-failing
forget ivan
says in-big ivan "false HEALTHY" 10000
await_log event=big-segments-answer
await_status "configured available -"

step "a store that hangs does not keep who waits longer than it wants"
kill -STOP "$redis_pid"
start=$(now)
says in-big judy "false STORE_ERROR" 300
[ $(($(now) - start)) -lt 5000 ] || fail "a wait of 300 ms took $(($(now) - start)) ms"
kill -CONT "$redis_pid"
await_status "configured available -"
says in-big judy "false HEALTHY" 10000

step "an agent that is killed: its memberships stay, and its successor goes on with them"
says in-big frank "true HEALTHY" 10000
kill_agent
says in-big frank "true HEALTHY"
await_status "configured - -"
start_big --big-segments-cache-ms 2000 --big-segments-status-poll-ms 100
await_log 'event=big-segments .*adopted_contexts=[1-9]'
soon in-big frank "true HEALTHY"
stop_agent

step "more contexts than are kept, and another prefix"
prefix=other
synchronized "$(now)"
include k0 big.g3
start_big --big-segments-cache-size 50 --big-segments-prefix other
says in-big k0 "true HEALTHY" 10000
"$probe" "$store" await-many in-big k 50 $patience_ms
for i in $(seq 0 99); do
    says in-big "other-$i" "false HEALTHY" 10000
done
[ "$(api contexts)" = 50 ] || fail "$(api contexts) contexts are kept"
[ "$(api evictions)" -ge 50 ] || fail "nobody had to go"
stop_agent

step "ffctl tells what was known"
start_big --big-segments-prefix other
await_status "configured available -"
"$bin/ffctl" explain --dir "$store" in-big --key k0 --text >"$work/explained"
grep -q 'membership (HEALTHY): included' "$work/explained" || fail "explain: $(cat "$work/explained")"
"$bin/ffctl" explain --dir "$store" in-big --key k0 --json |
    python3 -c 'import json, sys
steps = json.load(sys.stdin)["steps"]
big = [s for s in steps if s["step"] == "bigSegment"]
assert big and big[0]["matched"] and big[0]["status"] == "HEALTHY", steps'
"$bin/ffctl" status --dir "$store" --text >"$work/status"
grep -q '^big segments *available, up to date' "$work/status" || fail "status: $(cat "$work/status")"
"$bin/ffctl" status --dir "$store" --json |
    python3 -c 'import json, sys
big = json.load(sys.stdin)["big_segments"]
assert big["available"] and not big["stale"] and big["contexts"] >= 1, big'
stop_agent
[ -e "$store/memberships" ] || fail "what was known is gone"
start_agent --flags "$file" --state none
await_log 'event=(published|unchanged)'
[ ! -e "$store/memberships" ] || fail "it is still there"
says in-big k0 "false NOT_CONFIGURED"
stop_agent
echo "big segments are looked up"
