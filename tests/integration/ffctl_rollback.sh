#!/usr/bin/env bash
# ctest: quick
# What is different between two generations, and the way back, by ffctl.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

state=$work/state.db
variants='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}]'
onoff="$variants, \"default_variant\": \"on\", \"fallback_variant\": \"off\""
flags gate=1 >"$work/flags.yaml"

start() {
    start_agent --state "$state" --flags "$work/flags.yaml"
    await_agent
}

# change METHOD PATH BODY
change() {
    send "$1" "$2" "$3" -H 'X-Reason: why'
    [ "${status%??}" = 2 ] || fail "$1 $2 is answered with $status: $(cat "$out")"
}

# now: the generation that is published.
now() {
    "$bin/ffctl" status --json | sed 's/.*"generation":\([0-9]*\),.*/\1/' |
        awk '{ printf "%d.%d\n", int($1 / 4294967296), $1 % 4294967296 }'
}

# recorded GENERATION: until the trail has it, which is told by the agent.
recorded() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        ctl 0 snapshot list --all
        ! grep -qF "\"generationText\":\"$1\"" "$out" || return 0
        sleep 0.02
    done
    fail "$1 is not recorded"
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 diff
complains 'from which generation?'
ctl 2 diff 1.1 1.2 1.3
complains "'1.3' is one word too many"
ctl 2 diff soon
complains "'soon' is no generation (as 3.5) and is no time: write"
ctl 2 diff 1.1 soon
complains "'soon' is no generation"
ctl 2 rollback
complains 'to which generation?'
ctl 2 rollback 1.1
complains '--reason TEXT is needed'
ctl 2 rollback 1.1 --reason ' '
complains '--reason TEXT is needed'
ctl 2 rollback soon --reason why
complains "'soon' is no generation"
ctl 1 diff 1.1
complains 'no agent at'

start
change PUT /flags/sale "{$onoff, \"tags\": [\"a\"]}"
change PUT /flags/old "{$onoff}"
change PUT /segments/crew '{"included": ["u1"]}'
then=$(now)
recorded "$then"
change PATCH /flags/sale '{"enabled": false, "tags": ["a", "b"]}'
change DELETE /flags/old ''
change PUT /flags/new "{$onoff}"
change PATCH /segments/crew '{"included": ["u1", "u2"]}'
change POST /flags/new/kill ''

step "which generations there are: those that are retained, and all that are recorded"
ctl 2 snapshot verify --all
complains '--all goes with list'
ctl 2 snapshot list 1.1 --all
complains 'list takes no generation'
recorded "$(now)"
ctl 0 snapshot list --all --text
sed -E 's/20[0-9-]+T[0-9:]+Z/TIME/; s/[0-9a-f]{32}/DIGEST/; s/  +/ /g' "$out" >"$work/table"
head -n 2 "$work/table" >"$work/told"
tail -n 1 "$work/table" >>"$work/told"
diff - "$work/told" <<TABLE || fail "the table is another one"
GENERATION PUBLISHED ENTRIES FILES DIGEST
1.1 TIME 1 retained DIGEST
$(now) TIME 9 current DIGEST
TABLE

step "what is different, since then and between two"
ctl 0 diff "$then" --text
says "$then (20" " -> $(now): 5 differences" 'flag sale changed, version 1 -> 2' '  /enabled: + false' '  /tags/1: + "b"' \
    'flag old removed, was version 1' '  /default_variant: - "on"' \
    'flag new added, version 1' '  /default_variant: + "on"' \
    'segment crew changed, version 1 -> 2' '  /included/1: + "u2"' \
    'override new added' '  /reason: + "why"'
ctl 0 diff "$(now)" "$then" --text
says 'flag new removed, was version 1' 'flag old added, version 1' '  /enabled: - false'
ctl 0 diff "$then" "$then" --text
says ': no difference'
ctl 0 diff "$then" "$(now)"
says '"items":[{' '"kind":"flag","key":"sale","change":"changed"' '"sameContent":false'
[ "$(wc -l <"$out")" = 1 ] || fail "it is not one line"
sleep 1.2 # something was published then
ctl 0 diff '1s ago' '0h1s ago' --text
says ': no difference'
NO_COLOR='' at_terminal 0 n diff "$then"
says $'flag \e[1msale\e[0m \e[33mchanged\e[0m, version 1 -> 2' $'/tags/1: + \e[32m"b"\e[0m'
ctl 1 diff 77.1
complains 'no generation "77.1" is recorded'
ctl 1 diff '2001-01-01 00:00'
complains 'is recorded'

step "back: shown, asked"
ctl 0 rollback "$then" --reason 'wrong prices' --dry-run --text
says "Back to $then (20" ': 4 definitions' 'flag sale changed, version 2 -> 1' '  /enabled: - false' \
    'flag old added, version 1' 'flag new removed, was version 1' 'segment crew changed' \
    'Not rolled back, for it comes from elsewhere, or is a kill switch:' 'override new removed' \
    "would be rolled back to $then; nothing is stored" 'affects '
ctl 0 rollback "$then" --reason 'wrong prices' --dry-run
says '"dryRun":true' '"definitions":4'
at_terminal 1 n rollback "$then" --reason 'wrong prices'
says "Roll back to $then? [y/N]" 'not confirmed; nothing is changed'
serves sale false OFF

# meanwhile METHOD PATH BODY: a shell command that does that.
meanwhile() {
    echo "curl -sS --fail --unix-socket '$socket' -X $1 -H 'Content-Type: application/json' -d '$3'" \
        "'http://agent/api/v1$2' >/dev/null"
}

step "somebody changes what would be rolled back, meanwhile: it is not done"
FFSHM_MEANWHILE=$(meanwhile PATCH /flags/sale '{"owner": "web"}') \
    at_terminal 1 y rollback "$then" --reason 'wrong prices'
says 'somebody has changed something meanwhile' 'nothing is done'
serves sale false OFF

step "over the API: a dry run's entity tag is another one after every change"
back() {
    send POST "/snapshots/$then/rollback?dryRun=true" '' -H 'X-Reason: why' "$@"
}
back
answered 200 '"definitions":4'
tag=$etag
[[ $tag == "\"$(now)-"* ]] || fail "the entity tag is $tag"
back -H "If-Match: $tag"
answered 200
change PATCH /flags/sale '{"name": "Sale"}'
back -H "If-Match: $tag"
answered 409 '"code":"conflict"'
back -H "If-Match: \"$(now)\""
answered 200

step "somebody changes something else: it is done, for what was shown is what happens"
before=$(now)
FFSHM_MEANWHILE=$(meanwhile POST /flags/gate/kill '{"comment": "stop"}') \
    at_terminal 0 y rollback "$then" --reason 'wrong prices'
says "rolled back to $then; generation "
[ "$(now)" = "${before%.*}.$((${before#*.} + 2))" ] || fail "it is not one generation: $before, $(now)"
serves sale true FALLTHROUGH
serves old true FALLTHROUGH
ctl 1 eval new --key vip
api /segments/crew
answered 200 '"included":["u1"]'
ctl 0 audit --action flag.rollback --text
says sale old new 'wrong prices'
ctl 0 history sale --limit 1 --text
says 'tags, enabled, owner, name' 'wrong prices'

step "there is nothing more to do"
ctl 0 rollback "$then" --reason again --text
says ': 0 definitions' "rolled back to $then; no change: it was so already"
ctl 0 rollback "$then" --reason again
says '"definitions":0' '"changed":false'

step "by time, without being asked"
time=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
sleep 0.01
change POST /flags/sale/disable ''
ctl 1 rollback '2001-01-01T00:00:00Z' --reason why
ctl 0 rollback "$time" --reason 'as it was' --yes
says '"definitions":1' '"dryRun":false'
serves sale true FALLTHROUGH

step "over a restart, when its files are gone"
stop_agent
rm -r "$store"
start
ctl 0 snapshot list --all
says "\"generationText\":\"$then\"" '"retained":false'
change DELETE /flags/sale ''
ctl 0 rollback "$then" --reason 'as it was'
serves sale true FALLTHROUGH
ctl 0 audit verify
stop_agent
