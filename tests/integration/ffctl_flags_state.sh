#!/usr/bin/env bash
# ctest: quick
# ffctl flags-state of definition files, without any agent.
# shellcheck disable=SC2016  # $valid and $flagsState are members, not variables
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/everything.json
everything >"$file"

# same JSON: the output is one line with this value, whatever the order of the members.
same() {
    python3 - "$out" "$1" <<'PYTHON' || { cat "$out"; fail "the output is not: $1"; }
import json, sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 1, lines
assert json.loads(lines[0]) == json.loads(sys.argv[2]), lines[0]
PYTHON
}

step "every flag has its value, and what is said about it"
ctl 0 flags-state --key u1 --attr country=US --flags "$file"
same '{"gate": true, "shop": "green", "number": 2.75, "dark": null, "$valid": true,
    "$flagsState": {"gate": {"variation": 1, "version": 3},
        "shop": {"variation": 1, "version": 7, "prerequisites": ["gate"]},
        "number": {"variation": 0, "version": 1}, "dark": {"version": 2}}}'
cp "$out" "$work/as-json"
ctl 0 flags-state --text --flags "$file" --context '{"kind":"user","key":"u1","country":"US"}'
cmp "$out" "$work/as-json" || fail "--text or --context changes it"

step "with reasons"
ctl 0 flags-state --key u1 --attr country=US --with-reasons --flags "$file"
says '"reason":{"kind":"RULE_MATCH","ruleIndex":0,"ruleId":"by-country"}' '"reason":{"kind":"OFF"}'

step "only for browsers, and details only where they are needed; several files"
cat >"$work/more.json" <<'JSON'
{"flags": {
  "page": {"key": "page", "version": 5, "on": true, "variations": ["a"], "fallthrough": {"variation": 0},
    "clientSideAvailability": {"usingEnvironmentId": true, "usingMobileKey": false}},
  "tracked": {"key": "tracked", "version": 6, "on": true, "variations": ["b"], "trackEvents": true,
    "fallthrough": {"variation": 0},
    "clientSideAvailability": {"usingEnvironmentId": true, "usingMobileKey": false}}}}
JSON
ctl 0 flags-state --flags "$file" "$work/more.json" --key u1 --client-side-only \
    --details-only-for-tracked --with-reasons
same '{"page": "a", "tracked": "b", "$valid": true, "$flagsState": {"page": {"variation": 0},
    "tracked": {"variation": 0, "version": 6, "reason": {"kind": "FALLTHROUGH"}, "trackEvents": true}}}'

step "no snapshot, or an invalid context: not valid, and exit code 1"
ctl 1 flags-state --key u1 --dir "$work/nowhere"
prints '{"$flagsState":{},"$valid":false}'
complains 'start ffagent'
ctl 1 flags-state --context '{half' --flags "$file"
prints '{"$flagsState":{},"$valid":false}'
complains 'the context is refused'

step "wrong usage"
ctl 2 flags-state
complains '--context JSON or --key KEY'
ctl 2 flags-state shop --key u1
complains "what is 'shop'?"
ctl 2 flags-state --key u1 --default 1
ctl 2 flags-state --key u1 --with-raesons
complains "did you mean '--with-reasons'"
ctl 2 eval shop --key u1 --with-reasons
