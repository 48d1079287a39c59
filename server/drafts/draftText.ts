import type { Json, JsonObject } from '../protocol/model'
import { isObject } from '../json'
import { type DraftBase, suggestedEpochs } from './draftBase'

const INLINE = 80

/** Settings as people write them: short lists and objects on one line. */
export function writeJson(value: Json, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const short = `[${(value as readonly Json[]).map((item) => JSON.stringify(item)).join(', ')}]`
    if (short.length <= INLINE) return short
    return `[\n${(value as readonly Json[]).map((item) => inner + writeJson(item, inner)).join(',\n')}\n${indent}]`
  }
  const entries = Object.entries(value as JsonObject)
  if (entries.length === 0) return '{}'
  return `{\n${entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${writeJson(item, inner)}`).join(',\n')}\n${indent}}`
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 200)
const MOST_LAYERS = 12

/** The text of a new draft, which teaches what each key is for. */
export function draftText(base: DraftBase): string {
  const parts = [...nameAndCommand(base), epochsPart(base), settingsPart(base), planPart(base)]
  const written = parts.map(({ comments, text }, i) => {
    const comma = i < parts.length - 1 && !text.startsWith('//') ? ',' : ''
    return [...comments.flatMap((one) => commentLines(one, '  ')), `  ${text}${comma}`].join('\n')
  })
  return `${heading(base)
    .flatMap((one) => commentLines(one, ''))
    .join('\n')}\n{\n${written.join('\n\n')}\n}\n`
}

/** As wide as half a diff editor on a laptop. */
const WIDEST = 48

function commentLines(text: string, indent: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length ? `${lines.at(-1)!} ${word}` : word
    if (lines.length && longer.length + indent.length + 3 <= WIDEST) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.map((line) => `${indent}// ${line}`)
}

interface Part {
  readonly comments: readonly string[]
  readonly text: string
}

function heading({ fork, from }: DraftBase): string[] {
  if (fork)
    return [
      `A new session that starts at epoch ${fork.number} of ${oneLine(fork.parent)}, with the graph and weights of that epoch.`,
      'Change what you like, then choose "Train" above. What you leave stays as it was: see the left side.',
    ]
  return [
    `A new session of ${oneLine(from)}. Change what you like, then choose "Train" above.`,
    "What you leave stays as the script has it; what you change wins over the script's own values.",
  ]
}

function nameAndCommand({ suggestedName, command }: DraftBase): Part[] {
  return [
    { comments: ['What the new session is called.'], text: `"name": ${JSON.stringify(suggestedName)}` },
    ...(command
      ? [
          {
            comments: ['How the script is started, word by word.'],
            text: `"command": ${writeJson(command.argv, '  ')}`,
          },
          { comments: ['The folder it is started in.'], text: `"folder": ${JSON.stringify(command.folder)}` },
        ]
      : []),
  ]
}

function epochsPart(base: DraftBase): Part {
  const { epochs, fork } = base
  const suggested = suggestedEpochs(base)
  const first = fork
    ? `Epochs up to ${fork.number} are those of ${oneLine(fork.parent)}; ${fork.number + 1} is the first to be trained.`
    : ''
  const comments = ['Train up to the epoch of this number.', ...(first ? [first] : [])]
  if (suggested === null)
    return {
      comments: [...comments, 'Not given: as many as the script asks for.'],
      text: `// "epochs": ${(fork?.number ?? 0) + 10},`,
    }
  if (suggested !== epochs) comments.push(`${oneLine(fork!.parent)} was trained up to ${epochs}, so this asks for some more.`)
  return { comments, text: `"epochs": ${suggested}` }
}

function settingsPart({ hyperparameters, kind, unknown }: DraftBase): Part {
  const comments = [
    kind === 'fork'
      ? 'As that epoch was trained with. The script reads them from session.hyperparameters.'
      : 'The script reads them from session.hyperparameters.',
    ...(unknown.length ? [`Known only when it runs, and to be given here if they shall be others: ${oneLine(unknown.join(', '))}.`] : []),
  ]
  return { comments, text: `"hyperparameters": ${writeJson(hyperparameters, '  ')}` }
}

function planPart({ pruningPlan, fork }: DraftBase): Part {
  const layers = fork?.graph?.prunable ?? []
  const { parameters } = fork?.graph?.reached ?? { parameters: null }
  const comments = [
    'How the model is made smaller while it trains.',
    ...(layers.length
      ? [
          `Layers: ${layers.slice(0, MOST_LAYERS).map(oneLine).join(', ')}${layers.length > MOST_LAYERS ? ` and ${layers.length - MOST_LAYERS} more` : ''}.`,
        ]
      : []),
    ...(parameters !== null && parameters > 0
      ? [`${(parameters * 100).toFixed(1)} % of the parameters are gone at epoch ${fork!.number}.`]
      : []),
  ]
  if (pruningPlan === null || !isObject(pruningPlan))
    return {
      comments: [
        ...comments,
        'None: the model keeps its size. A plan looks like this:',
        '{ "method": "l2-norm", "everyEpochs": 2, "startEpoch": 2, "ratio": 0.1, "targetSparsity": 0.5 }',
      ],
      text: '"pruningPlan": null',
    }
  return { comments, text: `"pruningPlan": ${writeJson(pruningPlan, '  ')}` }
}
