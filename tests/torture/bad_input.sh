#!/usr/bin/env bash
# ctest: merge timeout=240
# A running agent and what people save in its file: each bad save is told with file, line, column,
# member and cause, and changes nothing; the enormous good ones load; memory stays bounded.
# torture/test_bad_input.c has the long list, this has the programs.
# shellcheck source=tests/integration/agent_support.bash
. "$FFSHM_SOURCE_DIR/tests/integration/agent_support.bash"
patience_ms=60000

file=$work/flags.yaml
flags color='"red"' >"$file"
start_agent --flags "$file"
await_value color '"red"'
generation=$(status generation)

# refused PATTERN: the save that was just made is told like this, and nothing else has happened.
refused() {
    await_log "event=load-failed file=$file $1"
    [ "$(value color)" = '"red"' ] || fail "a bad save was published"
    [ "$(status generation)" = "$generation" ] || fail "a bad save made a generation"
    await_source 2
}

# peak_kb: the most memory that the agent has used so far.
peak_kb() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$agent/status"
}

# repeat COUNT TEXT
repeat() {
    awk -v count="$1" -v text="$2" 'BEGIN { for (; count > 0; count--) printf "%s", text }'
}

step "bad saves"
: >"$file"
refused 'line=1 column=1 cause="the document is empty"'
printf '{"flags": {"color": {"on": tr' >"$file"
refused 'line=1 column=[0-9]+ cause='
printf 'flags:\n  color:\n    on: 1\n' >"$file"
refused 'line=3 column=5 member=flags.color.on cause="must be a boolean'
printf 'ffshm: 1\nflags:\n  a:\n    enabeld: true\n' >"$file"
refused 'line=4 column=5 member=flags.a.enabeld cause="there is no such member"'
printf 'flagValues:\n  color: "\xff"\n' >"$file"
refused 'line=2 column=11 cause="not UTF-8: byte 0xff'
printf '{"flagValues": {"a": 1}}\0\0\0\0' >"$file"
refused 'line=1 column=25 cause="a NUL byte'
printf '{"flags": {"a\\u0000b": {"on": true}}}' >"$file"
refused 'line=1 .*NUL'
printf 'flags: {}\nflags: {}\n' >"$file"
refused 'line=2 column=1 cause="the member \\"flags\\" is already there on line 1'
cat >"$file" <<'END'
ffshm: 1
flags:
  a: {variants: [{key: x, value: 1}], default_variant: x, prerequisites: [{flag: b, variant: x}]}
  b: {variants: [{key: x, value: 1}], default_variant: x, prerequisites: [{flag: a, variant: x}]}
END
refused 'line=[34] column=[0-9]+ member=flags.[ab].prerequisites.* cause="prerequisites form a circle'

step "what is no file"
rm "$file"
mkdir "$file"
refused 'cause="is not a file but a directory"'
rmdir "$file"
mkfifo "$file"
refused 'cause="is not a file"'
rm "$file"

step "bombs, and no memory for them"
before=$(peak_kb)
{
    echo 'a: &a [x, x, x, x, x, x, x, x, x, x]'
    for pair in ab bc cd de ef fg gh hi ij; do
        echo "${pair:1:1}: &${pair:1:1} [$(repeat 9 "*${pair:0:1}, ")*${pair:0:1}]"
    done
} >"$file"
refused 'line=[0-9]+ column=[0-9]+ cause="aliases stand for more than'
{
    printf '{"flagValues": {"a": '
    repeat 10000 '['
} >"$file"
refused 'line=1 column=[0-9]+ cause="more than 512 levels deep"'
truncate -s 600M "$file"
refused 'cause="is larger than 512 MiB"'
rm "$file"
grown=$(($(peak_kb) - before))
[ $grown -le $((64 * 1024)) ] || fail "$grown kB more for files that were refused"

step "a target list of 200,000 keys"
{
    printf '{"flagValues": {"color": "targets"}, "flags": {"f": {"on": true, "version": 1, '
    printf '"variations": ["out", "in"], "fallthrough": {"variation": 0}, '
    printf '"targets": [{"variation": 1, "values": ["first"'
    awk 'BEGIN { for (i = 1; i <= 200000; i++) printf ",\"customer-%d\"", i }'
    printf ']}]}}}'
} >"$file"
await_value color '"targets"'
for key in first customer-1 customer-200000; do
    "$bin/ffctl" eval f --dir "$store" --key "$key" | grep -q '"value":"in"' || fail "$key is out"
done
"$bin/ffctl" eval f --dir "$store" --key customer-200001 | grep -q '"value":"out"' ||
    fail "customer-200001 is in"

step "100,000 flags"
{
    printf '{"flagValues": {"color": "many"'
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf ",\"flag-%d\":%d", i, i }'
    printf '}}'
} >"$file"
await_value color '"many"'
await_value flag-99999 99999
[ "$(status flags)" = 100001 ] || fail "$(status flags) flags"

step "a value of a megabyte"
{
    printf '{"flagValues": {"color": "large", "text": "'
    repeat 65536 0123456789abcdef
    printf '"}}'
} >"$file"
await_value color '"large"'
size=$("$bin/ffctl" eval text --dir "$store" --key u | wc -c)
[ "$size" -gt 1048576 ] || fail "$size bytes of a megabyte"

step "and a small file again"
flags color='"small"' >"$file"
await_value color '"small"'
await_source 1
if [ "$FFSHM_VARIANT" = release ]; then
    [ "$(peak_kb)" -le $((512 * 1024)) ] || fail "$(peak_kb) kB at the peak"
fi
stop_agent

echo "all as expected"
