# Bash completion of ffctl: commands, options, files, and the keys of the flags that are published.
# Installed as <datadir>/bash-completion/completions/ffctl; or: source scripts/completion/ffctl.bash

# The words of the command line that say which store is meant.
_ffctl_store() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == --dir && $((i + 1)) -lt $COMP_CWORD ]]; then
            printf '%s\n' --dir "${COMP_WORDS[i + 1]}"
        fi
    done
}

_ffctl_lines() { # adds every line of stdin that begins with the word under the cursor
    local line
    while IFS= read -r line; do
        if [[ $line == "$cur"* ]]; then
            COMPREPLY+=("$(printf '%q' "$line")")
        fi
    done
}

_ffctl_words() { # adds every argument that begins with the word under the cursor
    local word
    for word in "$@"; do
        if [[ $word == "$cur"* ]]; then
            COMPREPLY+=("$word")
        fi
    done
}

_ffctl_files() { # _ffctl_files [-d]: files or directories
    local file
    while IFS= read -r file; do
        COMPREPLY+=("$file")
    done < <(compgen "${1:--f}" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# The first word that is a command; sets command and, for snapshot, action.
_ffctl_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --dir) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
            elif [[ -z $word ]]; then
                word=${COMP_WORDS[i]}
            fi
            ;;
        esac
    done
}

_ffctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' word='' store=()
    local common=(--dir --json --text --help)
    local query=(--context --key --kind --attr --default --flags)
    COMPREPLY=()
    _ffctl_command
    mapfile -t store < <(_ffctl_store)

    case $previous in
    --dir)
        _ffctl_files -d
        return
        ;;
    --flags)
        _ffctl_files
        return
        ;;
    --kind)
        _ffctl_words user
        return
        ;;
    --type)
        _ffctl_words bool int double string any
        return
        ;;
    --default)
        _ffctl_words true false null
        return
        ;;
    --context | --key | --attr) return ;;
    esac

    case $command in
    '') _ffctl_words eval explain lint status snapshot help "${common[@]}" --version ;;
    help) _ffctl_words eval explain lint status snapshot ;;
    eval | explain)
        if [[ $cur == -* ]]; then
            [[ $command == eval ]] && query+=(--batch --raw --type)
            _ffctl_words "${query[@]}" "${common[@]}"
        elif [[ " ${COMP_WORDS[*]} " == *' --batch '* || -n $word ]]; then
            _ffctl_files
        else
            _ffctl_lines < <("${COMP_WORDS[0]}" snapshot dump --keys --text "${store[@]}" \
                2>/dev/null)
        fi
        ;;
    lint)
        if [[ $cur == -* ]]; then
            _ffctl_words --strict "${common[@]}"
        else
            _ffctl_files
        fi
        ;;
    snapshot)
        if [[ $cur == -* ]]; then
            [[ $word == dump ]] && common+=(--keys)
            _ffctl_words "${common[@]}"
        elif [[ -z $word ]]; then
            _ffctl_words list verify dump
        elif [[ $word != list ]]; then
            _ffctl_lines < <("${COMP_WORDS[0]}" snapshot list --text "${store[@]}" 2>/dev/null |
                awk '{ print $1 == "*" ? $2 : $1 }')
        fi
        ;;
    status) _ffctl_words "${common[@]}" ;;
    esac
}

complete -F _ffctl ffctl
