import { findSession } from '../references'
import type { Stores } from '../storage/ports'
import { formatMetric } from '../tracking/reference'

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

/** Options that a path follows. */
const takesFile = ['--dir', '--html', '--plan', '--to']

/** What a word of a command line may become: a session's name, or after its @ one of its epochs. */
export async function candidates(stores: Stores, word: string): Promise<string[]> {
  const at = word.indexOf('@')
  const { sessions, documents } = stores
  if (at <= 0) return (await sessions.sessions()).map(({ name }) => name)
  const session = await findSession(stores, word.slice(0, at))
  const history = await sessions.history(session.id)
  const metrics = (await documents.metrics(history)).map(formatMetric)
  return [
    'latest',
    ...(session.selected ? ['selected'] : []),
    ...(await sessions.epochs(history)).map(({ number }) => String(number)),
    ...metrics.flatMap((metric) => [`min:${metric}`, `max:${metric}`]),
  ].map((epoch) => word.slice(0, at + 1) + epoch)
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
  # A path follows: bash completes those itself.
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in ${takesFile.join(' | ')}) return 0 ;; esac
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
      done < <(epochtree completion --names "$typed" 2>/dev/null)
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
  case "\${words[CURRENT - 1]}" in ${takesFile.join(' | ')}) _files; return ;; esac
  case "\${words[2]}" in
${arms(commands, '    ')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- "\${options[@]}"
  elif ((references)); then
    names=("\${(@f)$(epochtree completion --names "\${words[CURRENT]}" 2>/dev/null)}")
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
          (option) =>
            `complete -c epochtree -n ${seen} -${option.startsWith('--') ? 'l' : 'o'} ${fishQuote(option.replace(/^-+/, ''))}${takesFile.includes(option) ? ' -r -F' : ''}`,
        ),
        ...(takesReference
          ? [`complete -c epochtree -n ${seen} -f -a '(epochtree completion --names (commandline -ct) 2>/dev/null)'`]
          : []),
      ]
    }),
    '',
  ].join('\n')
