#!/usr/bin/env bash
# ctest: quick timeout=90
# Dated changes of flags: written, listed, cancelled, made once, also when no agent ran.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

state=$work/state/agent.db
onoff='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}], "default_variant": "on", "fallback_variant": "off"'

# in_ms MS: that time from now, as the API takes it.
in_ms() {
    local at=$(($(date +%s%3N) + $1))
    date -u -d "@$((at / 1000)).$(printf %03d $((at % 1000)))" +%Y-%m-%dT%H:%M:%S.%3NZ
}

lacks() {
    ! grep -qF -- "$1" "$out" || fail "the answer has $1"
}

# await_served FLAG JSON
await_served() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        if "$bin/ffctl" eval "$1" --key vip --json 2>/dev/null | grep -q "\"value\":$2,"; then
            return
        fi
        sleep 0.05
    done
    fail "$1 is not served as $2"
}

start_agent --state "$state"
await_socket
send PUT /flags/sale "{$onoff}"
answered 201

step "what is wrong is refused with its place"
send POST /flags/sale/schedule '{"at": "tomorrow", "set": {"enabled": false}}'
answered 422 '"member":"at"' 'is not a date'
send POST /flags/sale/schedule '{"at": "2001-01-01T00:00:00Z", "set": {"enabled": false}}'
answered 422 '"member":"at"' 'not in the future'
send POST /flags/sale/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"enabld": false}}'
answered 422 '"member":"set.enabld"' 'did you mean enabled?'
send POST /flags/sale/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"default_variant": "blue"}}'
answered 422 '"member":"set.default_variant"' 'no variant \"blue\"'
send POST /flags/sale/schedule '{"at": "2999-01-01T00:00:00Z"}'
answered 422 '"member":"set"'
send POST /flags/nowhere/schedule '{"at": "2999-01-01T00:00:00Z", "set": {}}'
answered 404
send DELETE /flags/sale/schedule/7 ''
answered 404 'no scheduled change 7'
send DELETE /flags/sale/schedule/x ''
answered 404
api /schedules
answered 200 '{"items":[],"next":null}'

step "written one by one, told as a part of the definition, cancelled"
send POST '/flags/sale/schedule?dryRun=true' '{"at": "2999-01-01T00:00:00Z", "set": {"enabled": false}}'
answered 200 '"dryRun":true'
send POST /flags/sale/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"enabled": false}, "comment": "over"}'
answered 201 '"number":1'
before=$etag
send POST /flags/sale/schedule '{"at": "2999-01-02T01:00:00+01:00", "set": {"enabled": true}}' -H 'If-Match: "1"'
answered 409 '"code":"conflict"'
send POST /flags/sale/schedule '{"at": "2999-01-02T01:00:00+01:00", "set": {"enabled": true}}' -H "If-Match: $before"
answered 201 '"number":2'
api /flags/sale
answered 200 '"schedule":[{"at":"2999-01-01T00:00:00Z","set":{"enabled":false}},{"at":"2999-01-02T00:00:00Z","set":{"enabled":true}}]'
api /flags/sale/schedule
answered 200 '"number":1' '"reason":"over"' '"state":"pending"'
send DELETE '/flags/sale/schedule/2?dryRun=true' ''
answered 200 '"state":"pending"'
send DELETE /flags/sale/schedule/2 '{"comment": "never mind"}'
answered 200 '"state":"cancelled"'
send DELETE /flags/sale/schedule/2 ''
answered 409 '"code":"not_pending"'
api '/audit?action=schedule.cancel'
answered 200 '"target":"sale"' '"before":{"schedule":2}' '"reason":"never mind"'

step "written with the definition: what is in both stays, the rest goes or comes"
send PUT /flags/sale "{$onoff, \"schedule\": [{\"at\": \"2999-01-01T00:00:00Z\", \"set\": {\"enabled\": false}}, {\"at\": \"2999-02-01T00:00:00Z\", \"set\": {\"enabled\": true}}]}"
answered 200
api /schedules
answered 200 '"number":1' '"number":3'
api '/audit?target=sale&limit=1'
answered 200 '"schedule":[{"at":"2999-01-01T00:00:00Z","set":{"enabled":false}}]},"after":{' '"at":"2999-02-01T00:00:00Z"'
send PUT '/flags/sale?dryRun=true' "{$onoff}"
answered 200 '"diff":[{"path":"/schedule","before":['
send POST '/flags/sale/archive?dryRun=true' ''
answered 200 '"diff":[{"path":"/schedule","before":['
send PATCH /flags/sale '{"default_variant": "off", "variants": [{"key": "off", "value": false}]}'
answered 200 '"version":3'
send PATCH /flags/sale '{"default_variant": "on", "variants": [{"key": "on", "value": true}, {"key": "off", "value": false}]}'
answered 200
send PATCH /flags/sale '{"schedule": null}'
answered 200
api /schedules
answered 200 '{"items":[],"next":null}'
api /flags/sale/schedule
answered 200 '"state":"cancelled"'

step "made at its time, once, as its author's"
send POST /flags/sale/schedule "{\"at\": \"$(in_ms 2500)\", \"set\": {\"enabled\": false}, \"comment\": \"sold out\"}"
answered 201
serves sale true FALLTHROUGH
await_served sale false
serves sale false OFF
api '/audit?action=schedule.run'
answered 200 '"target":"sale"' '"reason":"scheduled for ' ': sold out"' '"after":{"version":'
python3 -c 'import json, sys
entry = json.load(open(sys.argv[1]))["items"][0]
assert entry["before"]["schedule"] and "schedule" not in entry["after"], entry' "$out" || fail "what is done is told as still to come"
api /flags/sale/schedule
answered 200 '"state":"done"'
api /flags/sale
answered 200 '"enabled":false'

step "due while no agent ran: made at the start, once, and it says so"
send POST /flags/sale/schedule "{\"at\": \"$(in_ms 600)\", \"set\": {\"enabled\": true}}"
answered 201
send POST /flags/sale/schedule "{\"at\": \"$(in_ms 800)\", \"set\": {\"default_variant\": \"off\"}}"
answered 201
kill_agent
serves sale false OFF
sleep 2.5 # late enough to be worth a word
for _ in first second; do
    start_agent --state "$state"
    await_socket
    await_log 'event=(published|unchanged)'
    serves sale false FALLTHROUGH
    api '/audit?action=schedule.run&limit=1000'
    [ "$(grep -o '"action":"schedule.run"' "$out" | wc -l)" = 3 ] || fail "they did not run once each"
    says 's late: no agent ran then'
    kill_agent
done

step "one that cannot be made any more has failed, and is no obstacle"
start_agent --state "$state"
await_socket
send PUT /flags/other "{$onoff}"
send POST /flags/sale/schedule "{\"at\": \"$(in_ms 3000)\", \"set\": {\"prerequisites\": [{\"flag\": \"other\", \"variant\": \"on\"}]}}"
answered 201
send POST /flags/sale/schedule "{\"at\": \"$(in_ms 3300)\", \"set\": {\"default_variant\": \"on\"}}"
answered 201
send DELETE /flags/other ''
answered 200
await_served sale true
api /flags/sale/schedule
answered 200 '"state":"failed"' 'there is no flag \"other\"'
api '/audit?action=schedule.fail'
answered 200 '"target":"sale"'
send POST /flags/sale/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"enabled": false}}'
answered 201
send POST /flags/sale/archive ''
answered 200
api /schedules
answered 200 '{"items":[],"next":null}'
api /audit/verify
answered 200 '"bad":null'

step "a rollback that a dated change stands against says whose it is"
send PUT /flags/back "{$onoff}"
answered 201
then=$(sed -n 's/.*"generationText":"\([^"]*\)".*/\1/p' "$out")
send PATCH /flags/back '{"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}, {"key": "third", "value": true}]}'
answered 200
send POST /flags/back/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"default_variant": "third"}}'
answered 201
send POST "/snapshots/$then/rollback" '{"comment": "why"}'
answered 422 '"member":"flags.back.schedule[0].set.default_variant"'
stop_agent

step "a source that has said nothing yet at the start makes none of them fail"
everything >"$work/flags.json"
start_agent --state "$state" --flags "$work/flags.json"
await_socket
await_log 'event=(published|unchanged)'
send PUT /flags/needs "{$onoff}"
answered 201
rules='"targeting_rules": [{"conditions": [{"operator": "in_segment", "value": "payers"}], "variant": "off"}]'
send POST /flags/needs/schedule "{\"at\": \"$(in_ms 3000)\", \"set\": {$rules, \"enabled\": false}}"
answered 201
kill_agent
echo '{' >"$work/flags.json"
sleep 3.2
start_agent --state "$state" --flags "$work/flags.json"
await_socket
await_log 'event=load-failed'
await_served needs false
api /flags/needs/schedule
answered 200 '"state":"done"'
lacks '"state":"failed"'

step "one that cannot be read holds up no other flag's, nor the start of them"
for flag in broken other; do
    send PUT "/flags/$flag" "{$onoff}"
    answered 201
done
send POST /flags/broken/schedule "{\"at\": \"$(in_ms 3000)\", \"set\": {\"enabled\": false}}"
answered 201
send POST /flags/needs/schedule "{\"at\": \"$(in_ms 3100)\", \"set\": {\"enabled\": true, \"targeting_rules\": null}}"
answered 201
stop_agent
python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as state:
    state.execute("UPDATE definition_version SET text = text || ? WHERE key = ?", (" ", "broken"))' "$state"
everything >"$work/flags.json"
sleep 3.2
start_agent --state "$state" --flags "$work/flags.json"
await_socket
await_served needs true
await_log 'event=schedule-failed flag=broken'
await_log 'event=definition-ignored key=broken'
serves other true FALLTHROUGH
stop_agent
