# Bash completion of ffctl: commands, options, files, and the keys of the flags that are published.
# Installed as <datadir>/bash-completion/completions/ffctl; or: source scripts/completion/ffctl.bash

# Sets words: the command line up to the cursor, put together again where bash has cut it at = and :
# (COMP_WORDBREAKS). Sets cut: the part of the last word before what bash is about to replace.
_ffctl_join() {
    local i part glue=''
    words=()
    cut=''
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part=${COMP_WORDS[i]}
        if [[ $i -gt 0 && $part =~ ^[=:]+$ ]]; then
            cut=${words[-1]}$part
            words[-1]=$cut
            glue=yes
        elif [[ $glue ]]; then
            words[-1]+=$part
            glue=''
        else
            words+=("$part")
            cut=''
        fi
    done
}

# Reads the words before the cursor: sets command, word (the next one that is no option), store (the
# options that say which store is meant), batch, and in_files: --flags takes the next word, too.
_ffctl_read() {
    local i
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        --dir=*) store=("${words[i]}") ;;
        --dir) store=(--dir "${words[++i]}") ;;
        --key | --kind | --attr | --type | --default | --context | --max-silence) ((++i)) ;;
        --reason | --variant | --for | --limit | --after | --actor | --action | --target) ((++i)) ;;
        --flags | --flags=*)
            [[ ${words[i]} == --flags ]] && ((++i))
            in_files=yes
            continue
            ;;
        --batch) batch=yes ;;
        -*) ;;
        *)
            [[ $in_files && $command ]] && continue
            if [[ -z $command ]]; then
                command=${words[i]}
            elif [[ -z $word ]]; then
                word=${words[i]}
            fi
            ;;
        esac
        in_files=''
    done
}

_ffctl_reply() { # adds every argument that, after prefix, continues the word under the cursor
    local candidate
    for candidate in "$@"; do
        if [[ $candidate == "$cur"* ]]; then
            candidate=$prefix$candidate
            COMPREPLY+=("${candidate#"$cut"}")
        fi
    done
}

_ffctl_lines() { # the same with every line of stdin, quoted
    local line
    while IFS= read -r line; do
        if [[ $line == "$cur"* ]]; then
            line=$(printf '%q' "$prefix$line")
            COMPREPLY+=("${line#"$cut"}")
        fi
    done
}

_ffctl_files() { # _ffctl_files [-d]: files or directories
    local files
    mapfile -t files < <(compgen "${1:--f}" -- "$cur")
    _ffctl_reply "${files[@]}"
    compopt -o filenames 2>/dev/null
}

_ffctl_value() { # _ffctl_value OPTION: completes its value; false: it has none
    case $1 in
    --dir) _ffctl_files -d ;;
    --flags) _ffctl_files ;;
    --kind) _ffctl_reply user ;;
    --type) _ffctl_reply bool int double string any json ;;
    --default) _ffctl_reply true false null ;;
    --for) _ffctl_reply 30m 2h 1d 7d ;;
    --context | --key | --attr | --max-silence) ;;
    --reason | --variant | --limit | --after | --actor | --action | --target) ;;
    *) return 1 ;;
    esac
}

_ffctl_published() { # the keys of the flags that are published
    _ffctl_lines < <("${COMP_WORDS[0]}" snapshot dump --keys --text "${store[@]}" 2>/dev/null)
}

_ffctl_query() { # eval, explain
    if [[ $cur == -* ]]; then
        _ffctl_reply --context --key --kind --attr --default --flags "${common[@]}"
        [[ $command == eval ]] && _ffctl_reply --batch --raw --type
        return
    fi
    if [[ $in_files || $batch || $word ]]; then
        _ffctl_files
    fi
    if [[ -z $batch && -z $word ]]; then
        _ffctl_published
    fi
}

_ffctl_override() { # kill, revive
    if [[ $cur == -* ]]; then
        _ffctl_reply --reason --dry-run "${common[@]}"
        [[ $command == kill ]] && _ffctl_reply --variant --for --yes
    elif [[ -z $word ]]; then
        _ffctl_published
    fi
}

_ffctl_audit() {
    if [[ $cur != -* ]]; then
        [[ -z $word ]] && _ffctl_reply list verify
        return
    fi
    [[ $word != verify ]] && common+=(--limit --after --actor --action --target)
    _ffctl_reply "${common[@]}"
}

_ffctl_flags_state() {
    if [[ $cur == -* ]]; then
        _ffctl_reply --context --key --kind --attr --flags --with-reasons --client-side-only \
            --details-only-for-tracked "${common[@]}"
    elif [[ $in_files ]]; then
        _ffctl_files
    fi
}

_ffctl_snapshot() {
    if [[ $cur == -* ]]; then
        [[ $word == dump ]] && common+=(--keys)
        _ffctl_reply "${common[@]}"
    elif [[ -z $word ]]; then
        _ffctl_reply list verify dump
    elif [[ $word != list ]]; then
        _ffctl_lines < <("${COMP_WORDS[0]}" snapshot list --text "${store[@]}" 2>/dev/null |
            awk '{ print $1 == "*" ? $2 : $1 }')
    fi
}

_ffctl() {
    local words=() cut='' command='' word='' batch='' in_files='' store=() prefix=''
    local common=(--dir --json --text --help)
    local commands=(eval explain flags-state lint status snapshot kill revive overrides audit whoami)
    COMPREPLY=()
    _ffctl_join
    _ffctl_read
    local cur=${words[-1]} option=${words[-2]}
    if [[ $cur == --*=* ]]; then
        option=${cur%%=*}
        prefix=$option=
        cur=${cur#*=}
    fi
    if _ffctl_value "$option" || [[ $prefix ]]; then
        return
    fi
    case $command in
    '') _ffctl_reply "${commands[@]}" help "${common[@]}" --version ;;
    help) _ffctl_reply "${commands[@]}" ;;
    eval | explain) _ffctl_query ;;
    flags-state) _ffctl_flags_state ;;
    lint)
        if [[ $cur == -* ]]; then
            _ffctl_reply --strict "${common[@]}"
        else
            _ffctl_files
        fi
        ;;
    snapshot) _ffctl_snapshot ;;
    status) _ffctl_reply --max-silence "${common[@]}" ;;
    kill | revive) _ffctl_override ;;
    audit) _ffctl_audit ;;
    overrides | whoami) _ffctl_reply "${common[@]}" ;;
    esac
}

complete -F _ffctl ffctl
