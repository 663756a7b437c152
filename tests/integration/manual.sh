#!/usr/bin/env bash
# ctest: quick
# The manual pages are not behind the programs: every option, variable, member and default that
# ffagent has, every command and option of ffctl is in its page; and nothing in a page is of the past.
# shellcheck source=tests/integration/ffctl_commands.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_commands.bash"

pages=$FFSHM_SOURCE_DIR/docs/man

# flags_in: the long options that a page on stdin sets as such (Fl), sorted.
flags_in() {
    grep -v '^\.\\"' | grep -oE 'Fl -[a-z][a-z-]*' | sed 's/^Fl /-/' | sort -u
}

# same WHAT FILE FILE: what the program has, what the page has.
same() {
    diff "$2" "$3" >"$work/differ" || fail "$1: the program (<) and the page (>): $(cat "$work/differ")"
}

step "ffagent: options and variables"
"$bin/ffagent" --help >"$work/help"
options_of_help <"$work/help" >"$work/options"
flags_in <"$pages/ffagent.8" >"$work/flags"
same "ffagent.8, options" "$work/options" "$work/flags"
grep -oE '\b[A-Z]+(_[A-Z]+)+\b' "$work/help" | sort -u >"$work/variables"
[ "$(wc -l <"$work/variables")" -gt 40 ] || fail "there are more variables"
grep -E '^\.(It )?(Pq )?Ev ' "$pages/ffagent.8" | grep -oE '\b[A-Z]+(_[A-Z]+)+\b' | sort -u >"$work/told"
comm -23 "$work/variables" "$work/told" >"$work/missing"
[ ! -s "$work/missing" ] || fail "ffagent.8 has no .Ev for $(cat "$work/missing")"
comm -13 "$work/variables" "$work/told" | grep -vx -e XDG_STATE_HOME >"$work/stale" || true
[ ! -s "$work/stale" ] || fail "ffagent.8 has variables of the past: $(cat "$work/stale")"

step "ffagent.yaml: members, and their defaults"
grep -oE 'file member [a-z_.]+' "$work/help" | sed 's/.* //' | sort >"$work/members"
sed -n 's/^\.It Va \([a-z_.]*\) : .*/\1/p' "$pages/ffagent.yaml.5" | sort >"$work/told"
same "ffagent.yaml.5, members" "$work/members" "$work/told"
"$bin/ffagent" --check-config --flags /dev/null >"$work/config" 2>/dev/null || true
awk '/^[a-z_]+:$/ { mapping = $1; sub(":", ".", mapping); next }
    /^[a-z]/ { mapping = "" }
    /  # default$/ { sub(":", "", $1); gsub("\"", "", $2); print mapping $1, $2 }' \
    "$work/config" | grep -v -e '^dir ' -e '^state ' >"$work/defaults"
[ "$(wc -l <"$work/defaults")" -gt 15 ] || fail "there are more defaults: $(cat "$work/defaults")"
while read -r member value; do
    sed -n "/^\.It Va ${member//./\\.} :/,/^\.It Va\|^\.El/p" "$pages/ffagent.yaml.5" |
        grep -A 1 '^Default:' | grep -qE "^\.(Cm|Li) ${value//./\\.} \.$" ||
        fail "ffagent.yaml.5 does not say that the default of $member is $value"
done <"$work/defaults"

step "ffctl: commands, in the order of its help"
each_command >"$work/commands"
sed -n '/^\.Sh COMMANDS/,/^\.Sh ENV/ s/^\.Ss //p' "$pages/ffctl.1" | sed 's/, /\n/g' >"$work/told"
same "ffctl.1, commands" "$work/commands" "$work/told"

# section_of COMMAND: its subsection of the page.
section_of() {
    awk -v command="$1" '/^\.S[sh]/ { inside = 0 }
        sub(/^\.Ss /, "") { count = split($0, names, ", ")
            for (i = 1; i <= count; i++) inside = inside || names[i] == command }
        inside' "$pages/ffctl.1"
}

step "ffctl: options of every command"
: >"$work/all"
while read -r -a command; do
    options_of "${command[@]}" | tee -a "$work/all" |
        grep -vx -e --dir -e --json -e --text -e --help >"$work/options" || true
    section_of "${command[*]}" | flags_in >"$work/flags" || true
    comm -23 "$work/options" "$work/flags" >"$work/missing"
    [ ! -s "$work/missing" ] || fail "ffctl.1, ${command[*]}: there is no $(tr '\n' ' ' <"$work/missing")"
done <"$work/commands"
{
    cat "$work/all"
    "$bin/ffctl" --help | options_of_help
} | sort -u >"$work/options"
flags_in <"$pages/ffctl.1" >"$work/flags"
same "ffctl.1, all options" "$work/options" "$work/flags"
