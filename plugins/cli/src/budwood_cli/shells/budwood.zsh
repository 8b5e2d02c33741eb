#compdef budwood
# Completion of budwood for zsh.
_budwood() {
    local line program="${words[1]/#\~/$HOME}"
    local -a before=("${(@Q)words[2,CURRENT-1]}") found open
    for line in "${(@f)$("$program" --complete zsh "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        case "$line" in
            :files) _files; return ;;
            */ | *=) open+=("$line") ;;
            ?*) found+=("$line") ;;
        esac
    done
    (( $#open )) && _describe -V budwood open -S ''
    (( $#found )) && _describe -V budwood found
}
if [ "$funcstack[1]" = _budwood ]; then
    _budwood "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _budwood budwood
fi
