import * as z from 'zod/mini'
import { checkAborted, EpochtreeError, type ErrorCode } from '../../errors'
import type { Progress } from '../ports'
import type { DocumentColumns } from '../team/ports'
import { prepareIndex } from './layout'
import { pause } from './pause'
import { clipped, reasonOf, refused } from './refusals'
import { rowsOf } from './rows'
import { PATIENCE_MS, type Server } from './server'

/** Characters of a request; documents are mostly ASCII. */
const MOST_TEXT = 4 << 20
const MOST_DOCUMENTS = 20_000
/** Requests under way at once: while one is answered the next is made. */
const AT_ONCE = 2
/**
 * What was not taken because the server is busy or away is sent again after so many milliseconds, up to half as much more. Whoever writes
 * is told sooner that it is away.
 */
const PAUSES: Partial<Record<ErrorCode, readonly number[]>> = {
  'team-busy': [100, 200, 500, 1000, 2000, 5000, 10_000, 10_000],
  'server-away': [100, 200, 500, 1000, 2000, 5000],
}

const item = z.object({ status: z.number(), error: z.optional(z.unknown()) })
const bulkAnswer = z.object({ items: z.array(z.object({ create: z.optional(item), delete: z.optional(item) })) })

export interface Written {
  readonly written: number
  readonly known: number
}
interface Batch {
  readonly index: string
  readonly lines: string[]
  /** What says that there is nothing to do any more: documents that are to be made are there, or those to be removed are not. */
  readonly knownBy: 409 | 404
  /** Of `lines` as one. */
  length: number
}

/** Writes documents once each, however often: what is known already is passed over, and nothing is dropped. */
export async function write(
  server: Server,
  prefix: string,
  prepared: Set<string>,
  columns: Iterable<DocumentColumns> | AsyncIterable<DocumentColumns>,
  { signal, progress }: { readonly signal?: AbortSignal; readonly progress?: (progress: Progress) => void } = {},
): Promise<Written> {
  const indices = new Set<string>()
  let [written, known] = [0, 0]
  const stop = new AbortController()
  const ended = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const underWay = new Set<Promise<void>>()
  let failure: unknown
  const send = async (batch: Batch) => {
    // A failure of one of them ends all, and is what whoever writes is told.
    while (underWay.size >= AT_ONCE) await Promise.race(underWay)
    if (failure !== undefined) throw failure
    const sent = sendAll(server, batch, ended)
      .then((done) => {
        written += done.written
        known += done.known
        progress?.({ what: 'documents', done: written + known, total: written + known })
      })
      .catch((error: unknown) => {
        failure ??= error
        stop.abort()
      })
      .finally(() => underWay.delete(sent))
    underWay.add(sent)
  }
  try {
    checkAborted(signal)
    let batch: Batch | undefined
    for await (const one of columns) {
      const { index, count, line } = rowsOf(prefix, one)
      if (count === 0) continue
      if (!prepared.has(index)) {
        await prepareIndex(server, prefix, index, ended)
        prepared.add(index)
      }
      indices.add(index)
      if (batch && batch.index !== index) {
        await send(batch)
        batch = undefined
      }
      for (let row = 0; row < count; row++) {
        const text = line(row)
        if (batch && (batch.length + text.length > MOST_TEXT || batch.lines.length === MOST_DOCUMENTS)) {
          await send(batch)
          batch = undefined
        }
        batch ??= { index, lines: [], knownBy: 409, length: 0 }
        batch.lines.push(text)
        batch.length += text.length
      }
    }
    if (batch) await send(batch)
  } catch (error) {
    failure ??= error
    stop.abort()
  }
  await Promise.all(underWay)
  if (failure !== undefined) throw failure
  await refresh(server, indices, signal)
  return { written, known }
}

/** Whoever asks from now on finds what was written. */
export async function refresh(server: Server, indices: ReadonlySet<string>, signal?: AbortSignal) {
  for (const index of indices)
    await server.ask({ method: 'POST', path: `/${encodeURIComponent(index)}/_refresh`, signal, timeout: PATIENCE_MS, allowed: [404] })
}

/** Sends these lines until each was taken or is known. */
export async function sendAll(server: Server, { index, lines, knownBy }: Omit<Batch, 'length'>, signal?: AbortSignal): Promise<Written> {
  let [written, known] = [0, 0]
  let left: readonly string[] = lines
  for (let tries = 0; ; tries++) {
    let why: EpochtreeError
    try {
      const again: string[] = []
      let busy: EpochtreeError | undefined
      for (const [i, { status, error }] of (await sendOnce(server, index, left, signal)).entries()) {
        if (status < 300) written++
        else if (status === knownBy) known++
        else {
          const failure = refused(`Elasticsearch at ${server.node}`, status, reasonOf({ error }), whatOf(left[i]!))
          if (!PAUSES[failure.code]) throw failure
          again.push(left[i]!)
          busy ??= failure
        }
      }
      if (!busy) return { written, known }
      // What was taken shows that the server is there.
      if (again.length < left.length) tries = 0
      left = again
      why = busy
    } catch (error) {
      if (!(error instanceof EpochtreeError) || !PAUSES[error.code]) throw error
      why = error
    }
    const after = PAUSES[why.code]?.[tries]
    if (after === undefined) throw why
    await pause(after * (1 + Math.random() / 2), signal)
  }
}

async function sendOnce(server: Server, index: string, lines: readonly string[], signal?: AbortSignal): Promise<z.infer<typeof item>[]> {
  const { status, body } = await server.ask({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_bulk`,
    query: { filter_path: 'items.*.status,items.*.error' },
    lines: lines.join(''),
    once: true,
    signal,
    timeout: PATIENCE_MS,
    allowed: [413],
  })
  if (status === 413) {
    if (lines.length === 1) throw refused(`Elasticsearch at ${server.node}`, status, { type: '', reason: '' })
    // A proxy may let through less than Elasticsearch does.
    const half = lines.length >> 1
    return [...(await sendOnce(server, index, lines.slice(0, half), signal)), ...(await sendOnce(server, index, lines.slice(half), signal))]
  }
  const parsed = bulkAnswer.safeParse(body)
  const items = parsed.success ? parsed.data.items.flatMap((one) => one.create ?? one.delete ?? []) : []
  if (items.length !== lines.length)
    throw new EpochtreeError(
      'server-damaged',
      `Elasticsearch at ${server.node} does not say what became of the documents it was sent. Look whether a proxy answers in its place.`,
    )
  return items
}

/** The document that these lines are, for people. */
function whatOf(lines: string): string {
  const [, text] = lines.split('\n', 2)
  try {
    const { kind, epoch, name, split } = JSON.parse(text ?? '') as Readonly<Record<string, unknown>>
    return clipped(`the ${kind === 'metric' ? `point of ${String(split)}/${String(name)}` : 'sample document'} of epoch ${String(epoch)}`)
  } catch {
    return 'a document'
  }
}
