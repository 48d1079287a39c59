import { EpochtreeError } from '../errors'
import type { MetricName } from '../storage/ports'
import type { Direction } from './best'

export type EpochReference =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'latest' }
  | { readonly kind: 'selected' }
  | { readonly kind: Direction; readonly metric: MetricName }
  /** No epoch was named: the selected one, else the latest. */
  | { readonly kind: 'absent' }
export interface Reference {
  /** A name, an id, or at least 6 digits that begin or end one; 24 digits with no epoch named may also be an epoch's id. */
  readonly session: string
  readonly epoch: EpochReference
  /** How many epochs earlier in the model's history. */
  readonly back: number
}

const remedy =
  'Write SESSION@EPOCH, where EPOCH is a number, an id of 24 hex digits, latest, selected, min:val/loss or max:val/acc, with ~2 for two epochs earlier.'
const refused = /[@~\p{Cc}\p{Cs}]/gu
const hexAlone = /^[0-9a-f]{6,}$/i
// Not trim(): Python's strip(), which mends names on the engine's side, leaves the byte order mark alone.
const outerSpace = /^\p{White_Space}+|\p{White_Space}+$/gu
/** Longer words are compared by this much of what they don't have in common at their ends. */
const longest = 48

export function parseReference(text: string): Reference {
  const at = text.indexOf('@')
  if (at === 0 || text === '') throw bad(text, 'it names no session')
  if (at > 0) {
    const session = text.slice(0, at)
    if (session.includes('~')) throw bad(text, "a session's name holds no ~, and ~n comes after the epoch")
    return { session, ...parseEpoch(text.slice(at + 1), text) }
  }
  const [, session = '', back] = /^([^~]*)(?:~(\d+))?$/s.exec(text) ?? []
  if (session === '') throw bad(text, text.startsWith('~') ? 'it names no session' : 'after ~ comes one number')
  return { session, epoch: { kind: 'absent' }, back: Number(back ?? 0) }
}

export function formatReference({ session, epoch, back }: Reference): string {
  return `${session}${epoch.kind === 'absent' ? '' : `@${formatEpoch(epoch)}`}${back ? `~${back}` : ''}`
}

/** The text before the first slash is the split; the name may hold more of them. */
export function parseMetric(text: string): MetricName {
  const slash = text.indexOf('/')
  return slash < 0 ? { split: 'train', name: text } : { split: text.slice(0, slash), name: text.slice(slash + 1) }
}

export function formatMetric({ split, name }: MetricName): string {
  return `${split}/${name}`
}

function parseEpoch(text: string, whole: string): Omit<Reference, 'session'> {
  // A metric's name may hold ) and ~ itself, so the last ones count.
  const [, direction, metric, steps] = /^(min|max)\((.*)\)(?:~(\d+))?$/s.exec(text) ?? /^(min|max):(.*?)(?:~(\d+))?$/s.exec(text) ?? []
  if (direction !== undefined) {
    if (!metric) throw bad(whole, `${direction} needs a metric`)
    return { epoch: { kind: direction as Direction, metric: parseMetric(metric) }, back: Number(steps ?? 0) }
  }
  const [, epoch, back] = /^([^~]*)(?:~(\d+))?$/s.exec(text) ?? []
  if (epoch === undefined) throw bad(whole, 'after ~ comes one number')
  if (epoch === '') throw bad(whole, 'it names no epoch after the @')
  return { epoch: plainEpoch(epoch, whole), back: Number(back ?? 0) }
}

function plainEpoch(text: string, whole: string): EpochReference {
  // Before numbers: an id may happen to have no letters.
  if (/^[0-9a-f]{24}$/i.test(text)) return { kind: 'id', id: text.toLowerCase() }
  if (/^\d+$/.test(text)) return { kind: 'number', number: Number(text) }
  if (text === 'latest' || text === 'selected') return { kind: text }
  throw bad(whole, `"${clip(text)}" is no epoch`)
}

function formatEpoch(epoch: Exclude<EpochReference, { readonly kind: 'absent' }>): string {
  switch (epoch.kind) {
    case 'number':
      return String(epoch.number)
    case 'id':
      return epoch.id
    case 'min':
    case 'max':
      return `${epoch.kind}(${formatMetric(epoch.metric)})`
    default:
      return epoch.kind
  }
}

function bad(text: string, why: string): EpochtreeError {
  return new EpochtreeError('bad-reference', `"${clip(text)}" is no reference: ${why}. ${remedy}`)
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}

/** Why a session can't be called so; undefined if it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'A name has at least one character.'
  const [found] = name.match(refused) ?? []
  if (found === '@' || found === '~')
    return `A session's name holds no "${found}", which parts a reference. Leave it out or write "-" instead.`
  if (found !== undefined) return "A session's name holds no control characters and no halves of characters. Leave them out."
  if (name.search(outerSpace) >= 0) return "A session's name has no space at its ends. Leave it out."
  if (hexAlone.test(name))
    return `Six or more hex digits alone would be read as an id. Write more than them, such as "model-${name.slice(0, 40)}".`
  return undefined
}

/** The session's name that a model's name gives; the Python package does the same. */
export function mendName(modelName: string): string {
  const name = modelName.normalize('NFC').replace(refused, '-').replace(outerSpace, '')
  if (name === '') return 'model'
  return hexAlone.test(name) ? `model-${name}` : name
}

/** The candidates most like a word, best first. */
export function nearest(word: string, candidates: Iterable<string>, n = 3): string[] {
  const wanted = word.toLowerCase()
  const found: { readonly candidate: string; readonly distance: number }[] = []
  for (const candidate of candidates) {
    const worst = found.length < n ? Infinity : (found.at(-1)?.distance ?? -1)
    const distance = distanceOf(wanted, candidate.toLowerCase(), worst)
    if (distance >= worst) continue
    const place = found.findIndex((other) => other.distance > distance)
    found.splice(place < 0 ? found.length : place, 0, { candidate, distance })
    if (found.length > n) found.pop()
  }
  return found.map(({ candidate }) => candidate)
}

function distanceOf(a: string, b: string, worst: number): number {
  if (a === b) return 0
  // Half a name typed is a better hint than any misspelling.
  if (a && b.includes(a)) return Math.min(1, b.length - a.length)
  let start = 0
  while (start < a.length && a.charCodeAt(start) === b.charCodeAt(start)) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++
  const difference = Math.abs(a.length - b.length)
  if (difference >= worst) return difference
  return Math.max(
    difference,
    editDistance(
      a.slice(start, Math.min(a.length - end, start + longest)),
      b.slice(start, Math.min(b.length - end, start + longest)),
      worst,
    ),
  )
}

/** Levenshtein; given up as soon as it can't be less than `worst`. */
function editDistance(a: string, b: string, worst: number): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] ?? 0
    let least = i
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0
      const cost = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1
      const value = Math.min(above + 1, (row[j - 1] ?? 0) + 1, diagonal + cost)
      row[j] = value
      diagonal = above
      if (value < least) least = value
    }
    if (least >= worst) return least
  }
  return row[b.length] ?? 0
}
