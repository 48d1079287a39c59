import type {
  Answer,
  Asked,
  Comparison,
  Curve,
  Curves,
  CurvesQuery,
  Floats,
  Question,
  Recorded,
  SavedAnswer,
} from '../../server/protocol/comparison'
import { floats } from './floats'

/** Reads the answer to the recorded question at a place. */
export type ReadAnswer = (place: number) => SavedAnswer

/**
 * The answer to a question from those that were recorded: its own, or one that says the same. Undefined where there is none;
 * throws where it had been refused.
 */
export function answerFrom<Name extends Question>(
  { models }: Pick<Comparison, 'models'>,
  recorded: readonly Recorded[],
  read: ReadAnswer,
  question: Name,
  asked: Asked<Name>,
): Answer<Name> | undefined {
  const find = (wanted: unknown) => {
    const key = keyOf(question, wanted, models)
    const place = recorded.findIndex((one) => one.question === question && keyOf(question, one.asked, models) === key)
    return place < 0 ? undefined : { asked: recorded[place]!.asked, answer: unwrapped(read(place)) }
  }
  if (question === 'curves') return curvesFrom(asked as CurvesQuery, (wanted) => find(wanted) as RecordedCurves | undefined)
  return find(asked)?.answer
}

interface RecordedCurves {
  readonly asked: CurvesQuery
  readonly answer: Curves
}

function unwrapped(said: SavedAnswer): Answer<Question> {
  if ('refused' in said) throw new Error(said.refused)
  return said.answer
}

/** What is the same question, however it is put. */
function keyOf(question: Question, asked: unknown, models: Comparison['models']): string {
  return JSON.stringify(asked, (key, value: unknown) => {
    // The groups are the same, in another order.
    if (question === 'samples' && key === 'better') return undefined
    // A histogram of other bins says the same.
    if (question === 'histogram' && key === 'bins') return undefined
    // What a curve is reduced to is as it was recorded.
    if (question === 'curves' && key === 'buckets') return undefined
    if (typeof value === 'string' && (key === 'a' || key === 'b' || key === 'reference')) return meant(value, models)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** A model at the epoch that it is compared at, however it is named. */
function meant(reference: string, models: Comparison['models']): string {
  const found = models.find(({ id, name, reference: own, epoch }) =>
    [own, `${id}@${epoch.id}`, `${id}@${epoch.number}`, `${name}@${epoch.number}`].includes(reference),
  )
  return found?.reference ?? reference
}

/** Each metric was recorded alone and whole, with all its columns; a part of it is cut out, as sharp as the whole was. */
function curvesFrom(
  { metrics, range, lines, axis, buckets }: CurvesQuery,
  find: (asked: CurvesQuery) => RecordedCurves | undefined,
): Curves | undefined {
  const whole = metrics.flatMap((metric) => find({ axis, buckets, metrics: [metric], range: null }) ?? [])
  const [first] = whole
  if (metrics.length > 0 && !first) return undefined
  const curves = whole.flatMap((one) => {
    const known = one.answer.curves.filter(({ line }) => !lines || lines.includes(line))
    return known.map((curve): Curve => (curve.count > one.asked.buckets ? { ...curve, coarser: true } : curve))
  })
  return { curves: range ? curves.map((curve) => cut(curve, range)) : curves, ends: first?.answer.ends ?? [] }
}

/**
 * The part of a curve in a range, and one point on either side, so that its line goes on to the edge. How many points a coarser one
 * had there is a guess, but always more than are left.
 */
export function cut(curve: Curve, [from, to]: readonly [from: number, to: number]): Curve {
  const x = floats(curve.x)
  const inside = x.findIndex((at) => at >= from)
  const first = Math.max(0, (inside < 0 ? x.length : inside) - 1)
  const beyond = x.findIndex((at) => at > to)
  const end = beyond < 0 ? x.length : beyond + 1
  const part = (values: Floats | null) => values && encoded(floats(values).subarray(first, end))
  const within = x.filter((at) => at >= from && at <= to).length
  return {
    ...curve,
    count: curve.coarser ? Math.max(within + 1, Math.round((curve.count * within) / x.length)) : within,
    x: part(curve.x)!,
    value: part(curve.value)!,
    low: part(curve.low),
    high: part(curve.high),
    epoch: part(curve.epoch),
    gaps: curve.gaps.filter((place) => place >= first && place < end).map((place) => place - first),
  }
}

const encoded = (values: Float64Array): Floats =>
  btoa(Array.from(new Uint8Array(values.slice().buffer), (byte) => String.fromCharCode(byte)).join(''))
