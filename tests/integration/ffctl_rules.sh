#!/usr/bin/env bash
# ctest: quick
# Targeting by ffctl: rules out of conditions in a line each, their order, their shares; single
# contexts by key. Each is looked at by what is evaluated then.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

# gives KEY VALUE [ATTRIBUTE=VALUE...]: what the flag serves to this context.
gives() {
    local got attributes=()
    for attribute in "${@:3}"; do
        attributes+=(--attr "$attribute")
    done
    got=$("$bin/ffctl" eval menu --key "$1" "${attributes[@]}" --raw)
    [ "$got" = "$2" ] || fail "$1 ${*:3} gets $got, not $2"
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 rules
complains 'ffctl rules: a command is needed'
ctl 2 rules add menu
complains 'Either --serve VARIANT, or --split'
ctl 2 rules add menu --serve a --split a=10
complains 'Either --serve VARIANT, or --split'
ctl 2 rules add menu --serve a --if 'country is US'
complains "--if 'country is US': there is no operator 'is'"
ctl 2 rules add menu --serve a --if 'plan eqals pro'
complains 'did you mean equals?'
ctl 2 rules add menu --serve a --percentage x
complains "--percentage 'x': a number from 0 to 100"
ctl 2 rules add menu --split a
complains "'a': write VARIANT=PERCENT, as on=10"
ctl 2 rules remove menu
complains 'which flag, and which rule?'
ctl 2 rules move menu a
complains 'which flag, which rule, and what place shall it have?'
ctl 2 targets add menu a
complains 'which variant, and who gets it?'
ctl 2 targets remove menu
complains 'who? Write FLAG KEY...'
ctl 1 targets add menu a --file "$work/nowhere"
complains 'No such file'

start_agent --state "$work/state.db"
await_log 'event=published'
ctl 0 flags create menu --variants old,new,secret --default old
ctl 0 rules list menu --text
prints 'no rule'
ctl 0 targets list menu --text
prints 'no target'

step "rules, in the order in which they are added, or elsewhere"
ctl 0 rules add menu --if 'country in US, CA' --if 'age >= 18' --serve new --name grown-ups --text
says 'menu: rule added; version 2' '/targeting_rules: + [{"name":"grown-ups"'
gives u1 new country=CA age=18
gives u1 old country=CA age=17
gives u1 old country=FR age=18
ctl 0 rules menu add --if 'email ends with @example.com' --serve secret --at 0
gives u1 secret country=CA age=18 email=a@example.com
ctl 1 rules add menu --split new=50,old=25
complains '25 % are left over: which variant gets them? There are old, new, secret'
ctl 0 rules add menu --split new=50,old=50 --bucket-by team --kind org --percentage 40
ctl 0 rules add menu --if 'zip = "01234"' --if 'org:plan not equals free' --serve secret
ctl 0 rules list menu --text
prints 'RULE  NAME       IF                                                  SERVES
0     rule-1     email ends with @example.com                        secret
1     grown-ups  country in US, CA and age greater than or equal 18  new
2     rule-2     everybody                                           40 %: new 50 %, old 50 %
3     rule-3     zip equals 01234 and org:plan not equals free       secret'
ctl 0 rules list menu
says '"flag":"menu"' '"place":2,"name":"rule-2","if":[]' '"if":["zip equals 01234","org:plan not equals free"]' \
    '"percentages":{"new":50,"old":50}'
ctl 1 rules add menu --serve nothing
complains "there is no variant 'nothing'"
ctl 1 rules add menu --serve new --name grown-ups
complains "there is a rule 'grown-ups' already"
ctl 1 rules add menu --serve new --at 5
complains "there is no place '5': write 0 to 4"
ctl 1 rules add menu --serve new --if 'in segment nobody'
complains 'there is no segment "nobody"' '(422'

step "moved and removed, by name or place; the shares of a rule stay"
ctl 0 rules move menu grown-ups 0 --text
says 'menu: rule moved'
gives u1 new country=CA age=18 email=a@example.com
ctl 0 rules list menu
says '"place":0,"name":"grown-ups"' '"place":1,"name":"rule-1"'
ctl 0 rules remove menu 0
gives u1 secret country=CA age=18 email=a@example.com
ctl 0 rules menu remove rule-1
ctl 1 rules remove menu rule-1
complains "there is no rule 'rule-1': it has 2, counted from 0"
ctl 1 rules remove menu 7
complains "there is no rule '7'"
ctl 0 flags create drawn --file - <<'YAML'
variants: [{key: a, value: 1}, {key: b, value: 2}]
default_variant: a
targeting_rules:
  - {conditions: [{attribute: x, operator: exists}], variant: a}
  - {percentage: 50, variant: b}
YAML
everybody() {
    local i
    for ((i = 0; i < 300; i++)); do
        printf '{"flag":"drawn","context":{"kind":"user","key":"k%d"}}\n' $i
    done | "$bin/ffctl" eval --batch | sed 's/"version.*//; s/"ruleIndex":[0-9]*//'
}
everybody >"$work/before"
[ "$(grep -c '"value":2' "$work/before")" -gt 100 ] || fail "nobody is drawn"
ctl 0 rules remove drawn 0
everybody | diff "$work/before" - || fail "lots are drawn anew"
ctl 0 rollout drawn --rule rule-1 100
[ "$(everybody | grep -c '"value":2')" = 300 ] || fail "the rule does not take everybody"
ctl 0 rollout drawn --rule 0 b=10 --text
says '/targeting_rules/0/variant: - "b"' '/targeting_rules/0/percentages: + {"b":10}'
ctl 1 rollout drawn --rule nothing 10
complains "there is no rule 'nothing'"

step "targets: keys, each with one variant of a kind"
ctl 0 targets add menu secret u1 u2 --text
says 'menu: targets added' '/targets: + [{"variant":"secret","keys":["u1","u2"]}]'
gives u1 secret
printf ' u3 \r\n\nu2\n' >"$work/keys"
ctl 0 targets menu add new --file "$work/keys" u4
gives u2 new
gives u3 new
gives u4 new
gives u1 secret
ctl 0 targets add menu new acme --kind org
ctl 0 targets list menu --text
prints 'VARIANT  KIND  COUNT  KEYS
secret   user  1      u1
new      user  3      u3, u2, u4
new      org   1      acme'
ctl 0 targets list menu
says '"flag":"menu"' '{"variant":"new","keys":["acme"],"kind":"org"}'
ctl 0 targets remove menu u1 u3 nobody
gives u1 old
gives u2 new
ctl 0 targets remove menu acme --text
says 'no change: it was so already'
ctl 0 targets remove menu acme --kind org
ctl 0 targets remove menu u2 u4
ctl 0 targets list menu --text
prints 'no target'
ctl 1 targets add menu nothing u1
complains "there is no variant 'nothing'"
seq -f 'user-%.0f' 20000 | "$bin/ffctl" targets add menu new --file - >/dev/null
gives user-19999 new
ctl 0 targets list menu --text
says 'new      user  20000  user-1, user-2'

step "a terminal is asked back"
at_terminal 1 n rules add menu --serve new --at 0
says 'flag menu' '/targeting_rules/0: + {"name":"rule-4","variant":"new"}' 'Change it so? [y/N]' 'nothing is changed'
stop_agent
