#!/usr/bin/env bash
# ctest: quick
# The versions of a flag by ffctl: listed, compared, told, put again.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

variants='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}]'
onoff="$variants, \"default_variant\": \"on\", \"fallback_variant\": \"off\""
flags gate=1 >"$work/flags.yaml"

start_agent --state "$work/state.db" --flags "$work/flags.yaml"
await_agent

# change METHOD PATH BODY REASON
change() {
    send "$1" "$2" "$3" -H "X-Reason: $4"
    [ "${status%??}" = 2 ] || fail "$1 $2 is answered with $status: $(cat "$out")"
}
change PUT /flags/sale "{$onoff, \"name\": \"a\"}" first
change PATCH /flags/sale '{"enabled": false, "tags": ["a", "b"], "name": null}' $'not yet'
change POST /flags/sale/archive '' gone
change POST /flags/sale/restore '' back
change PATCH /flags/sale '{"enabled": true, "tags": ["a"]}' ''
change PUT /segments/crew '{"included": ["u1"]}' ''
change PATCH /segments/crew '{"included": ["u1", "u2"]}' more

step "what cannot be meant is refused before anybody is asked"
ctl 2 history
complains 'which flag? its key is needed'
ctl 2 history --segment
complains 'which segment?'
ctl 2 history sale one
complains "version 'one': write a number from 1 on"
ctl 2 history sale 1 2
complains "'2' is one word too many"
ctl 2 history sale --restore 0
complains "--restore '0': write a number"
ctl 2 history sale 1 --restore 2
complains 'one version is shown, or one restored'
ctl 2 history sale 1 --diff
complains '--diff and --limit go with all versions'
ctl 2 history sale --reason why
complains 'go with --restore'

step "a table: when, who, what, why"
ctl 0 history sale --text
sed -E 's/20[0-9-]+T[0-9:]+Z/TIME/; s/  +/ /g; s/ $//' "$out" >"$work/table"
cat >"$work/expected" <<TABLE
VERSION WHEN WHO WHAT WHY
5 TIME $(id -un) enabled, tags
4 TIME $(id -un) restored back
3 TIME $(id -un) archived gone
2 TIME $(id -un) enabled, tags, name not yet
1 TIME $(id -un) created first
TABLE
diff "$work/expected" "$work/table" || fail "the table is another one"
ctl 0 history sale --limit 2 --text
says 'enabled, tags' 'restored' 'there are older ones: --limit'
silent_on archived
ctl 0 history sale --limit 5 --text
silent_on '--limit'
ctl 0 history sale
says '"version":5' '"definition":{"variants"' '"what":"created"' '"next":null'
ctl 0 history sale --limit 2
says '"next":4'
ctl 0 history crew --segment --text
says 'included' 'created' more

step "the differences of neighbours"
ctl 0 history sale --diff --text
sed -E 's/20[0-9-]+T[0-9:]+Z/TIME/' "$out" >"$work/told"
cat >"$work/expected" <<DIFF
version 5, TIME, $(id -un)
  /enabled: false -> true
  /tags/1: - "b"
version 4, TIME, $(id -un): back
  restored
version 3, TIME, $(id -un): gone
  archived
version 2, TIME, $(id -un): not yet
  /name: - "a"
  /enabled: + false
  /tags: + ["a","b"]
version 1, TIME, $(id -un): first
  /variants: + [{"key":"on","value":true},{"key":"off","value":false}]
  /default_variant: + "on"
  /fallback_variant: + "off"
  /name: + "a"
DIFF
diff "$work/expected" "$work/told" || fail "the differences are others"
NO_COLOR='' at_terminal 0 n history sale --diff
says $'/enabled: \e[31mfalse\e[0m -> \e[32mtrue\e[0m'
ctl 0 history sale --diff --limit 1
says '"diff":[{"path":"/enabled","before":false,"after":true}' '"next":5'
silent_on '"definition"'

step "one version's definition"
ctl 0 history sale 2 --text
says '# flag sale, version 2, ' ': not yet' 'enabled: false' 'tags: [a, b]'
"$bin/ffctl" history sale 3 --text | grep -q 'version 3 (archived)' || fail "it is archived"
ctl 0 history sale 1
prints '{"variants":[{"key":"on","value":true},{"key":"off","value":false}],"default_variant":"on","fallback_variant":"off","name":"a"}'
ctl 1 history sale 9
complains "no version 9 of the flag 'sale' is kept"
ctl 1 history nowhere
complains 'there is no flag "nowhere"'
ctl 1 history gate
complains "the flag 'gate' comes from file:" 'its versions are not kept here'

step "put again: shown, asked, done; what is scheduled stays"
ctl 0 schedule add sale --at 2999-01-01T00:00:00Z --disable
ctl 0 history sale --restore 2 --dry-run --text
prints $'sale: would be restored as of version 2; nothing is stored
  /enabled: true -> false
  /tags/1: + "b"'
serves sale true FALLTHROUGH
at_terminal 1 n history sale --restore 2
says '/enabled: true -> false' 'Restore version 2 of the flag sale? [y/N]' 'not confirmed'
at_terminal 0 y history sale --restore 2 --reason 'as it was'
says 'sale: restored as of version 2; version 6; generation '
serves sale false OFF
ctl 0 history sale --restore 2
says '"changed":false' '"version":6'
ctl 0 schedule list sale --text
says pending
ctl 0 history sale --limit 1 --text
says 'as it was' 'enabled, tags'
ctl 0 history crew --segment --restore 1 --text
says 'crew: restored as of version 1; version 3; generation '

step "somebody else is faster: it is not done"
FFSHM_MEANWHILE="curl -sS --unix-socket '$socket' -X POST http://agent/api/v1/flags/sale/enable >/dev/null" \
    at_terminal 1 y history sale --restore 1
says 'it was changed: it is "7-' ' now' '(409)'
ctl 0 history sale --limit 1 --text
says enabled

step "what was archived or deleted comes back"
change POST /flags/sale/archive '' ''
ctl 0 history sale --restore 1 --text
serves sale true FALLTHROUGH
change DELETE /flags/sale '' ''
ctl 1 history sale 10
complains "with version 10 the flag 'sale' was deleted"
ctl 0 history sale --restore 2 --text
says 'version 11'
serves sale false OFF
ctl 0 history sale --limit 2 --text
says created deleted

step "more than a page, and more than is kept"
for ((i = 0; i < 130; i++)); do
    echo "next" && echo "url = http://agent/api/v1/flags/sale"
    echo 'request = PATCH' && echo 'header = "Content-Type: application/json"'
    echo "data = \"{\\\"description\\\": \\\"$i\\\"}\"" && echo 'output = /dev/null'
    echo "unix-socket = $socket"
done | sed 1d | curl -sS -K - >/dev/null
ctl 0 history sale --text
[ "$(wc -l <"$out")" = 142 ] || fail "there are not 141 versions: $(wc -l <"$out")"
stop_agent
