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

const remedy = 'Write SESSION@EPOCH, where EPOCH is a number, an id of 24 hex digits, latest, selected, min:val/loss or max:val/acc, with ~2 for two epochs earlier.'

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
