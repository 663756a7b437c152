#!/usr/bin/env bash
# ctest: quick
# Segments by ffctl: made, filled and emptied by key, edited, deleted; looked at by a flag whose rule
# names one.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.json
everything >"$file"

# in_beta KEY true|false [ATTRIBUTE=VALUE]
in_beta() {
    local got attributes=()
    [ $# -lt 3 ] || attributes=(--attr "$3")
    got=$("$bin/ffctl" eval gated --key "$1" "${attributes[@]}" --raw)
    [ "$got" = "$2" ] || fail "$1 ${3-} gets $got, not $2"
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 segments
complains 'ffctl segments: a command is needed'
for command in get create edit delete; do
    ctl 2 segments $command
    complains "ffctl segments $command: which segment? its key is needed"
done
ctl 2 segments add beta
complains 'who? Write SEGMENT KEY...'
ctl 2 segments add beta ''
complains 'a key must not be empty'
ctl 2 segments create beta --include a,,b
complains "'a,,b': a key is missing"
ctl 2 segments create beta --if 'x is y'
complains "there is no operator 'is'"
ctl 2 segments create beta --file x --tag y
complains '--file has the whole definition'

start_agent --flags "$file" --state "$work/state.db"
await_agent

step "made, listed, shown"
ctl 0 segments create beta --include 'u1,"a,b"' --exclude u9 --if 'country in US' --if 'age > 17' \
    --name 'Beta testers' --tag web --text
prints 'beta: created; version 1; generation 1.2'
ctl 0 segments list --text
prints 'SEGMENT  SOURCE                                       TAGS  NAME
beta     admin                                        web   Beta testers
payers   file:'"$file"
ctl 0 segments list --tag web
says '"key":"beta"'
silent_on payers
ctl 0 segments get beta --yaml
prints 'name: Beta testers
tags: [web]
included: [u1, '"'a,b'"']
excluded: [u9]
rules:
- conditions:
  - {attribute: country, operator: in, value: [US]}
  - {attribute: age, operator: greater_than, value: 17}'
ctl 0 segments get payers --text
says "source       file:$file" 'segment      payers'
ctl 1 segments create payers
complains "there is a segment 'payers' from file:" '--take-over'
ctl 1 segments create beta
complains 'there is one of this key already' '(409)'
printf 'rules: [{conditions: 5}]\n' >"$work/bad.yaml"
ctl 1 segments create other --file "$work/bad.yaml"
complains "$work/bad.yaml:1:" 'rules[0].conditions: must be a list'

step "keys come and go"
ctl 0 flags create gated
ctl 0 rules add gated --if 'in segment beta' --serve on
in_beta u1 true
in_beta u2 false
ctl 0 segments add beta u2 u3 --text
says 'beta: keys added; version 2' 'affects 1 flag: gated' '/included/2: + "u2"'
in_beta u2 true
ctl 0 segments beta add u2 --exclude
in_beta u2 false
ctl 0 segments get beta
says '"included":["u1","a,b","u3"]' '"excluded":["u9","u2"]'
printf 'u4\nu5\n' >"$work/keys"
ctl 0 segments add beta --file "$work/keys"
in_beta u5 true
ctl 0 segments remove beta u5 u2 nobody
in_beta u5 false
ctl 0 segments get beta
says '"included":["u1","a,b","u3","u4"]' '"excluded":["u9"]'
seq -f 'user-%.0f' 20000 | "$bin/ffctl" segments add beta --file - >/dev/null
in_beta user-20000 true
at_terminal 1 n segments remove beta u1
says 'segment beta' '/included/0: - "u1"' 'Change it so? [y/N]'

step "edited, needed, deleted"
EDITOR='sed -i s/web/shop/' ctl 0 segments edit beta --text
says 'beta: changed' '/tags/0: "web" -> "shop"'
ctl 1 segments delete beta
complains 'needed by flag "gated"' '(409)'
ctl 0 rules remove gated 0
at_terminal 0 y segments delete beta
says 'Delete segment beta? [y/N]' 'beta: deleted'
ctl 1 segments get beta
complains '(404)'
stop_agent
