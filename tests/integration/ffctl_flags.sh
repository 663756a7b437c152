#!/usr/bin/env bash
# ctest: quick timeout=120
# Flags by ffctl, as a new user and as a script would: made, listed, rolled out, turned off and on,
# copied, archived, deleted; and what is refused says why.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.json
everything >"$file"

# value FLAG KEY: what it serves to this context.
value_for() {
    "$bin/ffctl" eval "$1" --key "$2" --raw
}

# share FLAG VALUE: of 1000 contexts, how many get it.
share() {
    local i
    for ((i = 0; i < 1000; i++)); do
        printf '{"flag":"%s","context":{"kind":"user","key":"k%d"}}\n' "$1" $i
    done | "$bin/ffctl" eval --batch | grep -cF "\"value\":$2,"
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 flags
complains 'ffctl flags: a command is needed'
ctl 2 flags lst
complains "unknown command 'lst'; did you mean 'list'?"
for command in get create enable disable archive restore delete; do
    ctl 2 flags $command
    complains "ffctl flags $command: which flag? its key is needed"
    ctl 2 flags $command a b
    complains "'b' is one word too many"
done
ctl 2 flags list x
complains "'x' is one word too many; --prefix x?"
ctl 2 flags copy a
complains 'what key shall the new one have?'
ctl 2 flags create a --variants on,off
complains '--default NAME is needed'
ctl 2 flags create a --variants '=1' --default x
complains "'=1' is no variant"
ctl 2 flags create a --boolean --variant on=1
complains '--boolean has the variants on and off'
ctl 2 flags create a --file /dev/null --tag x
complains '--file has the whole definition'
ctl 2 rollout
complains 'which flag?'
ctl 2 rollout a
complains 'how far?'
ctl 2 rollout a 101
complains "'101': write VARIANT=PERCENT"
ctl 2 rollout a on=x
complains 'a number from 0 to 100'
ctl 2 rollout a 10 on=10
complains 'either a percentage alone, or VARIANT=PERCENT'
ctl 1 flags list
complains 'no agent at'

many=()
for ((i = 0; i < 1100; i++)); do
    many+=("many-$i=$i")
done
flags "${many[@]}" >"$work/many.yaml"
start_agent --flags "$file" --flags "$work/many.yaml" --state "$work/state.db"
await_agent

step "a boolean flag in one short line, rolled out in another, killed and revived"
ctl 0 flags create new-checkout --text
prints 'new-checkout: created; version 1; generation 1.2'
[ "$(value_for new-checkout u1)" = false ] || fail "it is on already"
ctl 0 rollout new-checkout 10% --text
prints 'new-checkout: rolled out; version 2; generation 1.3
  /variants/0/percentage: + 10'
count=$(share new-checkout true)
((count > 60 && count < 140)) || fail "$count of 1000 have it"
ctl 0 rollout new-checkout on=100
[ "$(share new-checkout true)" = 1000 ] || fail "not everybody has it"
ctl 0 flags kill new-checkout --reason 'wrong prices'
[ "$(value_for new-checkout u1)" = false ] || fail "it is not killed"
ctl 0 flags list --text
says 'new-checkout  killed'
ctl 0 flags get new-checkout --text
says 'killed       2' ': wrong prices'
ctl 0 flags revive new-checkout
[ "$(value_for new-checkout u1)" = true ] || fail "it is not revived"
ctl 1 flags create new-checkout
complains 'there is one of this key already' '(409)'

step "of options"
ctl 0 flags create banner --variants 'blue,green=#0f0,list=[1, "a,b"],none=null' --default blue \
    --fallback none --tag web --tag two --name 'The banner' --description $'One\nTwo' --owner ann \
    --permanent --disabled
ctl 0 flags get banner --yaml
prints 'name: The banner
description: |-
  One
  Two
tags: [web, two]
owner: ann
temporary: false
enabled: false
variants:
- {key: blue, value: blue}
- {key: green, value: '"'#0f0'"'}
- {key: list, value: [1, '"'a,b'"']}
- {key: none, value: null}
default_variant: blue
fallback_variant: none'
ctl 0 flags create limit --variant 'low={"rps": 5, "burst": 9}' --variant 'n=1.5' --default low
[ "$(value_for limit u1)" = '{"rps":5,"burst":9}' ] || fail "the value is another"
ctl 1 flags create x --variants a,b --default c
complains 'there is no variant "c"' '(422'

step "of a file, with the place of what is wrong"
ctl 0 flags get banner --yaml
mv "$out" "$work/banner.yaml"
"$bin/ffctl" flags create banner2 --file - <"$work/banner.yaml" >/dev/null
ctl 0 flags get banner2 --yaml
diff "$work/banner.yaml" "$out"
printf 'variants:\n- {key: a, value: 1}\n- {key: a, value: 2}\n' >"$work/bad.yaml"
ctl 1 flags create x --file "$work/bad.yaml"
complains "$work/bad.yaml:3:4: variants[1].key: \"a\" is also the key of variants[0]"
printf 'ffshm: 1\nflags:\n  y: {variants: []}\n  x:\n    enable: true\n    variants: [{key: a, value: 1}]\n' >"$work/whole.yaml"
ctl 1 flags create x --file "$work/whole.yaml"
complains "$work/whole.yaml:5:5: enable: " 'did you mean enabled?'
ctl 1 flags create z --file "$work/whole.yaml"
complains "there is no flag 'z' in it"
printf 'variants: [\n' >"$work/bad.yaml"
ctl 1 flags create x --file "$work/bad.yaml"
complains "$work/bad.yaml:" 'is it written to its end?'
ctl 1 flags create x --file "$work/nowhere.yaml"
complains 'nowhere.yaml: No such file'

step "what a file serves is not taken over by mistake"
ctl 1 flags create gate
complains "there is a flag 'gate' from file:$file: with --take-over"
ctl 1 flags disable gate
complains 'kill it'
ctl 1 rollout gate 10
complains "comes from file:$file: change it there, or"
ctl 1 flags get gate --yaml
complains 'has no definition here'
ctl 0 flags get gate --text
says "source       file:$file" "in LaunchDarkly's terms" 'variations: [false, true]'
ctl 0 flags create gate --take-over --dry-run
says '"dryRun":true' '"shadows":"file:'
ctl 0 flags create gate --take-over
[ "$(value_for gate u1)" = false ] || fail "it is not taken over"
ctl 0 flags delete gate
[ "$(value_for gate u1)" = true ] || fail "it does not give way"

step "listed"
ctl 0 flags list --prefix banner --text
prints 'FLAG     STATE  VARIANTS                 SOURCE  TAGS      NAME
banner   off    blue, green, list, none  admin   web, two  The banner
banner2  off    blue, green, list, none  admin   web, two  The banner'
ctl 0 flags list --tag two --source admin
says '"key":"banner"' '"key":"banner2"'
silent_on '"key":"limit"'
ctl 0 flags list --source file --text
says 'gate' 'shop'
silent_on banner
ctl 0 flags list --prefix nothing --text
prints 'no flag'
ctl 1 flags list --dir /nowhere
NO_COLOR='' at_terminal 0 '' flags list --prefix new
says $'\033[32mon\033[0m'
at_terminal 0 '' flags list
silent_on $'\033'

step "all pages of it"
ctl 0 flags list --prefix many-
says '"next":null'
[ "$(grep -o '"key":"many-' "$out" | wc -l)" = 1100 ] || fail "some are missing"

step "the rest of a flag's life"
ctl 0 flags enable banner --text
says 'banner: enabled; version 2;' '/enabled: false -> true'
ctl 0 flags enable banner --text
says 'it was so already'
ctl 0 flags disable banner --reason 'too blue' --dry-run --text
says 'would be disabled; nothing is stored'
ctl 0 flags disable banner --reason 'too blue'
ctl 0 flags get banner --text
says 'state        off' 'changed      2' ': too blue'
ctl 0 flags copy banner banner3 --text
says 'banner3: created'
ctl 1 flags copy banner banner3
complains '(409)'
ctl 0 flags archive banner3 --text
says 'banner3: archived'
ctl 0 flags list --text --prefix banner3 --archived
says 'archived'
ctl 1 rollout banner3 blue=100
complains "the flag 'banner3' is archived: ffctl flags restore"
ctl 0 flags restore banner3
ctl 0 flags delete banner3 --text
says 'banner3: deleted'
ctl 1 flags get banner3
complains '(404)'
ctl 0 flags create banner3 --text
says 'banner3: created; version 5'
ctl 1 flags enable nowhere
complains 'there is no flag "nowhere"' '(404)'

step "a terminal is asked back, with what changes"
at_terminal 1 n flags disable new-checkout
says 'Disable new-checkout: everybody gets its fallback variant? [y/N]' 'nothing is changed'
at_terminal 0 y flags disable new-checkout
says 'new-checkout: disabled'
at_terminal 1 n rollout new-checkout 20
says 'flag new-checkout' '/variants/0/percentage: 100 -> 20' 'Change it so? [y/N]' 'nothing is changed'
at_terminal 0 y rollout new-checkout 20
says '/variants/0/percentage: 100 -> 20' 'new-checkout: rolled out; version 5' 'the flag is disabled'
at_terminal 0 n rollout new-checkout 30 --yes
silent_on '[y/N]'

step "shares: who gets the rest"
ctl 0 flags enable new-checkout
ctl 0 rollout new-checkout off=100
ctl 0 flags get new-checkout --yaml
says '{key: "on", value: true}' '{key: "off", value: false, percentage: 100}'
ctl 0 rollout new-checkout off=99.5
says '"path":"/variants/0/percentage","after":0.5'
ctl 1 rollout new-checkout onn=5
complains "there is no variant 'onn'; did you mean 'on'?"
ctl 1 rollout new-checkout on=60 off=50
complains 'add up to 110, more than 100'
ctl 1 rollout new-checkout on=10 on=20
complains "'on' has two shares"
ctl 0 flags create three --variants a,b,c --default a
ctl 0 rollout three b=20 c=30 --bucket-by team --kind org
ctl 0 flags get three --yaml
says '{key: a, value: a}' '{key: b, value: b, percentage: 20}' 'bucket_by: team' 'kind: org'
ctl 1 rollout three a=20
complains '80 % are left over: which variant gets them? There are a, b, c'
ctl 1 rollout three a=20 b=30
complains '50 % are left over'
ctl 0 rollout three a=20 b=30 c=50
says '"path":"/variants/2/percentage","before":30,"after":50'
ctl 2 rollout three 10
complains 'which variant is meant?'
ctl 1 rollout three a=0.0001 b=99.9999
complains 'more than three decimals' '(422'

step "somebody else is faster: nothing is lost"
for ((i = 0; i < 10; i++)); do
    "$bin/ffctl" rollout three c=$((i * 2)) b=30 >/dev/null 2>"$work/race" || touch "$work/lost"
done &
racer=$!
for ((i = 0; i < 10; i++)); do
    "$bin/ffctl" rollout three c=$((i * 2)) b=40 >/dev/null
done
wait $racer
[ ! -e "$work/lost" ] || fail "a change was lost: $(cat "$work/race")"
ctl 0 audit verify
stop_agent
