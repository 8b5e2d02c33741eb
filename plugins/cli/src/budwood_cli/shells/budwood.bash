# Completion of budwood for bash.
_budwood_completion() {
    local line IFS=$'\n'
    COMPREPLY=()
    while read -r line; do
        case "$line" in
            :files) compopt -o default ;;
            */ | *=) compopt -o nospace; COMPREPLY+=("$line") ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <("${1/#\~/$HOME}" --complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _budwood_completion budwood
