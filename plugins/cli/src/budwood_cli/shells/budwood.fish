# Completion of budwood for fish.
function __budwood_completion
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] --complete fish $words[2..] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c budwood -f -a '(__budwood_completion)'
