import type { Axis, Comparison, Question, Recorded, SampleFields } from '../protocol/comparison'

type Asks<Name extends Question> = Extract<Recorded, { question: Name }>

/** A file is for looking at the whole: as many points as a wide chart has pixels. */
const BUCKETS = 1000
const BINS = 40
/** Samples that changed. */
const MOST_SAMPLES = 1000
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

/** Each field that can be measured by each other, labels first; and models beside each other where a label and a prediction are known. */
export function sampleQuestions({ models }: Comparison, { splits }: SampleFields): Recorded[] {
  return splits.flatMap(({ split, fields }): Recorded[] => {
    const first = fields.toSorted((a, b) => Number(b.role === 'label') - Number(a.role === 'label')).slice(0, MOST_FIELDS)
    const numeric = first.filter((field) => field.numeric)
    const groups = first.flatMap((by) =>
      numeric
        .filter((field) => field !== by)
        .map(({ name, direction }): Asks<'samples'> => ({
          question: 'samples',
          asked: { split, by: by.name, field: name, better: direction },
        })),
    )
    const histograms = [false, true].flatMap((log) =>
      numeric.map(({ name }): Asks<'histogram'> => ({ question: 'histogram', asked: { split, field: name, bins: BINS, log } })),
    )
    const [label, prediction, sample] = (['label', 'prediction', 'sample'] as const).map((role) =>
      fields.find((field) => field.role === role),
    )
    if (!label || !prediction) return [...groups, ...histograms]
    const confusion = { split, label: label.name, prediction: prediction.name }
    const all = { ...confusion, to: null, search: '', most: MOST_SAMPLES }
    const pairs = models.slice(1).flatMap((_, i): [number, number][] => [
      [0, i + 1],
      [i + 1, 0],
    ])
    return [
      ...groups,
      { question: 'confusion', asked: confusion },
      ...(sample ? pairs.map(([a, b]): Asks<'flips'> => ({ question: 'flips', asked: { ...all, sample: sample.name, a, b } })) : []),
      ...histograms,
    ]
  })
}

/** So many metrics are asked for at once. */
const TOGETHER = 20

/** All curves: those that matter most on every axis, then the others, on the first axis all before any on another. */
export function curveQuestions({ metrics }: Comparison): Asks<'curves'>[] {
  const names = metrics.map(({ metric }) => metric)
  const batches = Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, i) => names.slice(i * TOGETHER, (i + 1) * TOGETHER))
  return [batches.slice(0, 1), batches.slice(1)].flatMap((some) =>
    AXES.flatMap((axis) =>
      some.map((together): Asks<'curves'> => ({
        question: 'curves',
        asked: { metrics: together, axis, range: null, buckets: BUCKETS },
      })),
    ),
  )
}
