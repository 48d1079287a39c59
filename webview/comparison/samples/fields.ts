import type { SampleFields } from '../../../server/protocol/comparison'

export type Field = SampleFields['splits'][number]['fields'][number]
export type Role = 'label' | 'prediction' | 'sample'

/** Names that tell what a field holds; the surest first. */
const NAMES: Readonly<Record<Role, readonly string[]>> = {
  label: ['label', 'labels', 'target', 'targets', 'truth', 'groundtruth', 'ytrue', 'y', 'class', 'category', 'expected', 'actual', 'gold'],
  prediction: ['prediction', 'predictions', 'pred', 'preds', 'predicted', 'ypred', 'yhat', 'output', 'outputs', 'answer'],
  sample: ['sample', 'sampleid', 'id', 'uid', 'name', 'key', 'path', 'file', 'filename', 'image', 'index', 'idx'],
}
/** Parts of longer names that tell it too, as in `true_label` or `predicted_class`. */
const PARTS: Readonly<Record<Role, RegExp>> = {
  prediction: /(^|_)(pred|preds|predicted|prediction)(_|$)/,
  label: /(^|_)(label|target|truth|true)(_|$)/,
  sample: /(^|_)(id|path|file|name)$/,
}

const words = (name: string) =>
  name
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, '_')
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .toLowerCase()

/** The field that most likely holds it, as the names tell. */
export function guessed(fields: readonly Field[], role: Role): string | undefined {
  const plain = new Map(fields.map(({ name }) => [words(name).replaceAll('_', ''), name]).reverse() as [string, string][])
  const sure = NAMES[role].find((name) => plain.has(name))
  if (sure !== undefined) return plain.get(sure)
  const others = role === 'prediction' ? [] : [guessed(fields, 'prediction')]
  return fields.find(({ name }) => PARTS[role].test(words(name)) && !others.includes(name))?.name
}

/** A field that was chosen, as long as it is there; else the one that its name tells. */
export const chosenOr = (fields: readonly Field[], kept: unknown, otherwise: string | undefined): string | undefined =>
  fields.find(({ name }) => name === kept)?.name ?? otherwise

/** What is measured, and for each value of which field: the label where there is one, and a field that gets better or worse. */
export function measured(fields: readonly Field[], by: unknown, field: unknown): { by: string; field: string } | undefined {
  const [label, prediction, sample] = (['label', 'prediction', 'sample'] as const).map((role) => guessed(fields, role))
  const groups = [label, prediction, ...fields.filter(({ numeric }) => !numeric).map(({ name }) => name), ...fields.map(({ name }) => name)]
  const numeric = fields.filter((one) => one.numeric)
  const known = new Set([label, prediction, sample])
  const measures = [
    ...numeric.filter(({ direction, name }) => direction !== null && !known.has(name)),
    ...numeric.filter(({ name }) => !known.has(name)),
    ...numeric,
  ].map(({ name }) => name)
  const group = chosenOr(
    fields,
    by,
    groups.find((name) => name !== undefined && (name !== sample || fields.length === 2)),
  )
  if (group === undefined) return undefined
  const measure = numeric.find(({ name }) => name === field && name !== group)?.name ?? measures.find((name) => name !== group)
  return measure === undefined ? undefined : { by: group, field: measure }
}
