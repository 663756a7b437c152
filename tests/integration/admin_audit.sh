#!/usr/bin/env bash
# ctest: quick timeout=90
# The audit trail of a running agent: by time, exported, verified here and elsewhere; refusals in it;
# and backups of the file that it is in.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.yaml
state=$work/state/agent.db
flags color='"red"' size='1' >"$file"
verifier=$FFSHM_SOURCE_DIR/tests/support/verify_audit.py
chmod 700 "$work" # backups are made beside it

start() {
    start_agent --flags "$file" --state "$state" --admin-listen 127.0.0.1:0
    await_socket
    await_log 'event=admin-listening'
    port=$(sed -n 's/.*event=admin-listening .* port=\([0-9]*\) .*/\1/p' "$log")
}

# from_tcp STATUS PATH CURL_OPTION...: what TCP is answered.
from_tcp() {
    local code
    code=$(curl -sS --max-time 20 -o "$out" -w '%{http_code}' "${@:3}" \
        "http://127.0.0.1:$port/api/v1$2") || fail "no answer by TCP to $2"
    [ "$code" = "$1" ] || fail "$2 was answered $code, not $1: $(cat "$out")"
}

# refusals: how many entries of them there are.
refusals() {
    api '/audit?action=request.refused&limit=1000'
    answered 200
    grep -o '"number":' "$out" | wc -l
}

start
step "a refusal is in the trail at once, its repeats are counted"
from_tcp 401 /status
from_tcp 401 /health -H 'Authorization: Bearer ffs_wrong'
[ "$(refusals)" = 2 ] || fail "there are $(refusals) refusals in the trail"
says '"target":"GET /api/v1/status"' '"target":"GET /api/v1/health"' '"actor":"nobody"' \
    '"after":{"source":"127.0.0.1","status":401,"code":"unauthenticated"}'
for ((i = 0; i < 20; i++)); do
    from_tcp 401 "/status?n=$i"
done
[ "$(refusals)" = 2 ] || fail "there are $(refusals) refusals in the trail, not 2"
[ "$(grep -c event=admin-refused "$log")" = 2 ] || fail "the log has a line for each refusal"

step "a role and a limit that are too small are told, too, with whose they are"
api /tokens -H 'Content-Type: application/json' -d '{"name": "eyes", "role": "viewer"}'
answered 201
eyes=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
api /tokens -H 'Content-Type: application/json' \
    -d '{"name": "boss of shop", "role": "admin", "limits": {"prefixes": ["shop"]}}'
answered 201
limited=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
from_tcp 403 /flags/color/kill -H "Authorization: Bearer $eyes" -X POST
from_tcp 403 /backup -H "Authorization: Bearer $limited" -H 'Content-Type: application/json' \
    -d "{\"file\": \"$work/copies/never.db\"}"
says beyond_limits
from_tcp 403 /backup -H "Authorization: Bearer $eyes" -H 'Content-Type: application/json' \
    -d "{\"file\": \"$work/copies/never.db\"}"
[ ! -e "$work/copies" ] || fail "who may not has made a backup"
api '/audit?action=request.refused&actor=eyes'
answered 200 '"target":"POST /api/v1/flags/color/kill"' '"code":"forbidden"' '"authenticated":"token '
api '/audit?action=request.refused&actor=boss%20of%20shop'
answered 200 '"code":"beyond_limits"'

step "what was counted is told when the agent stops, and none of it has cost it its trail"
stop_agent
start
api '/audit?action=request.refused&limit=1000'
answered 200 '"code":"unauthenticated","times":20,"sinceMs":'
api /audit/verify
answered 200 '"bad":null'

step "entries are found by their time"
before=$(date +%s%3N)
sleep 0.002
ctl 0 kill color --reason $'caf\303\251 "quoted" \134' --yes
ctl 0 revive color
after=$(($(date +%s%3N) + 1))
ctl 0 audit --from "$before" --to "$after"
[ "$(grep -o '"number":' "$out" | wc -l)" = 2 ] || fail "not two entries: $(cat "$out")"
ctl 0 audit --to "$before"
! grep -q flag.kill "$out" || fail "an entry of later is there"
ctl 0 audit --from "$(date -u -d "@$((before / 1000 - 3600))" +%Y-%m-%dT%H:%M:%SZ)" --action flag.kill
says '"target":"color"'
ctl 0 audit --from '1h ago' --to 'in 1h' --action flag.kill
says '"target":"color"'
ctl 0 audit --to 'yesterday 23:59' --text
prints 'no entry'
ctl 2 audit --from yesterday
complains "--from 'yesterday' is no time: write 2026-12-24T09:00:00Z"

step "an export can be verified by anybody"
export=$work/audit.ndjson
ctl 0 audit export --output "$export" --text
says "$export:" 'entries; head '
entries=$(sed -n 's/.*: \([0-9]*\) entries.*/\1/p' "$out")
head=$(sed -n 's/.*head \([0-9]*:[0-9a-f]*\).*/\1/p' "$out")
[ "$(wc -l <"$export")" = $((entries + 1)) ] || fail "the export has $(wc -l <"$export") lines"
[ "$(stat -c %a "$export")" = 600 ] || fail "the export's mode is $(stat -c %a "$export")"
python3 "$verifier" "$export" >"$out" || fail "another verifier says: $(cat "$out")"
prints "${head/:/ }"
python3 "$verifier" "$export" "${head%:*}" "${head#*:}" >"$out" || fail "$(cat "$out")"
ctl 0 audit verify --file "$export" --checkpoint "$head" --text
says "OK: $entries entries; head $head"
ctl 0 audit export
cmp "$out" "$export" || fail "the export to stdout is another one"
ctl 0 audit verify --file - <"$export"
says "\"entries\":$entries," '"bad":null' '"whole":true'
ctl 0 audit export --after 3 --text
"$bin/ffctl" audit verify --text --file - <"$out" >"$err" || fail "a part is not right"
grep -q "OK: $((entries - 3)) entries; head $head (a part of the trail)" "$err" || fail "$(cat "$err")"
ctl 0 audit export --actor nobody --output "$export.part"
says '"whole":false'

step "an export that somebody has edited is found"
sed '4s/"timeMs":1/"timeMs":2/' "$export" >"$export.edited"
ctl 1 audit verify --file "$export.edited"
says '"bad":4' 'its content or its hash was changed'
! python3 "$verifier" "$export.edited" >/dev/null 2>&1 || fail "another verifier finds nothing"
sed 4d "$export" >"$export.edited"
ctl 1 audit verify --file "$export.edited" --text
says 'DAMAGED at entry 4: it is missing'
head -n 4 "$export" >"$export.edited"
ctl 1 audit verify --file "$export.edited" --text
says 'DAMAGED at entry 5: the last line is missing'
ctl 1 audit verify --file "$export" --checkpoint "2:${head#*:}" --text
says 'DAMAGED at entry 2: it is not the one that the checkpoint was made of'
ctl 1 audit verify --file "$work/nothing"
complains 'No such file'

step "the agent verifies against a checkpoint that was kept"
ctl 0 audit verify --checkpoint "$head" --text
says "OK: " "head $head"
ctl 1 audit verify --checkpoint "$((entries + 7)):${head#*:}"
says "\"bad\":$((entries + 1))"
from_tcp 200 /audit/verify -H "Authorization: Bearer $eyes"
says '"bad":null'

step "what cannot be meant is refused before anybody is asked"
ctl 2 audit verify --checkpoint 7
complains 'write NUMBER:HASH'
ctl 2 audit verify --file a --state b
complains 'of two different trails'
ctl 2 audit verify --from 1
complains '--from goes with list'
ctl 2 audit export --limit 3
complains '--limit goes with list'
ctl 2 audit --output x
complains '--output goes with export'
ctl 2 audit exprot
complains "did you mean 'export'?"
ctl 2 backup
complains 'into which file?'
FFSHM_URL=http://127.0.0.1:$port FFSHM_DIR='' ctl 2 backup today.db
complains 'write an absolute path'
ctl 1 audit export --output "$work/none/x"
complains 'cannot make'

step "a backup while the agent runs: told, looked at, and never over another file"
mkdir -m 700 "$work/copies"
cd "$work/copies"
ctl 0 backup today.db --dry-run --text
says 'nothing is written'
[ -z "$(ls -A)" ] || fail "a dry run has left $(ls -A)"
ctl 0 backup today.db --reason 'before the launch' --text
says "$work/copies/today.db: " 'checked: sound; 0 versions of definitions' 'audit entries, head '
copied=$(sed -n 's/.*head \([0-9]*:[0-9a-f]*\).*/\1/p' "$out")
[ "$(ls -A)" = today.db ] || fail "beside the copy is $(ls -A)"
[ "$(stat -c %a today.db)" = 600 ] || fail "the copy's mode is $(stat -c %a today.db)"
ctl 1 backup today.db
complains 'file: cannot make a backup: File exists' '(422'
ctl 0 backup other.db --json
says '"file":"'"$work"'/copies/other.db"' '"bytes":' '"sound":true'
ctl 0 audit --action storage.backup
says '"reason":"before the launch"' '"target":"'"$work"'/copies/today.db"'
ctl 1 backup "$store/x"
complains "is in the store's directory"
ctl 1 backup "$state-copy"
complains 'begins with that of the state file'
mkdir -m 777 "$work/open"
chmod 777 "$work/open"
ctl 1 backup "$work/open/x"
complains 'is writable by others'
api /backup -H 'Content-Type: application/json' -d '{"file": "today.db"}'
answered 422 'must be an absolute path' '"member":"file"'
api /backup -H 'Content-Type: application/json' -d '{"file": "/a\nb"}'
answered 422 'has a control character'
api /backup -H 'Content-Type: application/json' -d '{"fiel": "/x"}'
answered 422 'did you mean file?'
cd - >/dev/null

# check CODE ARGUMENT...: ffagent --check-storage.
check() {
    local code=0
    "$bin/ffagent" --check-storage "${@:2}" >"$out" 2>"$err" </dev/null || code=$?
    [ $code = "$1" ] || {
        cat "$out" "$err"
        fail "--check-storage ${*:2} ended with $code, not $1"
    }
}

step "a copy is looked at without an agent; what one has open is not"
check 0 "$work/copies/today.db"
says ': sound' 'schema       ' "head $copied"
check 1 "$state"
says 'not looked at'
complains 'another process has the file open' 'ffctl backup FILE'
check 1 --state "$state"
check 1 "$work/copies/nothing.db"
complains 'No such file'
[ ! -e "$work/copies/nothing.db" ] || fail "a look has made a file"
check 2 --state none
complains 'no state file is configured'
check 2 --no-such-option
ctl 0 audit verify --state "$work/copies/today.db" --checkpoint "$copied" --text
says "OK: " "head $copied"
ctl 1 audit verify --state "$state"
complains 'ffctl backup FILE'
python3 "$verifier" "$work/copies/today.db" "${copied%:*}" "${copied#*:}" >/dev/null ||
    fail "another verifier finds the copy wrong"

step "a copy that somebody has edited is found, and so is a killed agent's file, whole"
kill_agent
check 0 "$state"
says 'sound'
python3 - "$work/copies/other.db" <<'PYTHON' || fail "the copy cannot be edited"
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
with store:
    store.execute("DROP TRIGGER audit_changed")
    changed = store.execute("UPDATE audit SET actor = 'somebody else' WHERE number = 3").rowcount
store.close()
sys.exit(changed != 1)
PYTHON
check 1 "$work/copies/other.db"
says 'DAMAGED' '2 entries'
complains 'audit entry 3 is not right'
ctl 1 audit verify --state "$work/copies/other.db"
says '"bad":3'
dd if=/dev/urandom of="$work/copies/other.db" bs=4096 seek=2 count=3 conv=notrunc status=none
check 1 "$work/copies/other.db"
ctl 1 audit verify --state "$work/copies/other.db"

step "the copy is what an agent goes on with"
rm "$state"*
cp "$work/copies/today.db" "$state"
start
ctl 0 audit verify --checkpoint "$copied"
from_tcp 200 /status -H "Authorization: Bearer $eyes"
stop_agent

step "without a state file there is no trail, and nothing to copy"
start_agent --flags "$file" --state none
await_socket
api /audit
answered 200 '{"items":[],"next":null}'
api '/audit?format=ndjson'
answered 200 '"entries":0,"whole":true'
api /audit/verify
answered 200 '"entries":0'
ctl 1 backup "$work/copies/x.db"
complains 'there is nothing to keep it in'
stop_agent
