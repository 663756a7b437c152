#!/usr/bin/env bash
# ctest: quick timeout=90
# A token with limits sees and makes what it is for: also in lists, in what was, and for tomorrow.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

onoff='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}], "default_variant": "on"'

lacks() {
    ! grep -qF -- "$1" "$out" || fail "the answer has $1"
}

# own METHOD PATH BODY: with the token that is limited to the tag "shop".
own() {
    send "$1" "$2" "$3" -H "Authorization: Bearer $token"
}

start_agent --state "$work/state/agent.db"
await_socket
send POST /tokens '{"name": "shop", "role": "editor", "limits": {"tags": ["shop"]}}'
answered 201
token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
send PUT /flags/mine "{$onoff, \"tags\": [\"shop\"]}"
send PUT /flags/theirs "{$onoff, \"tags\": [\"bank\"]}"
answered 201

step "of kill switches it sees those of its flags"
send POST /flags/mine/kill '{"comment": "ours"}'
send POST /flags/theirs/kill '{"comment": "a secret"}'
answered 200
own GET /overrides ''
answered 200 '"flag":"mine"'
lacks theirs
api /overrides
answered 200 '"flag":"mine"' '"flag":"theirs"'

step "what it may not make today, it may not make for tomorrow"
at='"at": "2999-01-01T00:00:00Z"'
own POST /flags/mine/schedule "{$at, \"set\": {\"tags\": [\"bank\"]}}"
answered 403
own POST /flags/mine/schedule "{$at, \"set\": {\"tags\": null}}"
answered 403
own PATCH /flags/mine "{\"schedule\": [{$at, \"set\": {\"tags\": [\"bank\"]}}]}"
answered 403
own PUT /flags/mine "{$onoff, \"tags\": [\"shop\"], \"schedule\": [{$at, \"set\": {\"tags\": [\"bank\"]}}]}"
answered 403
own POST /import "{\"flags\": {\"mine\": {$onoff, \"tags\": [\"shop\"], \"schedule\": [{$at, \"set\": {\"tags\": []}}]}}}"
answered 403
own POST /flags/mine/schedule "{$at, \"set\": {\"enabled\": false, \"tags\": [\"shop\", \"more\"]}}"
answered 201
api /schedules
lacks bank

step "of what a flag was, it sees what was its own"
send PUT /flags/handed "{$onoff, \"tags\": [\"bank\"], \"description\": \"a secret\"}" -H 'X-Reason: a secret, too'
answered 201
from=$(sed -n 's/.*"generationText":"\([^"]*\)".*/\1/p' "$out")
send PUT /flags/handed "{$onoff, \"tags\": [\"shop\"]}"
answered 200
to=$(sed -n 's/.*"generationText":"\([^"]*\)".*/\1/p' "$out")
own GET /flags/handed/history ''
answered 200 '"version":2' '"version":1' '"hidden":true'
lacks secret
own GET "/snapshots/$from/diff/$to" ''
answered 200 '"items":[]'
api "/snapshots/$from/diff/$to"
answered 200 '"key":"handed"'

step "the trail has whole definitions, of whatever flag: it is not for a token with limits"
own GET /audit ''
answered 403 '"code":"beyond_limits"'
own GET '/audit?format=ndjson' ''
answered 403
own GET /audit/verify ''
answered 200 '"bad":null'
