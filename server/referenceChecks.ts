import { EpochtreeError, explain } from './errors'
import { resolve } from './references'
import type { ScriptModel, WrittenReference } from './script/types'
import type { TrackedFolder } from './trackedFolder'
import { nearest, parseReference } from './tracking/reference'

/** A reference that leads nowhere (yet), with what may have been meant. */
export interface LostReference {
  readonly reference: WrittenReference
  readonly message: string
  readonly code: string
  readonly instead: readonly string[]
}

/** Asks the store about every reference that is well written; the grammar is checked without it. */
export async function lostReferences(folder: TrackedFolder, model: ScriptModel): Promise<LostReference[]> {
  const lost: LostReference[] = []
  for (const reference of model.references) {
    try {
      await resolve(folder.stores, reference.text)
    } catch (error) {
      const { code, message } = explain(error)
      if (!(error instanceof EpochtreeError) || code === 'bad-reference') continue
      if (code === 'unknown-session' || code === 'unknown-epoch' || code === 'unknown-metric' || code === 'ambiguous-reference')
        lost.push({ reference, message, code, instead: reference.exact ? await candidates(folder, reference.text, code, message) : [] })
    }
  }
  return lost
}

/** Whole references that could stand there instead: another session's name, or the epochs that the message names. */
async function candidates(folder: TrackedFolder, text: string, code: string, message: string): Promise<string[]> {
  if (code === 'unknown-session') {
    const { session } = parseReference(text)
    const names: string[] = []
    for (const { name, deletedAt } of (await folder.sessions()).values()) if (deletedAt === null) names.push(name)
    return nearest(session, names).map((name) => name + text.slice(session.length))
  }
  if (code === 'unknown-epoch') return /The nearest: (.*)\.$/s.exec(message)?.[1]?.split(', ') ?? []
  return []
}

/** The epoch number that each reference means now, for whoever wants to see it beside the reference. */
export async function resolvedEpochs(
  folder: TrackedFolder,
  model: ScriptModel,
): Promise<{ reference: WrittenReference; number: number }[]> {
  const found: { reference: WrittenReference; number: number }[] = []
  for (const reference of model.references) {
    try {
      const { epoch } = await resolve(folder.stores, reference.text)
      // Beside resnet50@30 it would only say the same again.
      if (parseReference(reference.text).epoch.kind !== 'number') found.push({ reference, number: epoch.number })
    } catch (error) {
      if (!(error instanceof EpochtreeError)) throw error
    }
  }
  return found
}
