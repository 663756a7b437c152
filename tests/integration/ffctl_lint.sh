#!/usr/bin/env bash
# ctest: quick
# ffctl lint: faults and warnings with their places, across files.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/everything.json
everything >"$file"

step "good files are good"
ctl 0 lint "$file" --text
says '1 file, 4 flags, 1 segment: 0 faults, 1 warning' \
    "warning: $file:6:" 'flags.shop.variations: variations are of different types: a typed call gets its fallback for some'

step "each faulty file tells its fault, with file, line, column and member"
cat >"$work/typo.yaml" <<'YAML'
ffshm: 1
flags:
  a:
    enabeld: true
    variants: [{key: only, value: 1}]
    default_variant: only
YAML
printf '{"flags": {"b": {"variations": 3}}}' >"$work/wrong.json"
ctl 1 lint "$work/typo.yaml" "$file" "$work/wrong.json" "$work/missing.yaml" --text
says "fault: $work/typo.yaml:4:5: flags.a.enabeld" "fault: $work/wrong.json:1:" flags.b.variations \
    "$work/missing.yaml" ': 3 faults'
ctl 1 lint "$work/typo.yaml"
python3 - "$out" <<'PYTHON' || fail "the JSON report is wrong"
import json, sys
report = json.load(open(sys.argv[1]))
[fault] = report["faults"]
assert (fault["line"], fault["column"], fault["member"]) == (4, 5, "flags.a.enabeld"), fault
assert fault["cause"] and report["warnings"] == [] and report["fault_count"] == 1
PYTHON

step "the same key in two files is a fault that names both"
cp "$file" "$work/copy.json"
ctl 1 lint "$file" "$work/copy.json" --text
says "$file" "$work/copy.json"

step "what is defined nowhere is a warning, unless another file defines it"
cat >"$work/one.json" <<'JSON'
{"flags": {
  "one": {"on": true, "variations": [1, 2], "fallthrough": {"variation": 0},
    "prerequisites": [{"key": "two", "variation": 0}],
    "rules": [{"variation": 1, "clauses": [{"op": "segmentMatch", "values": ["crowd"]}]}]}}}
JSON
cat >"$work/two.json" <<'JSON'
{"flags": {"two": {"on": true, "variations": [1], "fallthrough": {"variation": 0}}},
 "segments": {"crowd": {"included": ["a"]}}}
JSON
ctl 0 lint "$work/one.json" --text
says "warning: $work/one.json:3:" 'flags.one.prerequisites[0]: the prerequisite "two" is defined nowhere' \
    "warning: $work/one.json:4:" 'flags.one.rules[0].clauses[0]: the segment "crowd" is defined nowhere' \
    '0 faults, 2 warnings'
ctl 1 lint --strict "$work/one.json"
ctl 0 lint --strict "$work/one.json" "$work/two.json" --text
says ': 0 faults, 0 warnings'

step "cycles are faults, across files too"
cat >"$work/back.json" <<'JSON'
{"flags": {"two": {"on": true, "variations": [1], "fallthrough": {"variation": 0},
   "prerequisites": [{"key": "one", "variation": 0}]}},
 "segments": {
  "crowd": {"rules": [{"clauses": [{"op": "segmentMatch", "values": ["mob"]}]}]},
  "mob": {"rules": [{"clauses": [{"op": "segmentMatch", "values": ["crowd"]}]}]}}}
JSON
ctl 1 lint "$work/one.json" "$work/back.json" --text
says "fault: $work/back.json:2:" 'one -> two -> one: prerequisites form a cycle' \
    'crowd -> mob -> crowd: segments form a cycle' ': 2 faults'

step "a long chain is told before it is too long; a very long one does not exhaust the stack"
chain() {
    awk -v n="$1" 'BEGIN {
        print "{\"flags\": {"
        for (i = 0; i < n; i++)
            printf "\"f%d\": {\"on\": true, \"variations\": [1], \"fallthrough\": {\"variation\": 0}%s}%s\n", i,
                i ? sprintf(", \"prerequisites\": [{\"key\": \"f%d\", \"variation\": 0}]", i - 1) : "",
                i < n - 1 ? "," : ""
        print "}}" }' </dev/null
}
chain 100 >"$work/chain.json"
ctl 0 lint "$work/chain.json" --text
says 'flags.f99: a chain of 99 prerequisites'
chain 20000 >"$work/chain.json"
ctl 1 lint "$work/chain.json" --text
says 'flags.f19999: a chain of 19999 prerequisites'

step "what can never match is a warning at its place, native files included"
cat >"$work/never.yaml" <<'YAML'
ffshm: 1
flags:
  a:
    variants: [{key: "off", value: 0}, {key: "on", value: 1}]
    default_variant: "off"
    targeting_rules:
      - name: everybody
        conditions: []
        variant: "on"
      - name: nobody
        conditions:
          - {attribute: country, operator: equals, value: US}
        variant: "on"
YAML
ctl 0 lint "$work/never.yaml" --text
says "warning: $work/never.yaml:10:" 'is never reached'

step "in a native segment the members have their own names"
cat >"$work/segments.yaml" <<'YAML'
ffshm: 1
segments:
  staff:
    rules:
      - conditions:
          - {attribute: email, operator: matches, value: "(("}
      - conditions:
          - attribute: email
            operator: matches
            value: ["a", "(("]
YAML
ctl 0 lint "$work/segments.yaml" --text
says "warning: $work/segments.yaml:6:" 'segments.staff.rules[0].conditions[0].value: can never match' \
    "warning: $work/segments.yaml:10:" 'segments.staff.rules[1].conditions[0].value[1]: can never match'

step "a name that is defined nowhere, but nearly"
cat >"$work/nearly.yaml" <<'YAML'
ffshm: 1
flags:
  gate:
    variants: [{key: "on", value: true}, {key: "off", value: false}]
    default_variant: "off"
  shop:
    variants: [{key: "on", value: true}, {key: "off", value: false}]
    default_variant: "off"
    prerequisites: [{flag: gaet, variant: "on"}]
    targeting_rules:
      - {conditions: [{operator: in_segment, value: stuff}], variant: "on"}
segments:
  staff: {included: [a]}
YAML
ctl 0 lint "$work/nearly.yaml" --text
says 'the prerequisite "gaet" is defined nowhere; did you mean "gate"? until it is' \
    'the segment "stuff" is defined nowhere; did you mean "staff"? until it is'

step "variants of several types, and a flag that disabling does not change"
cat >"$work/doubts.yaml" <<'YAML'
ffshm: 1
flags:
  mixed:
    variants: [{key: a, value: 1}, {key: b, value: 2.5}, {key: c, value: "3"}]
    default_variant: a
  same:
    enabled: false
    variants: [{key: "on", value: true}, {key: "off", value: false}]
    default_variant: "on"
  given:
    enabled: false
    variants: [{key: "on", value: true}, {key: "off", value: false}]
    default_variant: "on"
    fallback_variant: "off"
  waiting:
    enabled: false
    variants: [{key: "on", value: true}, {key: "off", value: false}]
    default_variant: "off"
  numbers:
    variants: [{key: a, value: 1}, {key: b, value: 2.5}]
    default_variant: a
YAML
ctl 0 lint "$work/doubts.yaml" --text
says "warning: $work/doubts.yaml:4:" 'flags.mixed.variants: variants are of different types' \
    "warning: $work/doubts.yaml:7:" \
    'flags.same.enabled: while disabled it serves the default variant "on"; give a fallback_variant' \
    '0 faults, 2 warnings'

step "weights that do not add up tell what becomes of the rest"
weights() {
    printf '{"flags":{"f":{"on":true,"variations":[1,2],"fallthrough":{"rollout":{"variations":[%s]}}}}}' \
        "{\"variation\":0,\"weight\":$1},{\"variation\":1,\"weight\":$2}" >"$work/weights.json"
}
weights 50000 40000
ctl 0 lint "$work/weights.json" --text
says 'add up to 90000, not to 100000: the last variation takes what is missing'
weights 90000 40000
ctl 0 lint "$work/weights.json" --text
says 'add up to 130000, not to 100000: what lies beyond 100000 is never served'

step "no file is wrong usage"
ctl 2 lint
