#!/usr/bin/env bash
# ctest: quick timeout=90
# Flags and segments over the HTTP API of a running agent: written, read, archived, deleted, kept.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.json
state=$work/state/agent.db
everything >"$file"

variants='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}]'
onoff="$variants, \"default_variant\": \"on\""

# has TEXT...: in the last answer; lacks TEXT: not in it.
lacks() {
    ! grep -qF -- "$1" "$out" || fail "the answer has $1"
}

step "no source but operators: it serves nothing yet, and says so"
start_agent --state "$state"
await_socket
await_log 'event=published'
api /ready
answered 200
api /flags
answered 200 '{"items":[],"next":null}'
api /flags/new
answered 404 '"code":"not_found"' 'there is no flag \"new\"'

step "made, and served by the time that it is answered"
send PUT /flags/new "{$onoff, \"tags\": [\"shop\"]}" -H 'If-None-Match: *'
answered 201 '"version":1' '"created":true' '"affected":{"flags":1,"keys":["new"]}' '"changed":true'
[ "$etag" = '"1"' ] || fail "the entity tag is $etag"
serves new true FALLTHROUGH
says '"version":1'
send PUT /flags/new "{$onoff}" -H 'If-None-Match: *'
answered 409 '"code":"exists"'
send PUT /flags/new "{$onoff}" -H 'If-None-Match: "1"'
answered 400 '"code":"invalid_if_none_match"'

step "read, and not sent again to whom has it"
api /flags/new
answered 200 '"source":"admin"' '"definition":{"variants":' '"changedBy":' '"override":null' '"model":{'
api /flags/new -H 'If-None-Match: "1"'
[ "$status" = 304 ] || fail "the status is $status"
api '/flags?tag=shop'
answered 200 '"key":"new"' '"enabled":true' '"variants":["on","off"]'
api '/flags?tag=other'
answered 200 '{"items":[],"next":null}'
api '/flags?archived=perhaps'
answered 400 '"member":"archived"'

step "what is wrong is refused with its place, and changes nothing"
send PUT /flags/new "{$variants, \"default_variant\": \"onn\"}"
answered 422 '"code":"invalid_definition"' '"member":"default_variant"' '"line":1' 'no variant \"onn\"'
send PUT /flags/new "{$onoff, \"fallbak_variant\": \"on\"}"
answered 422 'did you mean fallback_variant?'
send PUT /flags/new "{$onoff, \"prerequisites\": [{\"flag\": \"nowhere\", \"variant\": \"on\"}]}"
answered 422 '"member":"prerequisites[0].flag"' 'there is no flag \"nowhere\"'
send PUT /flags/new "{$onoff, \"targeting_rules\": [{\"conditions\": [{\"operator\": \"in_segment\", \"value\": \"nobody\"}], \"variant\": \"on\"}]}"
answered 422 '"member":"targeting_rules[0].conditions[0].value"' 'there is no segment \"nobody\"'
send PUT /flags/new "{$onoff, \"schedule\": [{\"at\": \"soon\", \"set\": {}}]}"
answered 422 '"member":"schedule[0].at"'
send PUT /flags/new "{$onoff, \"schedule\": {}}"
answered 422 '"member":"schedule"'
send PUT "/flags/$(printf 'x%.0s' {1..257})" "{$onoff}"
answered 422 '"code":"invalid_key"'
send POST /flags/new/copy '{"to": "a\nb"}'
answered 422 '"code":"invalid_key"' 'control character'
send PATCH /flags/nowhere '{}'
answered 404
send PUT /flags/new ''
answered 400 '"code":"body_required"'
api /flags/new
answered 200 '"version":1'

step "a dry run tells the difference, and makes none"
send PATCH '/flags/new?dryRun=true' '{"enabled": false}'
answered 200 '"diff":[{"path":"/enabled","after":false}]' '"dryRun":true' '"version":2'
serves new true FALLTHROUGH

step "patched, with the version that is meant"
send PATCH /flags/new '{"enabled": false, "fallback_variant": "off", "comment": "not yet"}' -H 'If-Match: "7"'
answered 409 '"code":"conflict"'
send PATCH /flags/new '{"enabled": false, "fallback_variant": "off", "comment": "not yet"}' -H 'If-Match: "1"'
answered 200 '"version":2' '"diff":[{"path":"/enabled","after":false},{"path":"/fallback_variant","after":"off"}]'
serves new false OFF
send PATCH /flags/new '{"enabled": false}'
answered 200 '"version":2' '"changed":false' '"diff":[]'
send POST /flags/new/enable ''
answered 200 '"version":3'
serves new true FALLTHROUGH
send PATCH /flags/new '{"description": "what programs tell is the version that is kept"}'
answered 200 '"version":4'
serves new true FALLTHROUGH
says '"version":4'
send POST /flags/new/enable '{"enabled": true}'
answered 422 '"code":"unknown_member"'

step "what others need is not taken from them"
send PUT /flags/dep "{$onoff, \"fallback_variant\": \"off\", \"prerequisites\": [{\"flag\": \"new\", \"variant\": \"on\"}]}"
answered 201
send DELETE /flags/new ''
answered 409 '"code":"in_use"' 'needed by flag \"dep\"'
send POST /flags/new/archive ''
answered 409 '"code":"in_use"'
send PATCH /flags/new '{"variants": [{"key": "yes", "value": true}, {"key": "off", "value": false}], "default_variant": "yes"}'
answered 409 '"code":"in_use"' 'variant \"on\" is needed by flag \"dep\"'
send PATCH /flags/new '{"prerequisites": [{"flag": "dep", "variant": "on"}]}'
answered 422 'prerequisites form a circle: new -> dep -> new'
send PATCH /flags/new '{"variants": [{"key": "off", "value": false}, {"key": "on", "value": true}]}'
answered 200 '"affected":{"flags":2,"keys":["new","dep"]}'
serves dep true FALLTHROUGH

step "segments"
send PUT /segments/crew '{"included": ["vip"]}'
answered 201 '"affected":{"flags":0,"keys":[]}'
send PUT /flags/crewed "{$variants, \"default_variant\": \"off\", \"targeting_rules\": [{\"conditions\": [{\"operator\": \"in_segment\", \"value\": \"crew\"}], \"variant\": \"on\"}]}"
answered 201
serves crewed true RULE_MATCH
send PATCH /segments/crew '{"included": []}'
answered 200 '"affected":{"flags":1,"keys":["crewed"]}'
serves crewed false FALLTHROUGH
send DELETE /segments/crew ''
answered 409 '"code":"in_use"' 'needed by flag \"crewed\"'
api /segments
answered 200 '"key":"crew"'
api /segments/crew/history
answered 200 '"version":2' '"version":1'

step "archived, copied, deleted; the history stays"
send POST /flags/dep/copy '{"to": "dep2"}'
answered 201 '"key":"dep2"'
serves dep2 true FALLTHROUGH
send POST /flags/dep/copy '{"to": "dep2"}'
answered 409 '"code":"exists"'
send DELETE /flags/dep2 ''
answered 200 '"deleted":true'
ctl 1 eval dep2 --key vip --json
send POST /flags/dep/archive '{"comment": "done"}'
answered 200 '"archived":true' '"version":2'
ctl 1 eval dep --key vip --json
api /flags
lacks '"key":"dep"'
for change in enable disable; do
    send POST "/flags/dep/$change" ''
    answered 409 '"code":"archived"' 'restore it first'
done
send PATCH /flags/dep '{"enabled": true}'
answered 409 '"code":"archived"'
api '/flags?archived=true&prefix=de'
answered 200 '"key":"dep"' '"archived":true'
api /flags/dep
answered 200 '"archived":true' '"model":null'
send POST /flags/dep/restore ''
answered 200 '"version":3'
serves dep true FALLTHROUGH
api '/flags/dep/history?limit=2'
answered 200 '"version":3' '"came":"archived"' '"reason":"done"' '"next":2'
api '/flags/dep/history?limit=2&before=2'
answered 200 '"version":1' '"next":null'
send PUT /flags/dep2 "{$onoff}"
answered 201 '"version":3'
api /flags/dep2/history
answered 200 '"came":"deleted"'

step "a history of large definitions comes in smaller pages"
for n in 1 2 3; do
    {
        printf '{%s, "description": "%s' "$onoff" $n
        head -c 1500000 /dev/zero | tr '\0' x
        printf '"}'
    } >"$work/large.json"
    api /flags/large -X PUT -H 'Content-Type: application/json' --data-binary "@$work/large.json"
    [ "$status" -lt 300 ] || fail "the status is $status"
done
api /flags/large/history
answered 200 '"version":3' '"version":2' '"next":2'
lacks '"version":1,'
api '/flags/large/history?before=2'
answered 200 '"version":1,' '"next":null'
send DELETE /flags/large ''
answered 200

step "all of it is there after kill -9, before anything else is published"
send POST /flags/new/kill '{"comment": "stop"}'
answered 200
kill_agent
start_agent --state "$state"
await_socket
await_log 'event=definitions-loaded'
serves crewed false FALLTHROUGH
serves new false OFF
api /flags/new
answered 200 '"version":5' '"override":{"kind":"kill"'
api /audit/verify
answered 200 '"bad":null'
stop_agent

step "beside other sources: what is written here wins, and gives way again"
start_agent --state "$state" --flags "$file"
await_socket
await_log 'event=(published|unchanged)'
serves gate true FALLTHROUGH
api '/flags?source=file&limit=1'
answered 200 '"source":"file:' '"next":'
send PATCH /flags/gate '{"enabled": false}'
answered 409 '"code":"not_kept_here"' "file:$file"
send PUT /flags/gate '{"variants": [{"key": "n", "value": 17}], "default_variant": "n"}'
answered 201 '"shadows":"file:'
serves gate 17 FALLTHROUGH
send DELETE /flags/gate ''
answered 200 '"shadows":"file:'
serves gate true FALLTHROUGH

step "who is limited to some flags sees and changes those"
send POST /tokens '{"name": "shop", "role": "editor", "limits": {"tags": ["shop"]}}'
answered 201
token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
send PATCH /flags/new '{"description": "x"}' -H "Authorization: Bearer $token"
answered 200
send PATCH /flags/dep '{"description": "x"}' -H "Authorization: Bearer $token"
answered 403
send PATCH /flags/new '{"tags": []}' -H "Authorization: Bearer $token"
answered 403
send PUT /flags/mine "{$onoff}" -H "Authorization: Bearer $token"
answered 403
send PUT /flags/mine "{$onoff, \"tags\": [\"shop\"]}" -H "Authorization: Bearer $token"
answered 201 '"key":"mine"'
api /flags -H "Authorization: Bearer $token"
answered 200 '"key":"new"'
lacks '"key":"dep"'
api /flags/dep -H "Authorization: Bearer $token"
answered 403
stop_agent

step "what is doubtful is told to who makes it"
start_agent --state "$state"
await_socket
send PUT /flags/doubt "{$onoff, \"targeting_rules\": [{\"conditions\": [], \"variant\": \"on\"}, {\"conditions\": [{\"attribute\": \"a\", \"operator\": \"in\", \"value\": [1]}], \"variant\": \"off\"}]}"
answered 201 '"warnings":[{"kind":"flag","key":"doubt","member":"rules[1]","text":"is never reached'
send PATCH /flags/doubt '{"description": "still"}'
answered 200 '"warnings":[{'
send POST /flags/nowhere/kill '{"comment": "r"}'
answered 200 '"exists":false'
api /status
answered 200 '"ready":true'
ctl 0 status --json
says '"source":"valid"'
