#!/usr/bin/env bash
# All commands and options that ffctl has, by asking it. Sourced.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

# names_below WORD...: the names of the commands below a command, one a line; none: it has none. They
# are what is offered with a summary where there is no store.
names_below() {
    FFSHM_DIR=/nowhere "$bin/ffctl" __complete "$@" '' | sed -n $'s/\t.*//p'
}

is_parent() {
    [ -n "$(names_below "$@")" ]
}

# each_command: every command, with those below it, one a line.
each_command() {
    local name below
    for name in $(names_below); do
        echo "$name"
        for below in $(names_below "$name"); do
            echo "$name $below"
        done
    done
}

# options_of WORD...: the long options of a command's table, sorted.
options_of() {
    "$bin/ffctl" __complete "$@" -- | grep '^--' | sort
}

# options_of_help: those that a help text on stdin names.
options_of_help() {
    grep -oE -e '--[a-z][a-z-]*' | sort -u
}
