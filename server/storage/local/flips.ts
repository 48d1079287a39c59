import type { FlippedSample, Flips, FlipsQuery, Scope } from '../ports'
import { ofClasses } from './confusion'
import { type DistinctValues, ELSEWHERE, grown, inParts } from './distinct'
import { numbered, type SampleReader } from './samples'

/** Samples that are joined at once: about 60 bytes each. */
const MOST_SAMPLES = 1_500_000

/** By the number of the sample: numbers of its label and of what was predicted, 0 where it has none. */
interface Judged {
  readonly label: Int32Array
  readonly prediction: Int32Array
  /** Documents of samples that an earlier one had named already. */
  readonly repeated: number
}

export function flips(reader: SampleReader, a: Scope, b: Scope, query: FlipsQuery, signal?: AbortSignal): Flips {
  const { split, sample, label, prediction, most } = query
  const read = (scope: Scope, samples: DistinctValues, classes: DistinctValues) =>
    judged(reader, scope, split, [sample, label, prediction], samples, classes, signal)
  const parts = ofClasses(label, prediction, (classes) =>
    inParts(MOST_SAMPLES, reader.count(a, { split, name: sample }), (samples) =>
      joined(read(a, samples, classes), read(b, samples, classes), samples, classes, query),
    ),
  )
  const sum = (of: (part: Part) => number) => parts.reduce((all, part) => all + of(part), 0)
  const listed = [...parts.flatMap(({ wrong }) => wrong), ...parts.flatMap(({ right }) => right)].slice(0, most)
  return {
    bothRight: sum(({ bothRight }) => bothRight),
    bothWrong: sum(({ bothWrong }) => bothWrong),
    wrongToRight: sum(({ wrongToRight }) => wrongToRight),
    rightToWrong: sum(({ rightToWrong }) => rightToWrong),
    onlyA: sum(({ onlyA }) => onlyA),
    onlyB: sum(({ onlyB }) => onlyB),
    repeated: sum(({ repeated }) => repeated),
    samples: listed,
    more: sum(({ matching }) => matching) - listed.length,
  }
}

type Part = ReturnType<typeof joined>

function joined(one: Judged, other: Judged, samples: DistinctValues, classes: DistinctValues, { to, search, most }: FlipsQuery) {
  let [bothRight, bothWrong, wrongToRight, rightToWrong, onlyA, onlyB] = [0, 0, 0, 0, 0, 0]
  const wrong: FlippedSample[] = []
  const right: FlippedSample[] = []
  const wanted = search.toLocaleLowerCase()
  let matching = 0
  for (let i = 1; i < samples.size; i++) {
    const [before, after] = [one.prediction[i] ?? 0, other.prediction[i] ?? 0]
    if (before === 0 || after === 0) {
      if (before !== 0) onlyA++
      if (after !== 0) onlyB++
      continue
    }
    const [wasRight, isRight] = [before === one.label[i], after === other.label[i]]
    if (wasRight === isRight) {
      if (isRight) bothRight++
      else bothWrong++
      continue
    }
    if (isRight) wrongToRight++
    else rightToWrong++
    if (to !== null && to !== (isRight ? 'right' : 'wrong')) continue
    if (wanted !== '' && !String(samples.value(i)).toLocaleLowerCase().includes(wanted)) continue
    matching++
    const list = isRight ? right : wrong
    if (list.length >= most) continue
    list.push({
      sample: samples.value(i),
      label: classes.value(one.label[i]!),
      a: classes.value(before),
      b: classes.value(after),
      to: isRight ? 'right' : 'wrong',
    })
  }
  const repeated = one.repeated + other.repeated
  return { bothRight, bothWrong, wrongToRight, rightToWrong, onlyA, onlyB, repeated, wrong, right, matching }
}

function judged(
  reader: SampleReader,
  scope: Scope,
  split: string,
  fields: readonly string[],
  samples: DistinctValues,
  classes: DistinctValues,
  signal?: AbortSignal,
): Judged {
  let label: Int32Array<ArrayBuffer> = new Int32Array(1024)
  let prediction: Int32Array<ArrayBuffer> = new Int32Array(1024)
  let repeated = 0
  for (const [named, labels, predictions] of reader.lines(scope, split, fields, signal)) {
    const names = numbered(named!, samples)
    const [truth, said] = [numbered(labels!, classes), numbered(predictions!, classes)]
    if (samples.size > label.length) {
      label = grown(label, new Int32Array(samples.size * 2))
      prediction = grown(prediction, new Int32Array(samples.size * 2))
    }
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      if (name === 0 || name === ELSEWHERE || truth[i] === 0 || said[i] === 0) continue
      if (prediction[name] !== 0) repeated++
      // The last counts.
      label[name] = truth[i]!
      prediction[name] = said[i]!
    }
  }
  return { label, prediction, repeated }
}
