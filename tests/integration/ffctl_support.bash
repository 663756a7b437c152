#!/usr/bin/env bash
# What the ffctl_*.sh tests share. Sourced.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"

out=$work/out
err=$work/err
export FFSHM_DIR=$store

# ctl CODE ARGUMENT...: runs ffctl on stdin's text; its output is in $out, its messages in $err.
ctl() {
    local code=0
    "$bin/ffctl" "${@:2}" >"$out" 2>"$err" || code=$?
    [ $code = "$1" ] || {
        cat "$out" "$err"
        fail "ffctl ${*:2} ended with $code, not $1"
    }
}

# at_terminal CODE ANSWERS ARGUMENT...: as ctl, there; its output and its messages are in $out.
# ANSWERS: what is typed when it asks back, | between one and the next.
at_terminal() {
    local code=0
    NO_COLOR=${NO_COLOR-1} python3 "$FFSHM_SOURCE_DIR/tests/support/terminal.py" "$2" "$bin/ffctl" \
        "${@:3}" >"$out" 2>"$err" || code=$?
    tr -d '\r' <"$out" >"$out.lines"
    mv "$out.lines" "$out"
    [ $code = "$1" ] || {
        cat "$out" "$err"
        fail "ffctl ${*:3} at a terminal ended with $code, not $1"
    }
}

# says TEXT...: the output has each of the texts in it.
says() {
    local text
    for text in "$@"; do
        grep -qF -e "$text" "$out" || {
            cat "$out" "$err"
            fail "the output does not say: $text"
        }
    done
}

# complains TEXT...: the messages have each of the texts in them.
complains() {
    local text
    for text in "$@"; do
        grep -qF -e "$text" "$err" || {
            cat "$out" "$err"
            fail "the messages do not say: $text"
        }
    done
}

# silent_on TEXT...: the output has none of them.
silent_on() {
    local text
    for text in "$@"; do
        ! grep -qF -e "$text" "$out" || {
            cat "$out"
            fail "the output says: $text"
        }
    done
}

# prints TEXT: the output is this and nothing else.
prints() {
    [ "$(cat "$out")" = "$1" ] || {
        cat "$out" "$err"
        fail "the output is not: $1"
    }
}

# await_agent: until it answers on its socket, and there is a snapshot.
await_agent() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        "$bin/ffctl" whoami >/dev/null 2>&1 && "$bin/ffctl" status >/dev/null && return
        sleep 0.02
    done
    fail "the agent does not answer"
}

# A LaunchDarkly-format file with a bit of everything, to stdout.
everything() {
    cat <<'JSON'
{
 "flags": {
  "gate": {"key": "gate", "version": 3, "on": true, "salt": "", "variations": [false, true],
   "offVariation": 0, "fallthrough": {"variation": 1}},
  "shop": {"key": "shop", "version": 7, "on": true, "salt": "salt", "offVariation": 0,
   "variations": ["red", "green", {"b": [1, 2.5]}],
   "prerequisites": [{"key": "gate", "variation": 1}],
   "targets": [{"variation": 2, "values": ["vip"]}],
   "rules": [
    {"id": "by-country", "variation": 1, "clauses": [
     {"contextKind": "user", "attribute": "country", "op": "in", "values": ["US", "CA"]},
     {"attribute": "", "op": "segmentMatch", "values": ["payers"]}]},
    {"id": "by-age", "variation": 2, "clauses": [
     {"contextKind": "user", "attribute": "age", "op": "greaterThan", "values": [64.5]}]}],
   "fallthrough": {"rollout": {"variations": [
    {"variation": 0, "weight": 50000}, {"variation": 1, "weight": 50000}]}}},
  "number": {"key": "number", "version": 1, "on": true, "variations": [2.75],
   "fallthrough": {"variation": 0}},
  "dark": {"key": "dark", "version": 2, "on": false, "variations": [1], "fallthrough": {"variation": 0}}
 },
 "segments": {
  "payers": {"key": "payers", "version": 2, "salt": "s", "included": ["u1"], "excluded": ["u9"],
   "rules": [{"weight": 50000, "clauses": [
    {"contextKind": "user", "attribute": "plan", "op": "in", "values": ["pro"]}]}]}
 }
}
JSON
}
