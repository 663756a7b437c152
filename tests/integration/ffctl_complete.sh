#!/usr/bin/env bash
# ctest: quick timeout=120
# What ffctl offers for a word under the cursor: by the tables that it parses with, and from shared
# memory. How the shells show it: ffctl_shells.sh.
# shellcheck source=tests/integration/ffctl_commands.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_commands.bash"

# offers WORD...: what could the last one be? The answer's first line is in $kind, the candidates
# alone in $out.
offers() {
    ctl 0 __complete "$@"
    kind=$(head -n 1 "$out")
    sed -i -e 1d -e $'s/\t.*//' "$out"
}

# of_kind KIND
of_kind() {
    [ "$kind" = "$1" ] || fail "the answer is of kind '$kind', not '$1'"
}

step "commands, also after options and for help"
offers ''
says eval kill overrides whoami
of_kind words
offers e
prints $'eval\nexplain\nexport'
offers --json --dir /nowhere f
prints $'flags-state\nflags'
offers -- st
prints status
offers -V st
prints status
offers help k
prints kill
offers k x
prints ''
ctl 0 __complete snap
prints $'words\nsnapshot\tlist, verify or dump published snapshots'
offers
prints ''

step "options, and what they take"
offers --d
prints --dir
offers eval color --con
prints --context
offers flags-state --key u1 --d
prints $'--details-only-for-tracked\n--dir'
offers eval --type ''
prints $'bool\nint\ndouble\nstring\nany\njson'
offers eval --type=st
prints --type=string
of_kind 'words --type='
offers eval --type=nothing
prints ''
offers eval --raw=x
prints ''
offers eval --no-such=x
prints ''
offers eval --=
prints ''
offers eval --default t
prints true
offers kill color --for 3
prints 30m
offers kill color --reason ''
prints ''
offers top --sort r
prints rate
offers status ''
prints $'--max-silence\n--dir\n--json\n--text\n--help'
offers status -- ''
says --max-silence
offers status x -- -
prints ''

step "files and directories, which the shell knows"
offers --dir /x
of_kind directories
offers --dir=/x
of_kind 'directories --dir='
offers eval --dir ''
of_kind directories
offers lint ''
of_kind files
offers lint a b c d e f g h i j k ''
of_kind files
offers eval color --flags ''
of_kind files
offers eval color --flags=a
of_kind 'files --flags='
offers eval color --flags a b c
of_kind files
offers eval color --flags a --raw ''
of_kind words
offers eval --batch ''
of_kind files

step "without a store there is nothing to offer, and it is no error"
offers kill ''
says --variant
offers kill c
prints ''
offers kill color --variant ''
prints ''
offers snapshot verify ''
says --keys
offers snapshot ''
prints $'list\nverify\ndump'

file=$work/flags.yaml
cat >"$file" <<'YAML'
ffshm: 1
flags:
  color:
    variants: [{key: red, value: red}, {key: blue, value: "bl\tue"}]
    default_variant: red
  size:
    variants: [{key: small, value: 1.5}]
    default_variant: small
  "later/on it's":
    variants: [{key: "on", value: true}]
    default_variant: "on"
segments:
  payers:
    included: [u1]
YAML
cat >"$work/old.json" <<'JSON'
{"flags": {
 "old": {"key": "old", "version": 1, "on": true, "variations": [false, {"a": [1, 2]}],
  "fallthrough": {"variation": 0}},
 "never\nthis": {"key": "never\nthis", "version": 1, "on": true, "variations": [1],
  "fallthrough": {"variation": 0}}}}
JSON
start_agent --flags "$file" --flags "$work/old.json" --state "$work/state.db"
await_log event=published

step "flags, straight from shared memory"
offers kill ''
prints $'color\nlater/on it\'s\nold\nsize'
of_kind words
offers eval lat
prints "later/on it's"
offers explain --key u1 --attr country=US s
prints size
offers --dir "$store" revive o
prints old
FFSHM_DIR=/nowhere offers --dir="$store" eval o
prints old
FFSHM_DIR=/nowhere offers eval --dir "$store" o
prints old
FFSHM_DIR=/nowhere offers eval o
prints ''
offers eval --no-such-option o
prints old
offers eval -- o
prints old
offers eval color s
prints ''
offers audit --target o
prints old

step "variants of the flag, with what they are"
offers kill color --variant ''
prints $'red\nblue'
offers kill --reason why color --variant=b
prints --variant=blue
ctl 0 __complete kill old --variant ''
prints $'words\n0\tfalse\n1\t{"a":[1,2]}'
offers kill --variant ''
prints ''
offers kill no-such-flag --variant ''
prints ''

step "generations, the newest first"
sed -i 's/value: 1.5/value: 2.5/' "$file"
await_log event=published 2
offers snapshot verify ''
prints $'1.2\n1.1'
offers snapshot dump 1.2
prints 1.2
offers explain color --at 1.
prints $'1.2\n1.1'
offers snapshot list ''
says --keys
offers snapshot nothing ''
says --keys
offers snapshot v
prints verify

offers rollback ''
prints $'1.2\n1.1'
offers diff 1.1 --text 1.
prints $'1.2\n1.1'
offers diff 1.1 1.2 ''
says --json

step "versions and dated changes, of the agent"
ask() {
    curl -sS --fail --max-time 20 --unix-socket "$store/agent.sock" -X "$1" -o "$out" \
        -H 'Content-Type: application/json' -d "$3" "http://agent/api/v1$2"
}
one='"variants": [{"key": "on", "value": true}], "default_variant": "on"'
ask PUT /flags/kept "{$one}"
ask PATCH /flags/kept '{"enabled": false, "comment": "stop"}'
ask PUT /segments/crew '{"included": ["u1"]}'
ask POST /flags/kept/schedule '{"at": "2999-01-01T00:00:00Z", "set": {"enabled": true}}'
ask POST /flags/kept/schedule '{"at": "2999-01-02T00:00:00Z", "set": {"enabled": false}}'
ask DELETE /flags/kept/schedule/1 '{}'
offers history ke
prints kept
offers history kept ''
prints $'2\n1'
ctl 0 __complete history kept 2
says $'2\t20' ': stop'
offers history kept --restore ''
prints $'2\n1'
offers history --segment ''
says crew payers
offers history --segment crew ''
prints 1
offers history crew --segment --restore ''
prints 1
offers history nowhere ''
says --diff
offers schedule ''
prints $'list\nadd\ncancel'
offers schedule add ke
prints kept
offers schedule cancel kept ''
prints 2
ctl 0 __complete schedule cancel kept 2
prints $'words\n2\t2999-01-02T00:00:00Z, {"enabled":false}'
offers schedule cancel nowhere ''
says --reason

step "a damaged store has nothing to offer"
cp -r "$store" "$work/damaged"
for extent in "$work"/damaged/x.*; do
    chmod u+w "$extent"
    printf X | dd of="$extent" bs=1 seek=300 conv=notrunc status=none
done
offers --dir "$work/damaged" kill c
prints ''
stop_agent

step "every command's help and table have the same options"
each_command >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 11 ] || fail "there are more commands: $(cat "$work/commands")"
while read -r -a command; do
    ctl 0 "${command[@]}" --help
    says "usage: ffctl ${command[*]}" 'Exit codes' Examples
    options_of_help <"$out" >"$work/told"
    options_of "${command[@]}" >"$work/taken"
    if is_parent "${command[@]}"; then
        continue # it tells what its commands share
    fi
    diff "$work/taken" "$work/told" >"$work/differ" ||
        fail "taken (<) and told by --help (>) by ffctl ${command[*]}: $(cat "$work/differ")"
done <"$work/commands"
