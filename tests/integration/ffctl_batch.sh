#!/usr/bin/env bash
# ctest: quick
# ffctl eval --batch: NDJSON in and out, in order, whatever the lines look like.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/everything.json
everything >"$file"

step "one answer a line, in order; malformed lines are named and end with 1"
cat >"$work/questions" <<'LINES'
{"flag":"shop","context":{"kind":"user","key":"vip"},"default":"d"}
not json

["a list"]
{"context":{"kind":"user","key":"u1"}}
{"flag":"gate","user":{"key":"u1"},"default":false}
{"default": {"x": "a b"} , "flag" : "n\u006fthing", "context":{"kind":"user","key":"u1"}}
{"flag":"sh\u006fp","context":{"kind":"user"},"default":1}
{"flag":"shop","context":null,"default":null}
{"flag":"a\u0000b","context":{"kind":"user","key":"u1"}}
{"flag":"number","context":{"kind":"user","key":"u1"},"type":"int"}
{"flag":"number","context":{"kind":"user","key":"u1"},"type":"string","default":"s"}
{"flag":"number","context":{"kind":"user","key":"u1"},"type":"colour"}
{"flag":"shop","default":null}
LINES
printf '{"flag":"gate","context":{"kind":"user","key":"no newline at the end"}}' >>"$work/questions"
ctl 1 eval --batch --flags "$file" <"$work/questions"
cat >"$work/answers" <<'LINES'
{"flag":"shop","value":{"b":[1,2.5]},"variation":2,"variant":null,"reason":{"kind":"TARGET_MATCH"},"version":7,"generation":1}
{"error":"not valid JSON","line":2}
{"error":"an empty line","line":3}
{"error":"not a JSON object","line":4}
{"error":"\"flag\" must be a string","line":5}
{"flag":"gate","value":true,"variation":1,"variant":null,"reason":{"kind":"FALLTHROUGH"},"version":3,"generation":1}
{"flag":"n\u006fthing","value":{"x":"a b"},"variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"FLAG_NOT_FOUND"},"version":0,"generation":1}
{"flag":"sh\u006fp","value":1,"variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"USER_NOT_SPECIFIED"},"version":7,"generation":1}
{"flag":"shop","value":null,"variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"USER_NOT_SPECIFIED"},"version":7,"generation":1}
{"flag":"a\u0000b","value":null,"variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"FLAG_NOT_FOUND"},"version":0,"generation":1}
{"flag":"number","value":2,"variation":0,"variant":null,"reason":{"kind":"FALLTHROUGH"},"version":1,"generation":1}
{"flag":"number","value":"s","variation":null,"variant":null,"reason":{"kind":"ERROR","errorKind":"WRONG_TYPE"},"version":1,"generation":1}
{"error":"\"type\" must be bool, int, double, string, any or json","line":13}
{"error":"neither \"context\" nor \"user\"","line":14}
{"flag":"gate","value":true,"variation":1,"variant":null,"reason":{"kind":"FALLTHROUGH"},"version":3,"generation":1}
LINES
diff "$work/answers" "$out" || fail "the answers are not these"

step "a file in place of stdin; no line at all is fine"
head -n 1 "$work/questions" >"$work/one"
ctl 0 eval --batch "$work/one" --flags "$file"
prints "$(head -n 1 "$work/answers")"
ctl 0 eval --batch --flags "$file" </dev/null
prints ''
ctl 1 eval --batch "$work/missing" --flags "$file"
complains "$work/missing"

step "lines of a megabyte"
python3 - >"$work/long" <<'PYTHON'
import json
for n in (1_000_000, 3_000_000, 10):
    print(json.dumps({"flag": "gate", "context": {"kind": "user", "key": "k", "text": "x" * n}}))
print("{" * 300_000)
print(json.dumps({"flag": "shop", "context": {"kind": "user", "key": "vip"}, "default": "y" * 1_000_000}))
PYTHON
ctl 1 eval --batch --flags "$file" <"$work/long"
[ "$(grep -c '"value":true' "$out")" = 3 ] || fail "a long line was not evaluated"
[ "$(sed -n 4p "$out")" = '{"error":"not valid JSON","line":4}' ] || fail "deep nesting is not refused"
sed -n 5p "$out" | grep -q TARGET_MATCH || fail "the line after a bad one is lost"

step "a conversation: each answer comes before the next question"
coproc TALK { "$bin/ffctl" eval --batch --flags "$file"; }
# shellcheck disable=SC2153
talk_pid=$TALK_PID
pids+=("$talk_pid")
for key in u1 vip u3; do
    printf '{"flag":"shop","context":{"kind":"user","key":"%s"}}\n' "$key" >&"${TALK[1]}"
    read -r -t 10 answer <&"${TALK[0]}" || fail "no answer for $key"
    [[ $answer == '{"flag":"shop"'* ]] || fail "not an answer: $answer"
done
eval "exec ${TALK[1]}>&-"
wait "$talk_pid" || fail "the conversation ended badly"

step "many lines in bounded memory"
awk 'BEGIN { for (i = 0; i < 30000; i++)
    printf "{\"flag\":\"shop\",\"context\":{\"kind\":\"user\",\"key\":\"u%d\",\"age\":%d}}\n", i, i % 80 }' \
    </dev/null >"$work/many"
ctl 0 eval --batch "$work/many" --flags "$file"
[ "$(wc -l <"$out")" = 30000 ] || fail "answers are missing"

step "options that the lines decide are refused"
ctl 2 eval --batch --key u1
