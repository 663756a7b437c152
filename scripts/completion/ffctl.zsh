#compdef ffctl
# Zsh completion of ffctl, as `ffctl completion zsh` prints it. To have it in every shell, install it
# as _ffctl in a directory of $fpath, or put into ~/.zshrc, after compinit:
#
#     source <(ffctl completion zsh)
#
# What fits is said by ffctl itself, by the tables that it parses its command line with:
# `ffctl __complete WORD...`.

_ffctl() {
    local -a before lines values shown
    local line kind part described=''
    before=("${(@Q)words[1,CURRENT-1]}")
    before=("${(@)before/#\~\//$HOME/}")
    lines=("${(@f)$("$before[1]" __complete "${(@)before[2,-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    kind=${lines[1]%% *}
    part=${${lines[1]#$kind}# }
    for line in "${(@)lines[2,-1]}"; do
        values+=("${line%%$'\t'*}")
        if [[ $line == *$'\t'* ]]; then
            shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
            described=yes
        else
            shown+=("$line")
        fi
    done
    if [[ $described ]]; then
        compadd -l -V ffctl -d shown -a values
    else
        compadd -V ffctl -a values
    fi
    if [[ $kind == files || $kind == directories ]]; then
        [[ $part ]] && compset -P "${(b)part}"
        if [[ $kind == files ]]; then
            _files
        else
            _files -/
        fi
    fi
}

# Sourced, or loaded as a function by its first use.
if [[ $funcstack[1] == _ffctl ]]; then
    _ffctl "$@"
else
    compdef _ffctl ffctl
fi
