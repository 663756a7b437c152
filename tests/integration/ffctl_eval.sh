#!/usr/bin/env bash
# ctest: quick
# ffctl eval and explain of definition files, without any agent.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/everything.json
everything >"$file"

# shop ARGUMENT...: evaluates the flag for user u1, who pays.
shop() {
    ctl 0 eval shop --key u1 --flags "$file" "$@"
}

step "a value comes with its variation, reason and version"
shop --attr country=US
prints '{"flag":"shop","value":"green","variation":1,"variant":null,"reason":{"kind":"RULE_MATCH","ruleIndex":0,"ruleId":"by-country"},"version":7,"generation":1}'
shop --attr country=US --text
says '"green"' 'RULE_MATCH rule 0 by-country' 'version 7'

step "files may come before or after the flag, and be several"
flags plain='"x"' >"$work/native.yaml"
ctl 0 eval --flags "$file" "$work/native.yaml" plain --key u1
says '"value":"x"' '"variant":"only"'
ctl 0 eval plain --flags "$file" --flags "$work/native.yaml" --key u1 --raw
prints x

step "attributes are JSON where they look like it, and strings where not"
shop --attr age=65
says '"value":{"b":[1,2.5]}' '"ruleId":"by-age"'
shop --attr 'age:="65"'
says '"kind":"FALLTHROUGH"'
shop --attr 'country=["DE","CA"]'
says '"kind":"RULE_MATCH"'
shop --attr country=U=S --attr country=US
says '"kind":"RULE_MATCH"'

step "a context may be given as JSON: single, multi-kind, or an old user"
for context in '{"kind":"user","key":"vip"}' '{"key":"vip","custom":{"x":1}}' \
    '{"kind":"multi","user":{"key":"vip"},"org":{"key":"o"}}'; do
    ctl 0 eval shop --context "$context" --flags "$file"
    says '"variation":2' '"kind":"TARGET_MATCH"'
done

step "errors serve the default, say which, and end with 1"
ctl 1 eval nothing --key u1 --default '{"a": "b c"}' --flags "$file"
prints '{"flag":"nothing","value":{"a":"b c"},"variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"FLAG_NOT_FOUND"},"version":0,"generation":1}'
ctl 1 eval shop --context '{"kind":"user"}' --default '"d"' --flags "$file"
says '"value":"d"' '"errorKind":"USER_NOT_SPECIFIED"'
ctl 1 eval shop --context '{half' --flags "$file"
says '"value":null' '"errorKind":"USER_NOT_SPECIFIED"'
complains 'the context is refused: not JSON (at byte 1)'
ctl 1 eval shop --key u1 --type bool --default false --flags "$file"
says '"value":false' '"errorKind":"WRONG_TYPE"'

step "for a flag that is not there, one with a similar key is named"
ctl 1 eval shpo --key u1 --flags "$file"
complains 'no flag "shpo"; did you mean shop?'
ctl 1 explain numbre --key u1 --flags "$file"
complains 'no flag "numbre"; did you mean number?'
ctl 1 eval nothing-like-it --key u1 --flags "$file"
complains 'no flag "nothing-like-it"'
if grep -q 'did you mean' "$err"; then
    fail "a key is named that is not similar"
fi

step "off without an off variation is the default, but no error"
ctl 0 eval dark --key u1 --default 5 --flags "$file"
says '"value":5' '"variation":null' '"reason":{"kind":"OFF"}'

step "types and --raw"
ctl 0 eval number --key u1 --type int --raw --flags "$file"
prints 2
ctl 1 eval nothing --key u1 --raw --default '"a \"b\""' --flags "$file"
prints 'a "b"'

step "no snapshot: the default, and what to do"
ctl 1 eval shop --key u1 --default true --dir "$work/nowhere"
says '"value":true' '"errorKind":"CLIENT_NOT_READY"'
complains 'start ffagent'

step "a fault in a file is told with its place"
printf 'ffshm: 1\nflags:\n  a:\n    variants: 3\n' >"$work/bad.yaml"
ctl 1 eval a --key u1 --flags "$work/bad.yaml"
complains "$work/bad.yaml:4:" 'flags.a.variants'

step "explain tells operands, hash input and bucket"
ctl 0 explain shop --key u5 --attr country=US --attr plan=pro --flags "$file" --text
says 'flag shop, version 7' \
    'prerequisite 0: gate: holds' \
    'clause: user country = "US", in ["US","CA"]: yes' \
    'clause: user plan = "pro", in ["pro"]: yes' \
    'bucket by user key: SHA-1("payers.s.u5") begins ' \
    'segment payers: a member' \
    'serves variation 1 = "green": RULE_MATCH' 'result: "green"'
ctl 0 explain shop --key u2 --flags "$file"
python3 - "$out" <<'PYTHON' || fail "explain's JSON is not what was evaluated"
import hashlib, json, sys
told = json.load(open(sys.argv[1]))
bucket = [s for s in told["steps"] if s["step"] == "bucket"][0]
hashed = hashlib.sha1(bucket["hashInput"].encode()).hexdigest()[:15]
assert bucket["hash"] == hashed, bucket
assert abs(bucket["bucket"] - int(hashed, 16) / (2**60 - 1)) < 1e-6, bucket
assert told["steps"][-1]["step"] == "serve" and told["steps"][-1]["value"] == told["value"], told
assert told["reason"] == {"kind": "FALLTHROUGH"}
PYTHON
ctl 1 explain nothing --key u1 --flags "$file" --text
says 'FLAG_NOT_FOUND'

step "what is not there is not printed"
cat >"$work/terse.yaml" <<'YAML'
ffshm: 1
flags:
  plain:
    variants: [{key: a, value: 1}, {key: b, value: 2}]
    default_variant: a
    targeting_rules:
      - {conditions: [{attribute: country, operator: exists}], variant: b}
YAML
ctl 0 explain plain --key u1 --attr country=US --flags "$work/terse.yaml" --text
says 'clause: user country = "US", exists: yes'
cat >"$work/terse.json" <<'JSON'
{"flags": {"plain": {"on": true, "version": 1, "variations": [1, 2], "rules": [
  {"variation": 1, "clauses": [{"attribute": "key", "op": "in", "values": ["u1"]}]}]}}}
JSON
ctl 0 eval plain --key u1 --flags "$work/terse.json" --text
says 'RULE_MATCH rule 0, version 1'

step "wrong usage ends with 2 and names what was meant"
ctl 2 evl
complains "did you mean 'eval'"
ctl 2 eval shop --contxt '{}'
complains "did you mean '--context'"
ctl 2 eval shop --key
complains "'--key' needs a value"
ctl 2 eval shop
complains '--context JSON or --key KEY'
ctl 2 eval shop --key u1 --context '{}'
ctl 2 eval shop --key u1 --attr country
ctl 2 eval shop --key u1 --default not-json
ctl 2 eval shop --key u1 --attr kind=org
ctl 2 eval
ctl 2

step "no value commands the terminal; as JSON it is the same"
flags esc='"\u009b2J\u202e"' >"$work/escapes.yaml"
for command in 'eval --text' 'eval --json' 'explain --text' 'explain --json' 'flags-state --json'; do
    flag=esc
    [ "${command%% *}" != flags-state ] || flag=
    # shellcheck disable=SC2086
    ctl 0 $command $flag --flags "$work/escapes.yaml" --key u1
    says '"\u009b2J\u202e"'
    ! LC_ALL=C grep -q $'[\x80-\xff]' "$out" || fail "$command prints what it should escape"
done

step "every command has help with examples"
for command in '' eval explain flags-state lint status snapshot; do
    # shellcheck disable=SC2086
    ctl 0 $command --help
    says usage: Examples 'Exit codes'
done
ctl 0 help eval
says 'usage: ffctl eval'
for option in --version -V; do
    ctl 0 $option
    says 'ffctl '
done
