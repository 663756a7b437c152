#!/usr/bin/env bash
# ctest: quick timeout=90
# A definition in an editor: what is shown, asked and saved; mistakes with their place; somebody who
# was faster; and that nothing gets lost. The editor here is a script with one command a time.
# shellcheck disable=SC2016 # $1 is the editor's
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

# The editor takes the first line of $work/edits off, and runs it with the file as $1; what it has
# seen before that is in $work/seen.
cat >"$work/editor" <<SH
#!/bin/sh
cp "\$1" "$work/seen"
line=\$(head -n 1 "$work/edits")
sed -i 1d "$work/edits"
eval "\$line"
SH
chmod +x "$work/editor"
export EDITOR=$work/editor TMPDIR=$work/tmp FFCTL=$bin/ffctl
unset VISUAL
mkdir "$TMPDIR"

# edits COMMAND...: what the editor does, the first time, the second...
edits() {
    printf '%s\n' "$@" >"$work/edits"
}

# nothing_left: no file of an editor is.
nothing_left() {
    [ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"
}

# kept TEXT...: one file is, and has the texts in it; it is removed.
kept() {
    local text
    for text in "$@"; do
        grep -qF -e "$text" "$TMPDIR"/ffctl-*.yaml || fail "what was written is lost: $text"
    done
    rm "$TMPDIR"/ffctl-*.yaml
    nothing_left
}

seen() {
    local text
    for text in "$@"; do
        grep -qF -e "$text" "$work/seen" || {
            cat "$work/seen"
            fail "the editor does not see: $text"
        }
    done
}

ctl 2 flags edit
complains 'which flag? its key is needed'
ctl 1 flags edit menu
complains 'no agent at'
start_agent --state "$work/state.db"
await_log 'event=published'
ctl 0 flags create menu --variants old,new --default old --tag web

step "in a script: saved at once; the text has help, and is in a readable order"
edits 'sed -i "s/^default_variant: old/default_variant: new/" "$1"'
ctl 0 flags edit menu --reason why --text
says 'menu: changed; version 2' '/default_variant: "old" -> "new"'
seen '# The flag menu, version 1.' '# operators: equals in' $'\ntags: [web]\nvariants:\n- {key: old, value: old}'
nothing_left
ctl 0 flags get menu --text
says ': why'
edits 'echo "# and a comment" >>"$1"'
ctl 0 flags edit menu --dry-run --text
says 'would be changed; no change: it is so already'
edits :
ctl 0 flags edit menu
complains 'left as it was; nothing is changed'
nothing_left

step "a terminal is shown the differences, and asked"
edits 'sed -i "s/tags: .*/description: One/" "$1"'
at_terminal 0 y flags edit menu
says 'menu: would be changed' '/tags: - ["web"]' '/description: + "One"' 'Save it? [y/e/n] y' 'menu: changed; version 3'
nothing_left
edits 'echo "owner: ann" >>"$1"'
at_terminal 1 n flags edit menu
says 'not confirmed; nothing is changed' "what you wrote is in $TMPDIR/ffctl-"
kept 'owner: ann'
edits 'echo "owner: ann" >>"$1"' 'sed -i s/ann/bob/ "$1"'
at_terminal 0 'e|y' flags edit menu
says '/owner: + "ann"' '/owner: + "bob"' 'menu: changed'
seen 'owner: ann'
edits 'sed -i s/bob/eve/ "$1"'
at_terminal 0 '' flags edit menu --yes
silent_on 'Save it'
nothing_left

step "a mistake is told with its place, and can be corrected"
edits 'echo "enabled: perhaps" >>"$1"' 'sed -i s/perhaps/false/ "$1"'
at_terminal 0 'y' flags edit menu
says '.yaml:27:1: enabled: must be true or false, not' 'Edit it again? [y/n]' '/enabled: + false' 'menu: changed'
seen 'enabled: perhaps'
nothing_left
edits 'echo "enabled: [" >>"$1"' 'sed -i "s/enabled: \[/name: x/" "$1"'
at_terminal 0 'y' flags edit menu
says '.yaml:28:1: the member "enabled" is already there on line 23' '/name: + "x"' \
    'menu: changed; nothing changes for programs; version 7'
edits 'echo "targets: [" >>"$1"'
ctl 1 flags edit menu
complains 'is it written to its end?'
kept 'targets: ['
edits 'echo "enabld: true" >>"$1"'
ctl 1 flags edit menu
complains 'enabld: ' 'did you mean enabled?' 'what you wrote is in'
kept 'enabld: true'
edits ': >"$1"'
at_terminal 1 n flags edit menu
says 'the document is empty' 'Edit it again? [y/n] n'
rm "$TMPDIR"/*

step "somebody else is faster: it is told, and what was written becomes a change of theirs"
edits '"$FFCTL" rollout menu new=20 >/dev/null; echo "targets: [{variant: new, keys: [u1]}]" >>"$1"' :
at_terminal 0 'y' flags edit menu
says 'it was changed meanwhile, by' 'version 8 is' '/variants/1/percentage: + 20' 'Edit it again, as a change of that? [y/n]' \
    '/variants/1/percentage: - 20' '/targets: + [{"variant":"new","keys":["u1"]}]' 'menu: changed; version 9'
seen '# CHANGED MEANWHILE by' '#   /variants/1/percentage: nothing -> 20' 'targets: [{variant: new' 'version 8'
[ "$(grep -c 'Left as it is' "$work/seen")" = 1 ] || fail "the head is there twice"
nothing_left
edits '"$FFCTL" rollout menu new=30 >/dev/null; echo "bucket_by: team" >>"$1"'
ctl 1 flags edit menu
complains 'it was changed meanwhile' 'what you wrote is in'
kept 'bucket_by: team'
edits '"$FFCTL" flags delete menu >/dev/null; echo "bucket_by: team" >>"$1"'
ctl 1 flags edit menu
complains '(404)' 'what you wrote is in'
kept 'bucket_by: team'

step "what others wrote, whatever it is, leaves a text that can be read"
ctl 0 flags create menu
# The second one is cut within a character; no YAML has the third one as it is.
for text in one "$(printf 'ü%.0s' {1..150})" $'\u9b'; do
    printf '{"description": "%s"}' "$text" >"$work/others"
    edits 'curl -sS --unix-socket "$FFSHM_DIR/agent.sock" -X PATCH -H "Content-Type: application/json" -d "@$OTHERS" http://agent/api/v1/flags/menu >/dev/null; sed -i /^owner/d "$1"; echo "owner: ann" >>"$1"' :
    OTHERS=$work/others at_terminal 0 y flags edit menu
    says 'it was changed meanwhile' 'menu: changed; nothing changes for programs'
done

step "what was written for a dry run is there for the real one"
edits 'sed -i s/ann/bob/ "$1"'
ctl 0 flags edit menu --dry-run --text
says 'menu: would be changed' '"ann" -> "bob"'
complains "what you wrote is in $TMPDIR/ffctl-"
kept 'owner: bob'

step "what is done is what was confirmed"
FFSHM_MEANWHILE="'$FFCTL' flags disable menu >/dev/null" at_terminal 1 'y|n' rollout menu on=10
says 'somebody else has changed it meanwhile' 'not confirmed; nothing is changed'
[ "$(grep -c 'Change it so?' "$out")" = 2 ] || fail "it is asked once"
FFSHM_MEANWHILE="'$FFCTL' flags enable menu >/dev/null" at_terminal 0 'y|y' rollout menu on=10

step "out of a file, without an editor"
printf 'variants: [{key: a, value: 1}]\ndefault_variant: a\n' >"$work/menu.yaml"
ctl 0 flags edit menu --file "$work/menu.yaml" --text
says 'menu: changed' '/default_variant: "off" -> "a"'
printf '{"variants": [{"key": "a", "value": 2}],\n "default_variant": "b"}' | {
    ctl 1 flags edit menu --file -
}
complains 'stdin:2:2: default_variant: there is no variant "b"'
printf 'variants: [{key: a, value: 3}]\ndefault_variant: a\n' >"$work/menu.yaml"
at_terminal 1 n flags edit menu --file "$work/menu.yaml"
says '/variants/0/value: 1 -> 3' 'Save it? [y/n] n'
at_terminal 0 y flags edit menu --file "$work/menu.yaml"

step "an editor that fails, or is none"
edits 'exit 3'
ctl 1 flags edit menu
complains 'ended with an error'
nothing_left
edits 'echo "owner: ann" >>"$1"; exit 3'
ctl 1 flags edit menu
kept 'owner: ann'
EDITOR=/nowhere/editor ctl 1 flags edit menu
complains "the editor '/nowhere/editor' cannot be run"
nothing_left
VISUAL="$EDITOR --option" ctl 0 flags edit menu
TMPDIR=/nowhere ctl 1 flags edit menu
complains '/nowhere/ffctl-'
stop_agent
