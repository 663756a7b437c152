#!/usr/bin/env bash
# ctest: quick timeout=60
# Kill switches and the audit trail over the HTTP API of a running agent.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.json
state=$work/state/agent.db
everything >"$file"

# post PATH BODY CURL_OPTION...
post() {
    api "$1" -X POST -H 'Content-Type: application/json' -d "$2" "${@:3}"
}

start() {
    start_agent --flags "$file" "$@"
    await_socket
    await_log 'event=(published|unchanged)'
}

start --state "$state"

step "nothing yet"
api /overrides
answered 200 '{"items":[]}'
api '/audit?action=flag.kill'
answered 200 '{"items":[],"next":null}'
api /audit/verify
answered 200 '"bad":null'

step "what cannot be is refused, and changes nothing"
post /flags/gate/kill '{}'
answered 422 '"code":"reason_required"' 'X-Reason'
post /flags/gate/kill '{"comment": " "}'
answered 422 '"code":"reason_required"'
post /flags/gate/kill '{"comment": "r", "expiresMs": 1}'
answered 422 '"member":"expiresMs"' 'a time to come'
post /flags/gate/kill '{"comment": "r", "expiresMs": "soon"}'
answered 422 '"member":"expiresMs"'
post /flags/gate/kill '{"comment": "r", "variant": "blue"}'
answered 422 '"code":"unknown_variant"' 'no variant \"blue\"'
post /flags/gate/kill '{"comment": "r", "variant": 1}'
answered 422 '"member":"variant"' 'must be a string'
post /flags/gate/kill '{"comment": "r", "varient": "1"}'
answered 422 'did you mean variant?'
post /flags/gate/kill '{"comment": "r"}' -H 'If-Match: "1"'
answered 409 'it is not there'
post /flags/gate/revive '{}'
answered 404 '"code":"not_overridden"'
api /flags/gate/kill
answered 405 'it understands'
serves gate true FALLTHROUGH
api '/audit?target=gate'
answered 200 '{"items":[],"next":null}'

step "a dry run tells what would be, and nothing is"
post '/flags/gate/kill?dryRun=true' '{"comment": "wrong prices"}'
answered 200 '"dryRun":true' '"changed":true' '"kind":"kill"' '"affected":{"flags":2,"keys":["gate","shop"]}'
digest=$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' "$out")
serves gate true FALLTHROUGH

step "when it is answered every process serves it; the trail says who and why"
post /flags/gate/kill '{"comment": "wrong prices"}' -D "$work/head"
answered 200 '"changed":true' '"reason":"wrong prices"' '"expiresMs":null'
etag=$(sed -n 's/^etag: *\(.*\)\r$/\1/Ip' "$work/head")
serves gate false OFF
api /status
answered 200 '"digest":'
api /overrides
answered 200 '"flag":"gate"' '"exists":true' '"kind":"kill"'
api /audit
answered 200 '"action":"flag.kill"' '"target":"gate"' '"reason":"wrong prices"' \
    "\"authenticated\":\"unix uid $(id -u)" '"before":null' '"after":{"kind":"kill"'
[ ${#digest} = 32 ] || fail "the dry run told no digest"

step "the same again: nobody would see a difference in values, but by whom and why"
post /flags/gate/kill '{"comment": "wrong taxes"}' -H 'If-Match: "1"'
answered 409 '"code":"conflict"'
post /flags/gate/kill '{"comment": "wrong taxes"}' -H "If-Match: $etag"
answered 200 '"reason":"wrong taxes"'
post /flags/gate/revive '{}' -H "If-Match: $etag"
answered 409 '"code":"conflict"'

step "it outlives the agent: killed, without an API, and with definitions that come later"
kill_agent
start_agent --flags "$file" --state "$state" --admin no
await_log 'event=overridden flags=1'
await_log 'event=(published|unchanged)'
serves gate false OFF
stop_agent
start --state "$state"
serves gate false OFF
api /overrides
answered 200 '"reason":"wrong taxes"'

step "only editors may, and only what their token is for"
limited() {
    api /tokens -H 'Content-Type: application/json' -d "$1"
    answered 201
    token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
}
limited '{"name": "eyes", "role": "viewer"}'
post /flags/gate/revive '{}' -H "Authorization: Bearer $token"
answered 403
api /audit -H "Authorization: Bearer $token"
answered 200 '"action":"token.create"'
api /audit/verify -H "Authorization: Bearer $token"
answered 200 '"bad":null'
limited '{"name": "hands", "role": "editor", "limits": {"prefixes": ["shop"]}}'
post /flags/gate/revive '{}' -H "Authorization: Bearer $token"
answered 403
post /flags/shop/kill '{"comment": "launch", "variant": "1"}' -H "Authorization: Bearer $token"
answered 200 '"kind":"pin"' '"setBy":"hands"'
serves shop '"green"' FALLTHROUGH

step "an end that comes by itself, told as the agent's own"
post /flags/shop/kill "{\"comment\": \"a moment\", \"expiresMs\": $(($(date +%s%3N) + 700))}"
answered 200
serves shop '"red"' OFF
await_log 'event=override-changed action=override.expire flag=shop actor=ffagent'
serves shop '"red"' PREREQUISITE_FAILED # gate is killed
api '/audit?action=override.expire'
answered 200 '"actor":"ffagent"' '"target":"shop"' '"after":null'

step "what ended while no agent ran is not in force again, and the trail is told"
post /flags/number/kill "{\"comment\": \"a moment\", \"expiresMs\": $(($(date +%s%3N) + 2000))}"
answered 200
kill_agent
sleep 2.1
start --state "$state"
await_log 'event=override-changed action=override.expire flag=number'
api /overrides
answered 200 '"flag":"gate"'
! grep -q '"flag":"number"' "$out" || fail "an override that has ended is in force"
api '/audit?action=override.expire&target=number'
answered 200 '"actor":"ffagent"' '"before":{"kind":"kill"' '"after":null'

step "revived, it is the definition again, and the digest that was before"
post /flags/gate/revive '{"comment": "right again"}'
answered 200 '"override":null'
serves gate true FALLTHROUGH
serves shop '{"b":[1,2.5]}' TARGET_MATCH
api '/audit?limit=2'
answered 200 '"reason":"right again"' '"next":'
api '/audit?target=shop&limit=1000'
answered 200 '"next":null'
api /audit/verify
answered 200 '"bad":null'
stop_agent

step "without a state file there is nothing to keep it in"
start --state none
post /flags/gate/kill '{"comment": "r"}'
answered 503 '"code":"no_storage"' 'setting state'
serves gate true FALLTHROUGH
stop_agent

step "a change that cannot be kept is not made"
start --state "$file/agent.db"
post /flags/gate/kill '{"comment": "r"}'
answered 503 '"code":"storage_failed"' 'nothing was changed' 'is not a directory'
serves gate true FALLTHROUGH
api /overrides
answered 200 '{"items":[]}'
