import { randomBytes, createHash } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  linkSync,
  lstatSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { EpochtreeError } from '../errors'
import { makeFolders } from '../folder'
import { engineOf, statusOf } from '../journal/liveness'
import { checkName } from '../journal/marks'
import { isObject } from '../json'
import { folders, LARGEST_SESSION_FILE, readText } from '../journal/runFiles'
import type { CheckoutJson, SessionJson } from '../protocol/model'
import { findSession, resolve } from '../references'
import { type Context, graphOf, sessionJson } from '../requests'
import type { EpochRecord, FileRecord, Marks, SessionOverview, Transfer } from '../storage/ports'

async function mark(context: Context, text: string, marks: Marks): Promise<SessionJson> {
  const { id } = await findSession(context.stores, text)
  await context.stores.sessions.mark(id, marks)
  return sessionJson(context, id)
}

export async function select(context: Context, text: string): Promise<SessionJson> {
  const { session, epoch } = await resolve(context.stores, text)
  return mark(context, session.id, { selected: epoch.id })
}

export const float = (context: Context, text: string) => mark(context, text, { selected: null })
export const rename = (context: Context, text: string, name: string) => mark(context, text, { name: checkName(name) })
export const remove = (context: Context, text: string) => mark(context, text, { deleted: Date.now() / 1000 })
export const restore = (context: Context, text: string) => mark(context, text, { deleted: null })

export function checkTags(tags: readonly string[]) {
  if (tags.some((one) => one.trim() === '' || /\p{Cc}|\p{Cs}/u.test(one)))
    throw new EpochtreeError('bad-argument', 'A tag is a word: it is not empty and holds no control characters. Give another.')
}

export async function tag(context: Context, text: string, tags: readonly string[], untag: boolean): Promise<SessionJson> {
  if (!untag) checkTags(tags)
  const { id, tags: before } = await findSession(context.stores, text)
  const after = untag ? before.filter((one) => !tags.includes(one)) : [...new Set([...before, ...tags])]
  return mark(context, id, { tags: after })
}

/** Refuses what takes the run folder of a session that is trained on another machine. */
export function checkHere({ name, team }: SessionOverview, done: 'stopped' | 'resumed') {
  if (!team?.elsewhere) return
  const where = team.by === null ? 'on another machine' : `on another machine, by ${team.by.slice(0, 100)}`
  const remedy = done === 'resumed' ? `Go on from it in a session of your own: \`epochtree fork ${name}\`.` : 'Stop it there.'
  throw new EpochtreeError('bad-argument', `${name} is trained ${where}, so it can't be ${done} here. ${remedy}`)
}

const LOOKED_EVERY_MS = 250

/**
 * Asks the engine to end, and waits; only after the grace time it is told so by signals, and only that same process.
 * When it is called off, an engine that has not read the request yet goes on.
 */
export async function stop(context: Context, text: string, graceSeconds: number, signal?: AbortSignal): Promise<SessionJson> {
  const { stores, dir } = context
  const session = await findSession(stores, text)
  checkHere(session, 'stopped')
  const { run: runOf } = folders(dir)
  const run = runOf(session.id)
  if (statusOf(session, runOf) !== 'running')
    throw new EpochtreeError('session-not-running', `${session.name} is not running, so there is nothing to stop.`)
  writeFileSync(join(run, 'stop'), '')
  const ended = async (seconds: number) => {
    for (const until = Date.now() + seconds * 1000; ; await wait(LOOKED_EVERY_MS)) {
      await stores.ingest({ only: [session.id], verify: false })
      if (statusOf((await stores.sessions.session(session.id))!, runOf) !== 'running') {
        // Its last words may have come between the reading and the look at its process.
        await stores.ingest({ only: [session.id], verify: false })
        return true
      }
      if (Date.now() >= until) return false
      if (signal?.aborted) {
        rmSync(join(run, 'stop'), { force: true })
        throw new EpochtreeError('aborted', `${session.name} is no longer asked to stop. If it had read that already, it still ends.`)
      }
    }
  }
  if (await ended(graceSeconds)) return sessionJson(context, session.id)
  for (const kind of ['SIGINT', 'SIGTERM'] as const) {
    const pid = engineOf(session, run)
    if (pid === undefined) break
    process.kill(pid, kind)
    if (await ended(10)) return sessionJson(context, session.id)
  }
  throw new EpochtreeError(
    'session-running',
    `${session.name} was asked to stop and has not ended yet. It stops as soon as its script comes back to Python; the request stays.`,
  )
}

/** Whether a session was brought here from a team: its own engine writes on elsewhere. */
export function wasPulled(dir: string, id: string): boolean {
  const path = join(folders(dir).run(id), 'session.json')
  const file: unknown = existsSync(path) ? JSON.parse(readText(path, LARGEST_SESSION_FILE)) : undefined
  return isObject(file) && isObject(file['pulled'])
}

/** Why the weights of an epoch are not here, in a sentence. */
export const whyReleased = (dir: string, name: string, { sessionId, number }: Pick<EpochRecord, 'sessionId' | 'number'>) =>
  wasPulled(dir, sessionId)
    ? `The weights of ${name}@${number} are not here: it was brought without them. Bring them: \`epochtree pull ${name}\`.`
    : `The weights of ${name}@${number} were let go by \`epochtree gc --keep\`.`

/** Writes an epoch's graph and weights into a folder, verified; nothing that is there is overwritten. */
export async function checkout(
  context: Context,
  text: string,
  to: string,
  { cwd, ...transfer }: Transfer & { readonly cwd: string },
): Promise<CheckoutJson> {
  const { session, epoch } = await resolve(context.stores, text)
  const folder = resolvePath(cwd, to)
  const graph = await graphOf(context, epoch)
  const suffix = ({ format }: FileRecord) => (format && /^\w{1,40}$/.test(format) ? `.${format}` : '')
  const weights = epoch.weights && !epoch.released ? { file: epoch.weights, path: join(folder, `weights${suffix(epoch.weights)}`) } : null
  const state =
    epoch.optimizerState && !epoch.released
      ? { file: epoch.optimizerState, path: join(folder, `state${suffix(epoch.optimizerState)}`) }
      : null
  if (epoch.released)
    throw new EpochtreeError(
      'weights-released',
      `${whyReleased(context.dir, session.name, epoch)} \`epochtree graph\` still shows its graph.`,
    )
  const graphPath = graph ? join(folder, 'graph.json') : null
  for (const path of [graphPath, weights?.path, state?.path]) if (path && lstatSync(path, { throwIfNoEntry: false })) throw isThere(path)
  makeFolders(folder)
  try {
    const files = [weights, state].flatMap((one) => one ?? [])
    await bring(
      context,
      files.map(({ file }) => file),
      transfer,
    )
    for (const { file, path } of files) await copyVerified(context, file, path)
    if (graphPath) await placeNew(graphPath, (temporary) => writeFileSync(temporary, JSON.stringify(graph, null, 2)))
  } catch (error) {
    removeEmpty(folder)
    throw error
  }
  return {
    session: { id: session.id, name: session.name },
    epoch: { id: epoch.id, number: epoch.number },
    graph: graphPath,
    weights: weights?.path ?? null,
    state: state?.path ?? null,
  }
}

/** Brings files here that only the team's bucket has; together they are one progress. Of those that are `known` to be there it is not asked again. */
export async function bring(
  { stores }: Context,
  files: readonly FileRecord[],
  { signal, progress }: Transfer,
  known: readonly (FileRecord | null)[] = [],
) {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  for (const file of files) {
    const { sha256, bytes } = file
    if ((await stores.weights.path(sha256)) === undefined && (known.includes(file) || (await stores.weights.has(sha256, bytes))))
      await stores.weights.fetch(sha256, { ...(signal ? { signal } : {}), progress: (done) => progress?.(before + done, total) })
    before += bytes
  }
}

async function copyVerified({ stores }: Context, { sha256 }: FileRecord, to: string) {
  const from = await stores.weights.path(sha256)
  if (!from)
    throw new EpochtreeError(
      'no-weights',
      `The weights file ${sha256} is not here any more. Bring it back (of a team's session: \`epochtree push --again SESSION\` where it was trained), or take another epoch.`,
    )
  await placeNew(to, async (temporary) => {
    copyFileSync(from, temporary, constants.COPYFILE_FICLONE)
    const hash = createHash('sha256')
    for await (const block of createReadStream(temporary, { highWaterMark: 4 * 1024 * 1024 })) hash.update(block as Buffer)
    if (hash.digest('hex') !== sha256)
      throw new EpochtreeError(
        'weights-damaged',
        `${from} is damaged: its content is not what was committed. Restore it from a backup, or take another epoch.`,
      )
    chmodSync(temporary, 0o644)
  })
}

/** A whole file or none; one that came there in the meantime is not overwritten either. */
async function placeNew(to: string, write: (temporary: string) => void | Promise<void>) {
  const temporary = `${to}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await write(temporary)
    linkSync(temporary, to)
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall !== 'link') throw error
    if (code === 'EEXIST') throw isThere(to)
    copyFileSync(temporary, to, constants.COPYFILE_EXCL) // no hard links here
  } finally {
    rmSync(temporary, { force: true })
  }
}

const isThere = (path: string) => new EpochtreeError('bad-argument', `${path} is there already. Name another folder, or move it away.`)

function removeEmpty(folder: string) {
  try {
    rmdirSync(folder)
  } catch {
    // Something is in it, which was there before.
  }
}
