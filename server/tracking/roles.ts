export type Role = 'label' | 'prediction' | 'sample'

/** Names that tell what a field of samples holds; the surest first. */
const NAMES: Readonly<Record<Role, readonly string[]>> = {
  label: ['label', 'labels', 'target', 'targets', 'truth', 'groundtruth', 'ytrue', 'y', 'class', 'category', 'expected', 'actual', 'gold'],
  prediction: ['prediction', 'predictions', 'pred', 'preds', 'predicted', 'ypred', 'yhat', 'output', 'outputs', 'answer'],
  sample: ['sample', 'sampleid', 'id', 'uid', 'name', 'key', 'path', 'file', 'filename', 'image', 'index', 'idx'],
}
/** Parts of longer names that tell it too, as in `true_label` or `predictedClass`. */
const PARTS: Readonly<Record<Role, RegExp>> = {
  prediction: /(^|_)(pred|preds|predicted|prediction)(_|$)/,
  label: /(^|_)(label|target|truth|true)(_|$)/,
  sample: /(^|_)(id|path|file|name)$/,
}

const words = (name: string) =>
  name
    .slice(0, 256)
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, '_')
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .toLowerCase()

/** What the fields of samples hold, as their names tell: at most one of them each role. */
export function rolesOf(names: readonly string[]): ReadonlyMap<string, Role> {
  const found = new Map<string, Role>()
  for (const role of ['prediction', 'label', 'sample'] as const) {
    const free = names.filter((name) => !found.has(name))
    const sure = NAMES[role].flatMap((known) => free.find((name) => words(name).replaceAll('_', '') === known) ?? [])[0]
    const name = sure ?? free.find((one) => PARTS[role].test(words(one)))
    if (name !== undefined) found.set(name, role)
  }
  return found
}
