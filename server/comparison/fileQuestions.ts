import type { Axis, Comparison, Question, Recorded, SampleFields } from '../protocol/comparison'

type Asks<Name extends Question> = Extract<Recorded, { question: Name }>

/** A file is for looking at the whole: as many points as a wide chart has pixels. */
const BUCKETS = 1000
const BINS = 30
/** Metrics by which epochs are called best, and trades are drawn. */
const MAIN_METRICS = 20
/** Epochs of models that are set side by side one by one; of longer histories, only where lines end. */
const MOST_NUMBERS = 200
/** Fields of samples of which all pairs are recorded. */
const MOST_FIELDS = 6
const AXES: readonly Axis[] = ['epoch', 'step', 'time']
const COSTS = [
  ['parameters', 'lower'],
  ['sparsity', 'higher'],
  ['weights', 'lower'],
] as const

const label = /^(label|class|target|truth|y_true|y|category)$/i
const prediction = /^(pred|prediction|predicted|y_pred|output)$/i
const sample = /^(sample|id|index|uid|name|path|file)$/i

/** What the page asks at first and by its main switches, but for curves and samples: those that matter most first. */
export function fileQuestions({ models, lines, metrics, pairs }: Comparison): Recorded[] {
  const main = metrics.slice(0, MAIN_METRICS)
  const best = main.flatMap(({ metric, direction }) => (direction ? [{ at: 'best' as const, metric, direction }] : []))
  const points = (['compared', 'last', 'best', 'selected'] as const).map((at) => ({ at }))
  const partings = pairs.flatMap(({ at }) => (at ? [at.number] : []))
  const last = Math.max(0, ...lines.map(({ to }) => to))
  const numbers = last <= MOST_NUMBERS ? Array.from({ length: last }, (_, i) => i + 1) : lines.map(({ to }) => to)
  const values = [...points, ...best, ...[...new Set([...partings, ...numbers])].map((at) => ({ at }))]
  const references = models.map(({ reference }) => reference)
  const [first, second] = models
  // How the graphs of the first two became what they are, one side after the other.
  const evolution =
    last <= MOST_NUMBERS && first && second
      ? numbers.flatMap((number) => [
          { a: first.reference, b: `${second.id}@${number}` },
          { a: `${first.id}@${number}`, b: second.reference },
        ])
      : []
  return [
    ...values.map((asked): Asks<'values'> => ({ question: 'values', asked })),
    { question: 'effects', asked: null },
    ...references.slice(1).map((b): Asks<'graph'> => ({ question: 'graph', asked: { a: references[0]!, b } })),
    ...references.map((reference): Asks<'layers'> => ({ question: 'layers', asked: { reference } })),
    { question: 'sampleFields', asked: null },
    ...main.flatMap(({ metric, direction }) =>
      COSTS.map(([cost, costDirection]): Asks<'tradeoff'> => ({
        question: 'tradeoff',
        asked: { metric, direction: direction ?? 'lower', cost, costDirection },
      })),
    ),
    ...evolution.map((asked): Asks<'graph'> => ({ question: 'graph', asked })),
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
