import { EpochtreeError } from '../../errors'
import type { ConfusionQuery, ConfusionTable, SampleValue, Scope } from '../ports'
import { DistinctValues, grown, TooManyValues } from './distinct'
import { numbered, type SampleReader } from './samples'

/** More different values are no classes. */
const MOST_VALUES = 1_000_000

export function confusion(
  samples: SampleReader,
  scopes: readonly Scope[],
  { split, label, prediction, most }: ConfusionQuery,
  signal?: AbortSignal,
): ConfusionTable {
  return ofClasses(label, prediction, (values) => {
    /** How often a class comes up, and in how many mistakes. */
    let often: Uint32Array<ArrayBuffer> = new Uint32Array(64)
    let mistaken: Uint32Array<ArrayBuffer> = new Uint32Array(64)
    const tallies = scopes.map((scope) => {
      const tally = { count: 0, right: 0 }
      for (const [labels, predictions] of samples.lines(scope, split, [label, prediction], signal)) {
        const [truth, said] = [numbered(labels!, values), numbered(predictions!, values)]
        if (values.size > often.length) {
          often = grown(often, new Uint32Array(values.size * 2))
          mistaken = grown(mistaken, new Uint32Array(values.size * 2))
        }
        for (let i = 0; i < truth.length; i++) {
          const [a, b] = [truth[i]!, said[i]!]
          if (a === 0 || b === 0) continue
          often[a]!++
          often[b]!++
          tally.count++
          if (a === b) {
            tally.right++
            continue
          }
          mistaken[a]!++
          mistaken[b]!++
        }
      }
      return tally
    })
    const met: number[] = []
    for (let number = 1; number < values.size; number++) if (often[number]) met.push(number)
    const classes = met
      .toSorted((a, b) => mistaken[b]! - mistaken[a]! || often[b]! - often[a]! || a - b)
      .slice(0, most)
      .map((number) => ({ number, value: values.value(number) }))
      .sort((a, b) => inOrder(a.value, b.value))
    const place = new Int32Array(values.size).fill(-1)
    for (const [at, { number }] of classes.entries()) place[number] = at
    const models = scopes.map((scope, i) => {
      const counts = new Float64Array(classes.length ** 2)
      for (const [labels, predictions] of samples.lines(scope, split, [label, prediction], signal)) {
        const [truth, said] = [numbered(labels!, values), numbered(predictions!, values)]
        for (let row = 0; row < truth.length; row++) {
          const [a, b] = [place[truth[row]!]!, place[said[row]!]!]
          if (a >= 0 && b >= 0) counts[a * classes.length + b]!++
        }
      }
      return { ...tallies[i]!, counts }
    })
    return { classes: classes.map(({ value }) => value), models, more: met.length - classes.length }
  })
}

/** Works with the values of labels and predictions, which are few. */
export function ofClasses<Result>(label: string, prediction: string, work: (values: DistinctValues) => Result): Result {
  try {
    return work(new DistinctValues(MOST_VALUES))
  } catch (error) {
    if (!(error instanceof TooManyValues)) throw error
    throw new EpochtreeError(
      'bad-argument',
      `The fields "${label}" and "${prediction}" have more than ${MOST_VALUES.toLocaleString('en')} different values: they hold no classes. Choose others.`,
    )
  }
}

/** Numbers by their size, then texts. */
function inOrder(a: SampleValue, b: SampleValue): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? -1 : 1
  return String(a).localeCompare(String(b), 'en', { numeric: true })
}
