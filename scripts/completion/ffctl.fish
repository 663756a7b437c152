# Fish completion of ffctl, as `ffctl completion fish` prints it. To have it in every shell, install
# it as ~/.config/fish/completions/ffctl.fish, or put into ~/.config/fish/config.fish:
#
#     ffctl completion fish | source
#
# What fits is said by ffctl itself, by the tables that it parses its command line with:
# `ffctl __complete WORD...`.

function __ffctl_candidates
    set -l words (commandline -opc | string replace -r '^~/' "$HOME/")
    type -q $words[1]; or return
    set -l current (commandline -ct)
    set -l plain (string unescape -- $current)
    test $status = 0; or set plain (string replace -r '^["\']' '' -- $current) # a quote is open
    set -l answer ($words[1] __complete $words[2..-1] "$plain" 2>/dev/null)
    set -l head (string split -m 1 ' ' -- $answer[1])
    set -l before "$head[2]"
    set -l path (string sub -s (math 1 + (string length -- $before)) -- $plain)
    switch "$head[1]"
        case files
            string join \n -- $before(__fish_complete_path $path)
        case directories
            string join \n -- $before(__fish_complete_directories $path)
    end
    string join \n -- $answer[2..-1]
end

complete -c ffctl -f -k -a '(__ffctl_candidates)'
