#!/usr/bin/env bash
# ctest: quick timeout=120
# Definitions out of the agent and into it: what is exported is what agents, lint and import take, in
# both formats; what comes from LaunchDarkly's format gives everybody the same as there.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

everything >"$work/ld.json"

# questions: of many users, about many flags.
questions() {
    local flag i
    for flag in gate shop number dark; do
        for ((i = 0; i < 60; i++)); do
            printf '{"flag":"%s","context":{"kind":"user","key":"u%d","country":"%s","plan":"%s","age":%d}}\n' \
                $flag $i "$([ $((i % 2)) = 0 ] && echo US || echo FR)" "$([ $((i % 3)) = 0 ] && echo pro || echo no)" $((i * 2))
        done
    done
}

# answers ARGUMENT...: without versions, names of variants and of the snapshot.
answers() {
    questions | "$bin/ffctl" eval --batch "$@" | sed 's/,"version".*//; s/"variant":[^,]*,//'
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 import
complains 'a command is needed'
ctl 2 import native
complains 'which file?'
ctl 2 export --format xml
complains "--format 'xml': write native or ld"
ctl 2 export flags.yaml
complains "'flags.yaml' is one word too many; --output flags.yaml?"
ctl 1 import native "$work/nowhere.yaml"
complains 'No such file'
ctl 1 import native "$work/ld.json"
complains 'does not begin with ffshm: 1; ffctl import ld takes'
printf 'ffshm: 1\nflags: {}\nflag: {}\n' >"$work/bad.yaml"
ctl 1 import native "$work/bad.yaml"
complains 'there is no member "flag"'
printf 'ffshm: 1\nflags: {a: {}}\n' >"$work/a.yaml"
ctl 1 import native "$work/a.yaml" "$work/a.yaml"
complains 'flags.a is in another of these files, too'
ctl 1 import ld "$work/a.yaml"
complains 'this is the native format already'
ctl 1 export
complains 'no agent at'

start_agent --state "$work/state.db"
await_log 'event=published'

step "from LaunchDarkly's format: everybody gets the same, for the same reason"
answers --flags "$work/ld.json" >"$work/before"
ctl 0 import ld "$work/ld.json" --dry-run --text
says '+ flag gate' '+ segment payers' 'would be imported: 5 created; nothing is stored'
ctl 0 import ld "$work/ld.json" --reason 'the move' --text
says 'imported: 5 created; generation 1.2'
answers >"$work/after"
diff "$work/before" "$work/after" || fail "somebody gets something else"
[ "$(grep -c RULE_MATCH "$work/after")" -gt 10 ] || fail "the rules are not tried"
ctl 0 flags get shop --yaml
says 'salt: salt' "{flag: gate, variant: \"on\"}" 'operator: in_segment'
ctl 0 import ld "$work/ld.json"
says '"created":0,"updated":0,"unchanged":5'
ctl 0 audit --text
says 'the move'

step "what cannot be said is refused with its reason, or left out"
cat >"$work/experiment.json" <<'JSON'
{"flags": {
 "test": {"on": true, "variations": [1, 2], "offVariation": 0, "fallthrough": {"rollout": {"kind": "experiment",
   "variations": [{"variation": 0, "weight": 50000}, {"variation": 1, "weight": 50000}]}}},
 "good": {"on": true, "variations": [true, false], "offVariation": 1, "fallthrough": {"variation": 0}, "trackEvents": true}},
 "flagValues": {"constant": "x"},
 "segments": {"big": {"unbounded": true}}}
JSON
ctl 1 import ld "$work/experiment.json"
complains 'flag test: refused: it has an experiment' 'segment big: refused: it is a big segment' \
    'flag good: not part of a definition: event tracking' '2 of it cannot be said in a definition; --skip-refused'
ctl 1 flags get good
ctl 0 import ld "$work/experiment.json" --skip-refused --text
says '+ flag good' '+ flag constant' 'imported: 2 created'
ctl 0 eval constant --key u --raw
prints x
printf '{"flags": [' >"$work/bad.json"
ctl 1 import ld "$work/bad.json"
complains "$work/bad.json:1:"

step "out, as it is kept: what agents and lint take, and import takes back"
ctl 0 flags create late --file - <<'YAML'
variants: [{key: "on", value: true}, {key: "off", value: false}]
default_variant: "on"
schedule: [{at: "2099-01-01T00:00:00Z", set: {enabled: false}}]
YAML
ctl 0 export --output "$work/out.yaml"
complains "$work/out.yaml: 7 flags, 1 segments"
[ "$(ls "$work"/out.yaml*)" = "$work/out.yaml" ] || fail "something is left behind"
head -n 2 "$work/out.yaml" | diff - <(printf 'ffshm: 1\nflags:\n') || fail "this is no YAML"
ctl 0 lint "$work/out.yaml"
answers --flags "$work/out.yaml" | diff "$work/before" - || fail "somebody gets something else by the file"
ctl 0 export --output "$work/out.json"
ctl 0 export
cmp "$out" "$work/out.json"
ctl 0 import native "$work/out.yaml"
says '"unchanged":8'
ctl 1 export --output /nowhere/out.yaml
complains '/nowhere/out.yaml: No such file'
ctl 0 flags archive late
ctl 0 export
silent_on '"late"'
ctl 0 flags restore late

step "out in LaunchDarkly's format, and back"
ctl 0 rules add good --if 'plan exists' --serve off --percentage 50
ctl 0 export --format ld --output "$work/out-ld.json"
complains '1 flag uses the operators exists or bucketBelow, which only ffshm knows'
answers --flags "$work/out-ld.json" | diff "$work/before" - || fail "somebody gets something else by LaunchDarkly's file"
ctl 0 import ld "$work/out-ld.json"
answers | diff "$work/before" - || fail "somebody gets something else when it is back"
ctl 0 export --format ld --output "$work/again.json"
cmp "$work/out-ld.json" "$work/again.json"
ctl 0 import ld "$work/again.json"
says '"updated":0'
ctl 0 import native "$work/out.yaml"
ctl 1 import ld "$work/out.yaml"

step "differences, and a question; faults with their file and place"
sed 's/value: red/value: crimson/' "$work/out.yaml" >"$work/new.yaml"
at_terminal 1 n import native "$work/new.yaml"
says '~ flag shop' '/variants/0/value: "red" -> "crimson"' 'Import it? [y/N] n' 'nothing is changed'
at_terminal 0 y import native "$work/new.yaml"
says 'would be imported:' 'Import it? [y/N] y' 'imported: '
printf 'ffshm: 1\nflags:\n  a:\n    variants: [{key: x, value: 1}]\n    default_variant: y\n' >"$work/wrong.yaml"
ctl 1 import native "$work/wrong.yaml"
complains "$work/wrong.yaml:5:5: flags.a.default_variant: there is no variant \"y\""
printf 'ffshm: 1\nflags: {a: {variants: [{key: x, value: 1}], default_variant: x}}\n' >"$work/right.yaml"
printf 'ffshm: 1\nflags: {b: {variants: [{key: x, value: 1}], default_variant: x, prerequisites: [{flag: c, variant: x}]}}\n' >"$work/wrong.yaml"
ctl 1 import native "$work/right.yaml" "$work/wrong.yaml"
complains "$work/wrong.yaml:2:" 'flags.b.prerequisites[0].flag: there is no flag "c"'
ctl 1 flags get a
ctl 0 import native - --text <"$work/right.yaml"
says '+ flag a' 'imported: 1 created'

step "replaced, and put back"
ctl 0 export --output "$work/all.yaml"
ctl 0 import native "$work/right.yaml" --replace --text
says '- flag shop' '- segment payers' 'imported: 8 deleted, 1 unchanged; generation'
ctl 0 export
prints '{"ffshm":1,"flags":{"a":{"variants":[{"key":"x","value":1}],"default_variant":"x"}},"segments":{}}'
ctl 0 import native "$work/all.yaml" --replace
ctl 0 export --output "$work/all-again.yaml"
cmp "$work/all.yaml" "$work/all-again.yaml"
stop_agent
