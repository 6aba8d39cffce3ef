export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export const completionScript = (shell: Shell): string => SCRIPTS[shell]

/**
 * Each script calls `wfstore complete`. The answer is a NUL-terminated list: the action, then the text that bash inserts
 * unchanged, or values and descriptions, which zsh and fish quote themselves. The scripts never evaluate the answer.
 */
const SCRIPTS: Record<Shell, string> = {
  bash: `# bash completion for wfstore. In ~/.bashrc:
#   source <(wfstore completion bash)
# or, with the package bash-completion, once:
#   wfstore completion bash > ~/.local/share/bash-completion/completions/wfstore

_wfstore() {
  local kind= reply
  COMPREPLY=()
  {
    IFS= read -r -d '' kind
    while IFS= read -r -d '' reply; do COMPREPLY+=("$reply"); done
  } < <(command wfstore complete bash "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
  case $kind in
    open) compopt -o nospace 2>/dev/null ;;
    files) compopt -o default 2>/dev/null ;;
    folders) compopt -o dirnames 2>/dev/null ;;
  esac
}
complete -o nosort -F _wfstore wfstore 2>/dev/null || complete -F _wfstore wfstore
`,
  zsh: `#compdef wfstore
# zsh completion for wfstore. In ~/.zshrc, after compinit:
#   source <(wfstore completion zsh)
# or, in a folder of $fpath, once:
#   wfstore completion zsh > ~/.zfunc/_wfstore

_wfstore() {
  emulate -L zsh
  local -a answer values shown plain
  local kind value description
  answer=("\${(@0)$(command wfstore complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  kind=$answer[1]
  shift answer
  case $kind in
    files) compset -P '--*='; _files; return ;;
    folders) compset -P '--*='; _files -/; return ;;
    words | open) ;;
    *) return 1 ;;
  esac
  for value description in "\${(@)answer}"; do
    [[ -n $value ]] || continue
    if [[ -n $description ]]; then
      values+=("$value")
      shown+=("$value  -- $description")
    else
      plain+=("$value")
    fi
  done
  local -a suffix
  [[ $kind = open ]] && suffix=(-S '')
  local result=1
  (($#plain)) && compadd -V wfstore "\${(@)suffix}" -a -- plain && result=0
  (($#values)) && compadd -V wfstore-described -l -d shown "\${(@)suffix}" -a -- values && result=0
  return result
}

if [[ \${funcstack[1]-} = _wfstore ]]; then
  _wfstore "$@"
else
  compdef _wfstore wfstore
fi
`,
  fish: `# fish completion for wfstore. In ~/.config/fish/config.fish:
#   wfstore completion fish | source
# or once:
#   wfstore completion fish > ~/.config/fish/completions/wfstore.fish

function __wfstore_complete
    set -l words (commandline -opc)
    while string match -qr '^\\w+=' -- "$words[1]"
        set -e words[1]
    end
    set -l current (commandline -ct | string unescape)
    set -l answer (command wfstore complete fish $words[2..] "$current" 2>/dev/null </dev/null | string split0)
    switch "$answer[1]"
        case files folders
            set -l flag (string match -r '^--[a-z-]+=' -- "$current")
            set -l path (string replace -- "$flag" '' "$current")
            set -l kind path
            test "$answer[1]" = folders && set kind directories
            printf '%s\\n' "$flag"(__fish_complete_$kind "$path")
        case words open
            set -l value
            for part in $answer[2..]
                if set -q value[1]
                    printf '%s\\t%s\\n' $value "$part"
                    set -e value
                else
                    set value "$part"
                end
            end
    end
end

complete -c wfstore -e
complete -c wfstore -f -k -a '(__wfstore_complete)'
`,
}
