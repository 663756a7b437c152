# Bash completion of ffctl, as `ffctl completion bash` prints it. To have it in every shell, install
# it as <datadir>/bash-completion/completions/ffctl, or put into ~/.bashrc:
#
#     source <(ffctl completion bash)
#
# What fits is said by ffctl itself, by the tables that it parses its command line with:
# `ffctl __complete WORD...`.

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

# Sets plain: the words as the command gets them, without quotes and backslashes, ~ as it is meant.
_ffctl_unquote() {
    local word
    plain=()
    for word in "${words[@]}"; do
        if [[ $word == [\"\']* ]]; then
            word=${word#[\"\']}
            word=${word%[\"\']}
        elif [[ $word == *\\* ]]; then
            # shellcheck disable=SC2162  # that it takes the backslashes away is meant
            IFS= read word <<<"$word"
        fi
        plain+=("${word/#\~\//$HOME/}")
    done
}

# Sets line: it, as it has to be written where the last of the words begins as it does.
_ffctl_quote() {
    case ${words[-1]} in
    \'*) line=${line//\'/\'\\\'\'} ;;
    \"*)
        line=${line//\\/\\\\}
        line=${line//\"/\\\"}
        line=${line//\$/\\\$}
        line=${line//\`/\\\`}
        ;;
    *) printf -v line '%q' "$line" ;;
    esac
}

_ffctl() {
    local words=() plain=() cut='' kind='' part='' line='' files=()
    COMPREPLY=()
    _ffctl_join
    _ffctl_unquote
    {
        read -r kind part
        while IFS=$'\t' read -r line _; do
            _ffctl_quote
            COMPREPLY+=("${line#"$cut"}")
        done
    } < <("${plain[@]:0:1}" __complete "${plain[@]:1}" 2>/dev/null)
    compopt -o nosort 2>/dev/null
    case $kind in
    files)
        if ((${#COMPREPLY[@]} == 0)); then
            compopt -o default # readline knows best
        else
            mapfile -t files < <(compgen -f -- "${plain[-1]#"$part"}")
            COMPREPLY+=("${files[@]}")
            compopt -o filenames
        fi
        ;;
    directories) compopt -o dirnames ;;
    esac
}

complete -F _ffctl ffctl
