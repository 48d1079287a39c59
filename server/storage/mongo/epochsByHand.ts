import type { EpochRecord, FileRecord, Segment } from '../ports'
import type { ByHand } from './byHand'
import { hashesOf } from './graphs'
import { anyOf, type Mongo, objectIds, pieces } from './mongo'
import { epochByHand, fileHash, parse, weightsDocument } from './schema'

/** Epochs that something else wrote: of a session's own by their numbers, or those of the ids. */
export async function handEpochs(
  mongo: Mongo,
  byHand: ByHand,
  asked: Segment | readonly string[],
  signal?: AbortSignal,
): Promise<EpochRecord[]> {
  const wanted = 'sessionId' in asked ? await byHand.numbered(asked) : await byHand.placed(asked)
  if (wanted.length === 0) return []
  const documents = new Map<string, { readonly modelGraphId: string | null; readonly weightsId: string | null }>()
  for (const some of pieces(objectIds(wanted.map(({ id }) => id)))) {
    const found = await mongo.ask(
      (db) =>
        db
          .collection('Epoch')
          .find(anyOf(some), { projection: { modelGraphId: 1, weightsId: 1 } })
          .toArray(),
      { signal },
    )
    for (const document of found) {
      const { value, damaged } = parse('Epoch', epochByHand, document)
      if (damaged) mongo.report(damaged)
      else documents.set(value._id, { modelGraphId: value.modelGraphId ?? null, weightsId: value.weightsId ?? null })
    }
  }
  const all = [...documents.values()]
  const graphs = await hashesOf(mongo, [...new Set(all.flatMap(({ modelGraphId }) => modelGraphId ?? []))], signal)
  const files = await filesOf(mongo, [...new Set(all.flatMap(({ weightsId }) => weightsId ?? []))])
  return wanted.flatMap(({ id, sessionId, number }): EpochRecord[] => {
    const document = documents.get(id)
    if (!document) return []
    const { modelGraphId, weightsId } = document
    return [
      {
        id,
        sessionId,
        number,
        state: 'ok',
        graphHash: (modelGraphId !== null && graphs.get(modelGraphId)) || null,
        weights: (weightsId !== null && files.get(weightsId)) || null,
        optimizerState: null,
        released: false,
        pruned: false,
        time: parseInt(id.slice(0, 8), 16),
      },
    ]
  })
}

/** Only files whose hash and size are known: any other could not be verified. */
async function filesOf(mongo: Mongo, ids: readonly string[]): Promise<Map<string, FileRecord>> {
  const found = new Map<string, FileRecord>()
  for (const some of pieces(objectIds(ids))) {
    const documents = await mongo.ask((db) => db.collection('Weights').find(anyOf(some)).toArray())
    for (const document of documents) {
      const { value, damaged } = parse('Weights', weightsDocument, document)
      if (damaged) {
        mongo.report(damaged)
        continue
      }
      const location = value.weightsFileLocation ?? ''
      const sha256 = fileHash(value)
      if (sha256 !== undefined && typeof value.bytes === 'number')
        found.set(value._id, {
          sha256,
          bytes: value.bytes,
          format: value.fileFormat ?? null,
          file: location.slice(location.lastIndexOf('/') + 1),
        })
    }
  }
  return found
}
