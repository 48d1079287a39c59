export type Shell = 'bash' | 'zsh' | 'fish'
export const shells: readonly Shell[] = ['bash', 'zsh', 'fish']
export interface CommandWords {
  readonly name: string
  /** With their dashes: `--json`. */
  readonly options: readonly string[]
  /** Whether its words are sessions or references. */
  readonly takesReference: boolean
}

/** A script that the user's shell reads. Candidates never go through eval or `compgen -W`, which would run a `$(...)` in a session's name. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return { bash, zsh, fish }[shell](commands)
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
const words = (list: readonly string[]) => list.map(quote).join(' ')

/** Arms of a shell `case`, one a command. */
const arms = (commands: readonly CommandWords[], indent: string) =>
  commands
    .map(
      ({ name, options, takesReference }) =>
        `${indent}${quote(name)}) options=(${words(options)}); references=${takesReference ? 1 : 0} ;;`,
    )
    .join('\n')

const bash = (commands: readonly CommandWords[]) => `# epochtree completion for bash: eval "$(epochtree completion bash)"
_epochtree() {
  # Bash breaks words at @, : and =, which references hold: the word is read from the line itself.
  local line="\${COMP_LINE:0:COMP_POINT}" typed command='' word i
  typed="\${line##*[[:space:]]}"
  local -a options=() candidates=()
  local references=0 quoted cut candidate
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # What comes after -- is the user's own command.
    [[ $word == -- ]] && return 0
    [[ -z $command && $word != -* ]] && command="$word"
  done
  if [[ -z $command ]]; then
    candidates=(${words(commands.map(({ name }) => name))})
  else
    case "$command" in
${arms(commands, '      ')}
    esac
    if [[ $typed == -* ]]; then
      candidates=(\${options[@]+"\${options[@]}"})
    elif ((references)); then
      while IFS= read -r candidate; do
        candidates+=("$candidate")
      done < <(epochtree completion --names 2>/dev/null)
    fi
  fi
  # Readline puts back what it broke off, so that much of each candidate is left away.
  cut="\${typed%"\${typed##*[@:=]}"}"
  for candidate in \${candidates[@]+"\${candidates[@]}"}; do
    printf -v quoted '%q' "$candidate"
    if [[ $quoted == "$typed"* ]]; then
      COMPREPLY+=("\${quoted#"$cut"}")
    elif [[ $candidate == "$typed"* ]]; then
      COMPREPLY+=("\${candidate#"$cut"}")
    fi
  done
}
complete -o default -F _epochtree epochtree
`

const zsh = (commands: readonly CommandWords[]) => `#compdef epochtree
# epochtree completion for zsh: eval "$(epochtree completion zsh)"
_epochtree() {
  local -a options names
  local references=0
  if ((CURRENT == 2)); then
    compadd -- ${words(commands.map(({ name }) => name))}
    return
  fi
  # What comes after -- is the user's own command.
  if ((\${words[(I)--]} > 0 && \${words[(I)--]} < CURRENT)); then
    _files
    return
  fi
  case "\${words[2]}" in
${arms(commands, '    ')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- "\${options[@]}"
  elif ((references)); then
    names=("\${(@f)$(epochtree completion --names 2>/dev/null)}")
    compadd -- "\${names[@]}"
  else
    _files
  fi
}
compdef _epochtree epochtree
`

/** Inside fish's single quotes only these two are special. */
const fishQuote = (word: string) => `'${word.replace(/[\\']/g, '\\$&')}'`

const fish = (commands: readonly CommandWords[]) =>
  [
    '# epochtree completion for fish: epochtree completion fish | source',
    ...commands.flatMap(({ name, options, takesReference }) => {
      const seen = fishQuote(`__fish_seen_subcommand_from ${name}`)
      return [
        `complete -c epochtree -n __fish_use_subcommand -f -a ${fishQuote(name)}`,
        ...options.map(
          (option) => `complete -c epochtree -n ${seen} -${option.startsWith('--') ? 'l' : 'o'} ${fishQuote(option.replace(/^-+/, ''))}`,
        ),
        ...(takesReference ? [`complete -c epochtree -n ${seen} -f -a '(epochtree completion --names 2>/dev/null)'`] : []),
      ]
    }),
    '',
  ].join('\n')
