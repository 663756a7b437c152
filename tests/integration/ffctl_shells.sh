#!/usr/bin/env bash
# ctest: merge timeout=120
# Completion in the shells themselves: lines are typed into a bash, a zsh and a fish, each as somebody
# at a terminal would have it. What is offered and when: ffctl_complete.sh.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}
file=$work/flags.yaml
home=$work/home
mkdir -p "$home/a folder"
touch "$home/some file.yaml" "$home/other.yaml"
cat >"$file" <<'YAML'
ffshm: 1
flags:
  color:
    variants: [{key: red, value: red}, {key: dark blue, value: blue}]
    default_variant: red
  "later/on it's":
    variants: [{key: "on", value: true}]
    default_variant: "on"
  "team:web":
    variants: [{key: "on", value: true}]
    default_variant: "on"
YAML
start_agent --flags "$file" --state "$work/state.db"
await_log event=published

# types SHELL SETUP LINE...: the shell runs SETUP, then each LINE is typed, with a TAB at its end, and
# sent to printf; prints the words that came of it, <each> so, a line for each LINE.
cat >"$work/type.py" <<'PYTHON'
import fcntl, os, pty, select, struct, sys, termios, time
shell, setup, lines = sys.argv[1].split(), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell[0], shell)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 500, 0, 0))
seen = ""
def await_text(text):
    global seen
    end = time.monotonic() + 20
    while text not in seen:
        if time.monotonic() > end or not select.select([terminal], [], [], 20)[0]:
            sys.exit(f"{shell[0]} says no {text}: {seen!r}")
        seen += os.read(terminal, 65536).decode(errors="replace")
    told, seen = seen.split(text, 1)
    return told
def send(text):
    os.write(terminal, text.encode())
send(setup + "; PS1='REA''DY> '\n")
await_text("READY> ")
for line in lines:
    send(line + "\t")
    send("\x01printf '<%s>' \x05; echo '<E''ND>'\n")
    told = await_text("<END>")
    print(told[told.rfind("<ffctl>"):])
    await_text("READY> ")
send("exit\n")
PYTHON
types() {
    (cd "$home" && HOME=$home TERM=dumb PATH=$bin:$PATH python3 "$work/type.py" "$@") >"$out" 2>"$err" || {
        cat "$out" "$err"
        fail "nothing can be typed into $1"
    }
}

lines=(
    'ffctl kil'
    'ffctl kill c'
    'ffctl kill la'
    'ffctl eval --key=u1 team'
    'ffctl kill team:w'
    'ffctl kill color --variant d'
    'ffctl kill color --variant=re'
    'ffctl tokens create --role ed'
    'ffctl tokens create --role=ed'
    'ffctl lint some'
    'ffctl eval color --flags some'
    'ffctl eval color --flags=oth'
    'ffctl --dir a'
    'ffctl --dir=a'
    'ffctl help snaps'
    'FFSHM_DIR=/nowhere ffctl status --max'
    "ffctl kill 'la"
    'ffctl kill "la'
)
expected="<ffctl><kill>
<ffctl><kill><color>
<ffctl><kill><later/on it's>
<ffctl><eval><--key=u1><team:web>
<ffctl><kill><team:web>
<ffctl><kill><color><--variant><dark blue>
<ffctl><kill><color><--variant=red>
<ffctl><tokens><create><--role><editor>
<ffctl><tokens><create><--role=editor>
<ffctl><lint><some file.yaml>
<ffctl><eval><color><--flags><some file.yaml>
<ffctl><eval><color><--flags=other.yaml>
<ffctl><--dir><a folder/>
<ffctl><--dir=a folder/>
<ffctl><help><snapshot>
<ffctl><status><--max-silence>
<ffctl><kill><later/on it's>
<ffctl><kill><later/on it's>"

step "bash"
ctl 0 completion bash
cmp "$out" "$FFSHM_SOURCE_DIR/scripts/completion/ffctl.bash" || fail "another script"
types 'bash --norc --noprofile -i' 'set -o emacs; source <(ffctl completion bash)' "${lines[@]}"
prints "$expected"

step "zsh"
if command -v zsh >/dev/null; then
    ctl 0 completion zsh
    cmp "$out" "$FFSHM_SOURCE_DIR/scripts/completion/ffctl.zsh" || fail "another script"
    types 'zsh -f -i' 'bindkey -e; autoload -U compinit; compinit -u -D; source <(ffctl completion zsh)' \
        "${lines[@]}"
    prints "${expected//folder\//folder}" # it takes the slash away again
    # As it is installed: a function that is loaded by its first use.
    mkdir "$work/functions"
    "$bin/ffctl" completion zsh >"$work/functions/_ffctl"
    types 'zsh -f -i' "bindkey -e; fpath=($work/functions \$fpath); autoload -U compinit; compinit -u -D" \
        'ffctl kil' 'ffctl kill c'
    prints $'<ffctl><kill>\n<ffctl><kill><color>'
else
    echo "  left out: zsh is not installed"
fi

step "fish"
if command -v fish >/dev/null; then
    ctl 0 completion fish
    cmp "$out" "$FFSHM_SOURCE_DIR/scripts/completion/ffctl.fish" || fail "another script"
    # fish says itself what it would offer.
    # shellcheck disable=SC2016  # fish expands it
    fish_offers() {
        (cd "$home" && HOME=$home PATH=$bin:$PATH fish --no-config -c \
            'source $argv[1]; complete -C $argv[2]' "$FFSHM_SOURCE_DIR/scripts/completion/ffctl.fish" "$1") \
            >"$out" 2>"$err" || fail "fish: $(cat "$err")"
        [ ! -s "$err" ] || fail "fish: $(cat "$err")"
    }
    fish_offers 'ffctl kil'
    prints $'kill\tturn a flag off for everybody, or serve one variant'
    fish_offers 'ffctl kill '
    prints $'color\nlater/on it\'s\nteam:web'
    fish_offers 'ffctl kill team:w'
    prints team:web
    fish_offers 'ffctl kill "la'
    says "later/on it's"
    fish_offers 'ffctl kill later/on\ i'
    says "later/on it's"
    fish_offers 'no-such-program; ffctl status --max'
    prints --max-silence
    fish_offers 'ffctl kill color --variant '
    prints $'red\t"red"\ndark blue\t"blue"'
    fish_offers 'ffctl kill color --variant=re'
    prints $'--variant=red\t"red"'
    fish_offers 'ffctl lint some'
    says 'some file.yaml'
    fish_offers 'ffctl eval color --flags=oth'
    says '--flags=other.yaml'
    fish_offers 'ffctl --dir a'
    says 'a folder/'
    fish_offers 'ffctl --dir=a'
    says '--dir=a folder/'
    fish_offers 'ffctl status --max'
    prints --max-silence
else
    echo "  left out: fish is not installed"
fi
stop_agent
