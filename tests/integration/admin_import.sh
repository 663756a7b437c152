#!/usr/bin/env bash
# ctest: quick timeout=120
# Everything that is kept here as one document, and back: all of it in one change or none; what was
# tried is made only while nothing of it has changed.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.json
state=$work/state/agent.db
everything >"$file"

start_agent --flags "$file" --state "$state" --admin-listen 127.0.0.1:0
await_socket
await_log 'event=(published|unchanged)'

onoff='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}]'
document="{\"ffshm\": 1, \"flags\": {
 \"b\": {$onoff, \"default_variant\": \"on\", \"prerequisites\": [{\"flag\": \"a\", \"variant\": \"on\"}], \"fallback_variant\": \"off\"},
 \"a\": {$onoff, \"default_variant\": \"on\", \"tags\": [\"web\"],
  \"targeting_rules\": [{\"conditions\": [{\"operator\": \"in_segment\", \"value\": \"crew\"}], \"variant\": \"off\"}],
  \"schedule\": [{\"at\": \"2099-01-01T00:00:00Z\", \"set\": {\"enabled\": false}}]}},
 \"segments\": {\"crew\": {\"included\": [\"vip\"]}}}"

step "nothing is kept: an empty document"
api /export
answered 200
prints '{"ffshm":1,"flags":{},"segments":{}}'

step "tried, and made: in any order, with all that they need of each other"
send POST '/import?dryRun=true' "$document"
answered 200 '"created":3,"updated":0,"unchanged":0,"deleted":0' '{"kind":"flag","key":"b","change":"created"}' \
    '"affected":{"flags":2,"keys":["b","a"]}' '"dryRun":true'
tried=$etag
api /export
prints '{"ffshm":1,"flags":{},"segments":{}}'
send POST /import "$document" -H "If-Match: $tried" -H 'X-Reason: the move'
answered 200 '"created":3' '"dryRun":false'
serves a false RULE_MATCH
serves b false PREREQUISITE_FAILED
api /audit
answered 200 '"action":"segment.create"' '"reason":"the move"'
send POST /import "$document" -H "If-Match: $tried"
answered 409 '"code":"conflict"'
send POST /import "$document"
answered 200 '"created":0,"updated":0,"unchanged":3,"deleted":0,"items":[]' '"changed":false'

step "what goes out comes in again as the same"
api /export
answered 200 '"schedule":[{"at":"2099-01-01T00:00:00' '"crew":{"included":["vip"]}'
cp "$out" "$work/export.json"
send POST /import "@$work/export.json"
answered 200 '"unchanged":3'
ctl 0 lint "$work/export.json"

step "a part of it is wrong: nothing of it is done"
bad="{\"flags\": {\"c\": {$onoff, \"default_variant\": \"on\"}, \"a\": {$onoff, \"default_variant\": \"of\"}}}"
send POST /import "$bad"
answered 422 '"code":"invalid_definition"' '"member":"flags.a.default_variant"' '"line":1' 'there is no variant \"of\"'
bad="{\"flags\": {\"c\": {$onoff, \"default_variant\": \"on\"}}, \"segments\": {\"crew\": {}, \"x\": {\"included\": 1}}}"
send POST /import "$bad"
answered 422 '"member":"segments.x.included"'
bad="{\"flags\": {\"c\": {$onoff, \"default_variant\": \"on\"}, \"a\": {\"variants\": [{\"key\": \"yes\", \"value\": true}], \"default_variant\": \"yes\"}}}"
send POST /import "$bad"
answered 409 '"code":"in_use"' '"member":"flags.a.variants"' 'variant \"on\" is needed by flag \"b\"'
bad="{\"flags\": {\"c\": {$onoff, \"default_variant\": \"on\", \"prerequisites\": [{\"flag\": \"d\", \"variant\": \"on\"}]},
 \"d\": {$onoff, \"default_variant\": \"on\", \"prerequisites\": [{\"flag\": \"c\", \"variant\": \"on\"}]}}}"
send POST /import "$bad"
answered 422 'prerequisites form a circle: c -> d -> c'
api /flags/c
answered 404

step "differences, and what comes from elsewhere"
send POST '/import?dryRun=true' "{\"flags\": {\"a\": {$onoff, \"default_variant\": \"off\"}, \"gate\": {$onoff, \"default_variant\": \"off\"}}}"
answered 200 '"created":1,"updated":1' '{"path":"/default_variant","before":"on","after":"off"}' '{"path":"/schedule","before":' \
    '"key":"gate","change":"created","shadows":"file:'

step "replaced: what is not in the document goes; what others need does not"
send POST /import "{\"mode\": \"replace\", \"flags\": {\"b\": {$onoff, \"default_variant\": \"on\", \"prerequisites\": [{\"flag\": \"a\", \"variant\": \"on\"}]}}}"
answered 422 '"member":"flags.b.prerequisites[0].flag"' 'there is no flag \"a\"'
send POST /import "{\"mode\": \"replace\", \"flags\": {\"b\": {$onoff, \"default_variant\": \"on\"}}}"
answered 200 '"created":0,"updated":1,"unchanged":0,"deleted":2' '{"kind":"flag","key":"a","change":"deleted"}'
api /export
prints '{"ffshm":1,"flags":{"b":{"variants":[{"key":"on","value":true},{"key":"off","value":false}],"default_variant":"on"}},"segments":{}}'
send POST /flags/b/archive ''
answered 200
api /export
prints '{"ffshm":1,"flags":{},"segments":{}}'
send POST /import '{"mode": "replace"}'
answered 422 '"code":"nothing_to_import"'
send POST /import "{\"flags\": {\"b\": {$onoff, \"default_variant\": \"on\"}}}"
answered 200 '"updated":1'
serves b true FALLTHROUGH

step "who is limited to some flags exports those, and imports those"
send POST /tokens '{"name": "web", "role": "editor", "limits": {"tags": ["web"]}}'
answered 201
token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
send POST /import "{\"flags\": {\"mine\": {$onoff, \"default_variant\": \"on\", \"tags\": [\"web\"]}}}" -H "Authorization: Bearer $token"
answered 200 '"created":1'
api /export -H "Authorization: Bearer $token"
answered 200 '"flags":{"mine":'
! grep -qF '"b":' "$out" || fail "what is not theirs is exported"
send POST /import "{\"flags\": {\"b\": {$onoff, \"default_variant\": \"on\", \"tags\": [\"web\"]}}}" -H "Authorization: Bearer $token"
answered 403
send POST /import "{\"mode\": \"replace\", \"flags\": {\"mine\": {$onoff, \"default_variant\": \"on\", \"tags\": [\"web\"]}}}" -H "Authorization: Bearer $token"
answered 403

step "many, with kill -9 behind it"
python3 - >"$work/many.json" <<'PYTHON'
import json
flags = {f"many-{i}": {"variants": [{"key": "a", "value": i}], "default_variant": "a",
                       **({"prerequisites": [{"flag": f"many-{i - 1}", "variant": "a"}]} if i % 50 else {})}
         for i in range(2000)}
print(json.dumps({"flags": flags}))
PYTHON
send POST /import "@$work/many.json"
answered 200 '"created":2000'
kill_agent
start_agent --flags "$file" --state "$state"
await_socket
await_log 'event=(published|unchanged)'
serves many-1999 1999 FALLTHROUGH
api /audit/verify
answered 200 '"bad":null'
stop_agent
