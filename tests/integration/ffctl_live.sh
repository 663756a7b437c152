#!/usr/bin/env bash
# ctest: merge timeout=120
# ffctl on a store that an agent publishes: status, eval, snapshots, damage.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.yaml
flags color='"red"' size=1 >"$file"

# A member of the JSON that is in $out.
member() {
    python3 -c 'import json, sys
value = json.loads(open(sys.argv[1]).readline())
for name in sys.argv[2:]:
    value = value[name]
print(json.dumps(value))' "$out" "$@"
}

# same MEMBER... VALUE
same() {
    [ "$(member "${@:1:$#-1}")" = "${!#}" ] || {
        cat "$out"
        fail "${*:1:$#-1} is $(member "${@:1:$#-1}"), not ${!#}"
    }
}

step "before the agent: not ready, and exit code 1"
ctl 1 status
same ready false
same agent alive false
ctl 1 status --text
says 'ready        no' 'start ffagent'
ctl 1 snapshot list
ctl 1 snapshot verify
ctl 1 snapshot dump

start_agent --flags "$file"
await_value color '"red"'
await_source 1

step "status tells what is published and by whom"
ctl 0 status
same ready true
same agent alive true
same agent pid "$agent"
same agent state '"ready"'
same source '"valid"'
same flags 2
same segments 0
same last_error '"OK"'
generation=$(member generation)
digest=$(member digest)
bytes=$(member bytes)
[ "$bytes" = "$(cat "$store"/s.* "$store"/x.* | wc -c)" ] || fail "the size is not that of the files"
ctl 0 status --dir "$store" --text
says "store        $store" 'ready        yes' "alive, pid $agent, ready" 'flags        2'

step "eval answers from the live store, by --dir or \$FFSHM_DIR"
ctl 0 eval color --key u1
same value '"red"'
same generation "$generation"
env -u FFSHM_DIR "$bin/ffctl" --dir "$store" eval color --key u1 --raw >"$out"
prints red

step "a batch sees an edit between two lines"
coproc TALK { "$bin/ffctl" eval --batch; }
# shellcheck disable=SC2153
talk_pid=$TALK_PID
pids+=("$talk_pid")
ask() {
    printf '{"flag":"color","context":{"kind":"user","key":"u1"}}\n' >&"${TALK[1]}"
    read -r -t 10 answer <&"${TALK[0]}" || fail "no answer"
}
ask
[[ $answer == *'"value":"red"'* ]] || fail "not the first value: $answer"
flags color='"blue"' size=1 third='[1, 2]' >"$file"
await_value color '"blue"'
ask
[[ $answer == *'"value":"blue"'* ]] || fail "not the edited value: $answer"
eval "exec ${TALK[1]}>&-"
wait "$talk_pid" || fail "the batch ended badly"

step "list shows both generations and marks the current one"
ctl 0 snapshot list
[ "$(wc -l <"$out")" = 2 ] || fail "not two generations"
same generation "$generation"
same current false
same digest "$digest"
first=$(python3 -c 'import sys; g = int(sys.argv[1]); print(f"{g >> 32}.{g & 0xffffffff}")' "$generation")
ctl 0 snapshot list --text
says "  $first" "* "
grep -q "^\* .* 3 flags" "$out" || fail "the current generation is not marked"

step "dump prints every item of a generation, named in each of the three ways"
ctl 0 snapshot dump
[ "$(wc -l <"$out")" = 3 ] || fail "not three flags"
same key '"color"'
edited=$(member version)
same on true
same variations '["blue"]'
same variants '["only"]'
same provenance "\"file:$file\""
for name in "$generation" "$(printf '0x%x' "$generation")" "$first"; do
    ctl 0 snapshot dump "$name"
    [ "$(wc -l <"$out")" = 2 ] || fail "not the first generation: $name"
    same variations '["red"]'
    same version $((edited - 1))
done
ctl 0 snapshot dump --keys
prints $'color\nsize\nthird'
ctl 0 snapshot dump --text
says color third "file:$file"
ctl 1 snapshot dump 99.99
ctl 2 snapshot dump 12x
complains 'not a generation'
ctl 2 snapshot lst
complains "did you mean 'list'"

step "verify says OK, or what is wrong with which file"
ctl 0 snapshot verify
same ok true
ctl 0 snapshot verify "$first" --text
says "OK $first: 2 flags"
stop_agent
cp -r "$store" "$work/damaged"
chmod -R u+w "$work/damaged"
for extent in "$work"/damaged/x.*; do
    printf X | dd of="$extent" bs=1 seek=300 conv=notrunc status=none
done
ctl 1 snapshot verify --dir "$work/damaged"
same ok false
same error '"BAD_CHECKSUM"'
ctl 1 snapshot verify --dir "$work/damaged" --text
complains damaged/x.
ctl 1 snapshot dump --dir "$work/damaged"
rm "$work"/damaged/x.*
ctl 1 snapshot verify --dir "$work/damaged"
for head in "$work"/damaged/s.*; do
    : >"$head"
done
ctl 1 snapshot list --dir "$work/damaged"
ctl 1 snapshot verify --dir "$work/damaged"
ctl 1 status --dir "$work/damaged"
rm -rf "$work/damaged"

step "a stopped agent's snapshot stays valid"
ctl 0 status
same ready true
same agent alive false
same agent pid null
same agent state '"stopped"'
ctl 0 eval color --key u1 --raw
prints blue
