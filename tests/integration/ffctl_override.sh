#!/usr/bin/env bash
# ctest: quick
# What ffctl tells of flags that are killed or pinned: eval, explain, status, snapshot dump.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.json
everything >"$file"

# override WORD...: publishes the file with these overrides; see override_store.c.
override() {
    "$FFSHM_BUILD_DIR/tests/override_store" "$store" "$file" "$@" 2>"$err" || {
        cat "$err"
        fail "override_store $*"
    }
}

step "no override, no word of one"
override
ctl 0 status --text
grep -q overridden "$out" && fail "status tells of overrides that there are not"
ctl 0 status --json
says '"overridden":{"count":0,"first":[]}'
ctl 0 eval shop --key vip --json
grep -q override "$out" && fail "eval tells of an override that there is not"

step "a killed flag: off, by whom and why"
override kill shop ann $'wrong prices\nsince noon'
ctl 0 eval shop --key vip --text
says '"red"' 'variation 0: OFF, version 7' 'override: kill by ann: wrong prices since noon'
ctl 0 eval shop --key vip --json
says '"value":"red"' '"reason":{"kind":"OFF"}' '"override":"override: kill by ann: wrong prices since noon"'
ctl 0 explain shop --key vip --text
says 'flag shop, version 7, override: kill by ann: wrong prices since noon' 'the flag is killed' \
    'serves variation 0 = "red": OFF'
ctl 0 explain shop --key vip --json
says '"step":"flag","key":"shop","version":7,"override":"override: kill by ann: wrong prices since noon"}' \
    '"step":"off"}'
ctl 0 snapshot dump --json
says '"key":"shop","version":7,"on":false' '"prerequisites":0,"targets":0,"rules":0' '"overridden":true' \
    '"provenance":"override: kill by ann: wrong prices since noon"'

step "a pinned flag: on, and one value for everybody"
override kill shop ann oops clear shop pin shop 1 bob launch
ctl 0 eval shop --key vip --text
says '"green"' 'variation 1: FALLTHROUGH' 'override: pin to 1 by bob: launch'
ctl 0 explain shop --key vip --text
says 'flag shop, version 7, override: pin to 1 by bob: launch' 'the flag is pinned'

step "what depends on it sees a flag that is off, or on"
override kill gate ann errors
ctl 0 explain shop --key vip --text
says 'flag gate, version 3, override: kill by ann: errors' 'prerequisite 0: gate: fails: the flag is off' \
    'PREREQUISITE_FAILED'
override pin gate 1 ann errors
ctl 0 explain shop --key vip --text
says 'override: pin to 1 by ann: errors' 'the flag is pinned' 'prerequisite 0: gate: holds'

step "a variant that the flag does not have: killed, and the log says so"
override pin gate blue ann later
grep -q 'event=override-unmatched flag=gate' "$err" || fail "no warning of the variant"
ctl 0 eval gate --key u --text
says 'false' 'OFF' 'override: kill, for want of variant blue by ann: later'

step "a flag without off variation gives the caller's default"
override kill number ann errors
ctl 0 eval number --key u --default 9 --text
says '9' 'the default: OFF'

step "status counts them and names the first"
override kill gate a r kill shop a r
ctl 0 status --text
says 'overridden   2 flags: gate, shop'
ctl 0 status --json
says '"overridden":{"count":2,"first":["gate","shop"]}'
{
    printf '{"flags":{'
    for i in 7 3 1 6 2 5 4; do printf '"f%s":{"variations":[1]},' "$i"; done
    printf '"untouched":{"variations":[1]}}}\n'
} >"$file"
override kill f7 a r kill f3 a r kill f1 a r kill f6 a r kill f2 a r kill f5 a r kill f4 a r
ctl 0 status --text
says 'overridden   7 flags: f1, f2, f3, f4, f5, ...'
ctl 0 status --json
says '"overridden":{"count":7,"first":["f1","f2","f3","f4","f5"]}'
