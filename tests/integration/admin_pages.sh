#!/usr/bin/env bash
# ctest: quick timeout=90
# Pages: each key once and in order, whatever their size, and no answer that is larger than it must be.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

onoff='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}], "default_variant": "on"'

# pages PATH LIMIT: the keys of all pages, one a line.
pages() {
    local after=
    while :; do
        api "$1&limit=$2&after=$after"
        [ "$status" = 200 ] || fail "the status is $status"
        grep -o '"key":"f[0-9]*"' "$out" | tr -dc 'f0-9\n'
        after=$(sed -n 's/.*"next":"\([^"]*\)".*/\1/p' "$out")
        [ -n "$after" ] || return 0
    done
}

start_agent --state "$work/state/agent.db"
await_socket
python3 - "$onoff" >"$work/many.json" <<'END'
import json, sys
body = json.loads("{" + sys.argv[1] + "}")
print(json.dumps({"flags": {"f%03d" % ((i * 37) % 100): body for i in range(100)}}))
END
send POST /import "@$work/many.json"
answered 200 '"created":100'

step "each once and in order, with those that are archived"
for i in 007 050 099; do
    send POST "/flags/f$i/archive" ''
    answered 200
done
seq -f 'f%03g' 0 99 >"$work/all"
grep -v -e 007 -e 050 -e 099 "$work/all" >"$work/in_force"
for limit in 19 97 99 100 1000; do
    pages '/flags?archived=true' "$limit" >"$work/told"
    cmp "$work/all" "$work/told" || fail "in pages of $limit"
    pages '/flags?archived=false' "$limit" >"$work/told"
    cmp "$work/in_force" "$work/told" || fail "in pages of $limit"
done

pages '/flags?archived=true&prefix=f00' 1 >"$work/told"
head -n 10 "$work/all" | cmp - "$work/told" || fail "in pages of one"

step "a page of large versions is shorter"
python3 - "$onoff" >"$work/large.json" <<'END'
import json, sys
body = json.loads("{" + sys.argv[1] + "}")
body["description"] = "x" * 1500000
print(json.dumps(body))
END
for _ in 1 2 3; do
    send PUT /flags/large "@$work/large.json"
    [ "$status" -le 201 ] || fail "the status is $status"
    send PATCH /flags/large '{"name": "large"}'
    answered 200
done
api '/flags/large/history?limit=200'
[ "$(stat -c %s "$out")" -lt 4500000 ] || fail "an answer of $(stat -c %s "$out") bytes"
versions=0
before=
while :; do
    api "/flags/large/history?limit=200$before"
    answered 200
    versions=$((versions + $(grep -o '"version":' "$out" | wc -l)))
    next=$(sed -n 's/.*"next":\([0-9]*\).*/\1/p' "$out")
    [ -n "$next" ] || break
    before="&before=$next"
done
[ "$versions" = 6 ] || fail "$versions versions are told, not 6"

step "a definition does not grow beyond what one may have, patch by patch"
python3 - >"$work/patch.json" <<'END'
import json
print(json.dumps({"description": "x" * 3000000, "owner": "x" * 3000000}))
END
send PATCH /flags/large "@$work/patch.json"
answered 200
python3 - >"$work/patch.json" <<'END'
import json
print(json.dumps({"name": "x" * 3000000}))
END
send PATCH '/flags/large?dryRun=true' "@$work/patch.json"
answered 422 '"code":"too_large"' '8388608 are allowed'
