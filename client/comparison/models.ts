import type { Compared, Comparison } from '../../server/protocol/comparison'

/** A tab's title is read at a glance; the page names them all. */
const LONGEST_TITLE = 60

interface Found {
  readonly compared: Compared
  readonly comparison: Comparison
}

/** Names may change while a comparison is shown: from here on its sessions are meant by their ids. */
export function byId({ dir, references }: Compared, comparison: Comparison): Found {
  const meant = references.map((reference, i) => {
    const { id, name } = comparison.models[i]!
    return reference === name || reference.startsWith(`${name}@`) ? `${id}${reference.slice(name.length)}` : reference
  })
  return {
    compared: { dir, references: meant },
    comparison: { ...comparison, models: comparison.models.map((model, i) => ({ ...model, reference: meant[i]! })) },
  }
}

/** In whichever order they were named. */
export const sameModels = (a: Compared, b: Compared) =>
  a.dir === b.dir && String(a.references.toSorted()) === String(b.references.toSorted())

export function titleOf({ models }: Pick<Comparison, 'models'>): string {
  const [first = '', second = ''] = models.map(({ label }) => shortened(label))
  return models.length > 2 ? `${first} ↔ ${second} +${models.length - 2}` : `${first} ↔ ${second}`
}

const shortened = (label: string) => (label.length > LONGEST_TITLE ? `${label.slice(0, LONGEST_TITLE - 1)}…` : label)

/** How people name what a page means by ids: a model, or a session of its past. */
export function nameOf(reference: string, comparison: Comparison | undefined): string {
  const lines = (comparison?.lines ?? []).map(({ sessionId: id, sessionName: name }) => ({ id, name }))
  const found = [...(comparison?.models ?? []), ...lines].find(({ id }) => reference === id || reference.startsWith(`${id}@`))
  return found ? `${found.name}${reference.slice(found.id.length)}` : reference
}
