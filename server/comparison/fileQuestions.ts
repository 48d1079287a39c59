import type { Axis, Comparison, Question, Recorded, SampleFields } from '../protocol/comparison'

type Asks<Name extends Question> = Extract<Recorded, { question: Name }>

/** A file is for looking at the whole: as many points as a wide chart has pixels. */
const BUCKETS = 1000
const BINS = 30
/** Metrics by which epochs are called best, and trades are drawn. */
const MAIN_METRICS = 6
/** Fields of samples of which all pairs are recorded. */
const MOST_FIELDS = 6
const AXES: readonly Axis[] = ['epoch', 'step', 'time']
const COSTS = ['parameters', 'sparsity', 'weights']

const label = /^(label|class|target|truth|y_true|y|category)$/i
const prediction = /^(pred|prediction|predicted|y_pred|output)$/i
const sample = /^(sample|id|index|uid|name|path|file)$/i

/** What the page asks at first and by its main switches, but for curves and samples: those that matter most first. */
export function fileQuestions({ models, metrics, pairs, main }: Comparison): Recorded[] {
  const better = metrics.filter(({ direction }) => direction !== null).slice(0, MAIN_METRICS)
  const best = better.map(({ metric, direction }) => ({ at: 'best' as const, metric, direction: direction! }))
  const partings = [...new Set(pairs.flatMap(({ at }) => (at ? [at.number] : [])))]
  const values = [...(['compared', 'last', 'selected'] as const).map((at) => ({ at })), ...best, ...partings.map((at) => ({ at }))]
  const references = models.map(({ reference }) => reference)
  const tradeoffs = better
    .toSorted((a, b) => Number(b.metric === main) - Number(a.metric === main))
    .flatMap(({ metric, direction }) => COSTS.map((cost) => ({ metric, direction: direction!, cost })))
  return [
    ...values.map((asked): Asks<'values'> => ({ question: 'values', asked })),
    ...references.slice(1).map((b): Asks<'graph'> => ({ question: 'graph', asked: { a: references[0]!, b } })),
    ...references.map((reference): Asks<'layers'> => ({ question: 'layers', asked: { reference } })),
    ...tradeoffs.map((asked): Asks<'tradeoff'> => ({ question: 'tradeoff', asked })),
    { question: 'sampleFields', asked: null },
  ]
}

/** Each field by each other, and the two models beside each other where a label and a prediction are known. */
export function sampleQuestions({ models }: Comparison, { splits }: SampleFields): Recorded[] {
  return splits.flatMap(({ split, fields }): Recorded[] => {
    const first = fields.toSorted((a, b) => Number(label.test(b)) - Number(label.test(a))).slice(0, MOST_FIELDS)
    const groups = first.flatMap((by) =>
      first.filter((field) => field !== by).map((field): Asks<'samples'> => ({ question: 'samples', asked: { split, by, field } })),
    )
    const histograms = first.map((field): Asks<'histogram'> => ({ question: 'histogram', asked: { split, field, bins: BINS } }))
    const [labels, predictions, samples] = [label, prediction, sample].map((name) => fields.find((field) => name.test(field)))
    if (labels === undefined || predictions === undefined) return [...groups, ...histograms]
    const confusion = { split, label: labels, prediction: predictions }
    const flips = models.slice(1).map((_, i) => ({ ...confusion, sample: samples ?? 'sample', a: 0, b: i + 1 }))
    return [
      ...groups,
      { question: 'confusion', asked: confusion },
      ...flips.map((asked): Asks<'flips'> => ({ question: 'flips', asked })),
      ...histograms,
    ]
  })
}

/** So many metrics are asked for at once. */
const TOGETHER = 20

/** All curves, those that matter most first; on the first axis all before any on another. */
export function curveQuestions({ metrics }: Comparison): Asks<'curves'>[] {
  const names = metrics.map(({ metric }) => metric)
  const batches = Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, i) => names.slice(i * TOGETHER, (i + 1) * TOGETHER))
  return AXES.flatMap((axis) =>
    batches.map((together): Asks<'curves'> => ({
      question: 'curves',
      asked: { metrics: together, axis, range: null, buckets: BUCKETS },
    })),
  )
}
