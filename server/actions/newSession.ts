import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, isAbsolute, join, resolve as resolvePath } from 'node:path'
import { EpochtreeError } from '../errors'
import { nameFile, reserveName, unreservedName } from '../journal/names'
import { checkName } from '../journal/marks'
import { flush, folders } from '../journal/runFiles'
import { isObject, mergeDeep, setOverride } from '../json'
import type { ForkedFrom, Json, JsonObject, StartedJson } from '../protocol/model'
import { type Found, findSession, resolve } from '../references'
import { type Context, graphOf, sessionJson, settingsOf } from '../requests'
import type { EpochRecord, FileRecord, SessionRecord, Stores, Transfer } from '../storage/ports'
import { type History, upTo } from '../tracking/lineage'
import { planProblem } from '../tracking/plan'
import { mendName } from '../tracking/reference'
import { bring, checkHere, wasPulled, whyReleased } from './changes'
import { commandHere, isOurs, launchOf, readCommand, type RecordedCommand, recordCommand, run, shellText } from './command'
import { maskSecrets } from '../tracking/secrets'

/** What a user changes for a new training. */
export interface Edits {
  readonly name?: string | undefined
  /** `path=value` words; the value is JSON, else a text. */
  readonly set?: readonly string[] | undefined
  readonly planFile?: string | undefined
  readonly epochs?: number | undefined
  /** Merged over what is there; a draft's edits. */
  readonly hyperparameters?: JsonObject | undefined
  readonly pruningPlan?: JsonObject | undefined
}
export interface Launching {
  readonly run?: boolean | undefined
  /** Runs a command that this user did not record on this host. */
  readonly yes?: boolean | undefined
  readonly dryRun?: boolean | undefined
  /** Keeps stdout for the answer. */
  readonly quiet?: boolean | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What weights are brought here in. */
  readonly bringing?: Bringing
}
/** Does work during which files may come from a team's bucket: shows how far they are, and calls it off. */
export type Bringing = <Result>(work: (transfer: Transfer) => Promise<Result>) => Promise<Result>

const LARGEST_PLAN = 8 * 1024 * 1024

/** 24 hex digits: 4 bytes of time, then chance. */
export const newId = () =>
  Math.floor(Date.now() / 1000)
    .toString(16)
    .padStart(8, '0') + randomBytes(8).toString('hex')

export function readPlan(file: string, cwd: string): JsonObject {
  const path = resolvePath(cwd, file)
  if (!existsSync(path)) throw new EpochtreeError('bad-plan', `There is no file ${path}. Give the path of a pruning plan, a JSON file.`)
  if (statSync(path).size > LARGEST_PLAN)
    throw new EpochtreeError('bad-plan', `${path} is larger than 8 MiB, which no pruning plan is. Give the right file.`)
  let plan: unknown
  try {
    plan = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new EpochtreeError('bad-plan', `${path} is not JSON (${(error as Error).message}). Mend it there.`)
  }
  const problem = planProblem(plan)
  if (problem) throw new EpochtreeError('bad-plan', `${path}: ${problem}`)
  return plan as JsonObject
}

export function overridesOf(before: JsonObject, base: JsonObject, edits: Edits, cwd: string): JsonObject {
  let hyperparameters = isObject(before['hyperparameters']) ? before['hyperparameters'] : undefined
  for (const word of edits.set ?? []) {
    const at = word.indexOf('=')
    if (at < 1)
      throw new EpochtreeError(
        'bad-argument',
        `"${word.slice(0, 80)}" has no value. Write --set key=value, such as --set optimizer.lr=0.01.`,
      )
    hyperparameters = setOverride(hyperparameters ?? {}, base, word.slice(0, at), valueOf(word.slice(at + 1)))
  }
  if (edits.hyperparameters) hyperparameters = mergeDeep(hyperparameters ?? {}, edits.hyperparameters)
  const pruningPlan = edits.pruningPlan ?? (edits.planFile === undefined ? undefined : readPlan(edits.planFile, cwd))
  return {
    ...before,
    ...(hyperparameters ? { hyperparameters } : {}),
    ...(pruningPlan ? { pruningPlan } : {}),
    ...(edits.epochs === undefined ? {} : { epochs: edits.epochs }),
  }
}

function valueOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

interface NewSession {
  readonly modelName: string
  /** The launched process's first session takes it, whatever its model is called. */
  readonly anyModel?: boolean
  readonly forkedFrom: ForkedFrom | null
  readonly overrides: JsonObject
  readonly command: RecordedCommand | null
}

/** Makes the run folder; session.json comes last, because without it there is no session yet. */
async function create(
  { stores, dir }: Context,
  session: NewSession,
  wantedName: string | undefined,
  fill?: (run: string) => Promise<readonly string[]>,
): Promise<{ id: string; runDir: string }> {
  const id = newId()
  const runDir = folders(dir).run(id)
  mkdirSync(runDir, { recursive: true })
  try {
    const written = (await fill?.(runDir)) ?? []
    const name = reserveName(dir, await nameFor({ stores, dir }, wantedName ?? mendName(session.modelName)), id)
    const temporary = join(runDir, `session.json.${process.pid}.tmp`)
    writeFileSync(temporary, JSON.stringify({ format: 1, sessionId: id, name, createdAt: Date.now() / 1000, ...session }))
    for (const path of [...written, temporary]) flush(path)
    renameSync(temporary, join(runDir, 'session.json'))
    for (const folder of [runDir, folders(dir).runs]) flush(folder)
  } catch (error) {
    rmSync(runDir, { recursive: true, force: true })
    throw error
  }
  await stores.ingest({ only: [id], verify: false })
  return { id, runDir }
}

async function started(
  context: Context,
  id: string,
  runDir: string,
  command: RecordedCommand | null | undefined,
  launching: Launching,
): Promise<StartedJson> {
  const launch = command ? launchOf(command, context.dir, id) : null
  let exitCode: number | undefined
  if (launching.run && launch) {
    exitCode = await run(launch, launching.quiet ?? false)
    await context.stores.ingest()
  }
  const session = await sessionJson(context, id)
  return { session, runDir, forkedFrom: session.forkedFrom, launch, ...(exitCode === undefined ? {} : { exitCode }) }
}

/** The command that may be run: refused where it can't be, or must not be without being asked for. */
function runnable(command: RecordedCommand | undefined, name: string, launching: Launching): RecordedCommand | undefined {
  if (!launching.run || launching.dryRun) return command
  if (!command)
    throw new EpochtreeError(
      'no-command',
      `It is not recorded how ${name} was started. Run its script yourself: it takes the new session when EPOCHTREE_SESSION names it.`,
    )
  if (!launching.yes && !isOurs(command, launching.env)) {
    throw new EpochtreeError(
      'command-not-recorded-here',
      `This command was not recorded by you on this machine: \`${shellText(maskSecrets(command.argv))}\` in ${command.cwd}. Read it, then repeat with --yes to run it.`,
    )
  }
  if (!isAbsolute(command.cwd) || !existsSync(command.cwd))
    throw new EpochtreeError(
      'no-command',
      `The folder ${command.cwd}, where ${name} was started, is not here. Run its script yourself where it lies now.`,
    )
  return launching.yes ? recordCommand(command.argv, command.cwd, launching.env) : command
}

/** Stores a session first, then, where it is asked to, runs the engine in it. */
export async function train(context: Context, argv: readonly string[], edits: Edits, launching: Launching): Promise<StartedJson> {
  const modelName = scriptsModel(argv, launching.cwd) ?? edits.name ?? modelByFile(argv)
  const overrides = overridesOf({}, {}, edits, launching.cwd)
  const command = recordCommand(argv, launching.cwd, launching.env)
  const name = edits.name === undefined ? undefined : checkName(edits.name)
  const { id, runDir } = await create(context, { modelName, anyModel: true, forkedFrom: null, overrides, command }, name)
  return started(context, id, runDir, command, launching)
}

const CALL = /\bsession\(\s*(?:model_name\s*=\s*)?(?:"([^"\\\n]{1,200})"|'([^'\\\n]{1,200})')/

/** The model that the script names, when it names it outright. */
export function scriptsModel(argv: readonly string[], cwd: string): string | undefined {
  for (const word of argv) {
    const path = resolvePath(cwd, word)
    if (!word.endsWith('.py') || !existsSync(path) || statSync(path).size > LARGEST_PLAN) continue
    const call = CALL.exec(readFileSync(path, 'utf8'))
    if (call) return call[1] ?? call[2]
  }
  return undefined
}

export const modelByFile = (argv: readonly string[]) =>
  basename(argv.find((word) => /\.\w+$/.test(word) && !word.startsWith('-')) ?? argv[0] ?? 'model').replace(/\.\w+$/, '') || 'model'

/** Starts a new session at a committed epoch of another, without reading a byte of its weights. */
export async function fork(context: Context, text: string, edits: Edits, launching: Launching): Promise<StartedJson> {
  const { stores } = context
  const found = await resolve(stores, text)
  const { session: seen, epoch } = found
  const history = upTo(found.history, epoch)
  const trainer = (epoch.sessionId === seen.id ? undefined : await stores.sessions.session(epoch.sessionId)) ?? seen
  await checkForkable(context, found)
  const recorded = forkCommand(trainer, seen)
  const command = runnable(recorded && commandHere(recorded, context.dir), seen.name, launching)
  const overrides = overridesOf(trainer.overrides, (await settingsOf(context, trainer)).hyperparameters, edits, launching.cwd)
  const forkedFrom = { sessionId: epoch.sessionId, epochId: epoch.id, epochNumber: epoch.number }
  const { modelName } = seen
  const name = edits.name === undefined ? undefined : checkName(edits.name)
  if (launching.dryRun) {
    return {
      session: { id: null, name: await nameFor(context, name ?? mendName(modelName)), modelName, overrides },
      runDir: null,
      forkedFrom,
      launch: command ? { argv: command.argv, cwd: command.cwd, env: { EPOCHTREE_DIR: context.dir } } : null,
    }
  }
  const asked = Promise.all([stepAt(stores, history, epoch), graphOf(context, epoch)])
  const [step, graph] = await bringBeside(context, epoch, asked, launching.bringing)
  const { id, runDir } = await create(context, { modelName, forkedFrom, overrides, command: command ?? null }, name, async (runFolder) => {
    const parent = join(runFolder, 'parent')
    mkdirSync(parent)
    writeFileSync(join(parent, 'graph.json'), JSON.stringify(graph ?? { nodes: {} }))
    const place = async (file: FileRecord | null, called: string) => {
      if (!file) return null
      const path = `parent/${called}${file.format && /^\w{1,40}$/.test(file.format) ? `.${file.format}` : ''}`
      await stores.weights.placeAt(file.sha256, join(runFolder, path))
      return { file: path, sha256: file.sha256, bytes: file.bytes, format: file.format }
    }
    const start = {
      session: epoch.sessionId,
      sessionName: trainer.name,
      epoch: epoch.id,
      number: epoch.number,
      step,
      graph: 'parent/graph.json',
      weights: await place(epoch.weights, 'weights'),
      state: await place(epoch.optimizerState, 'state'),
    }
    writeFileSync(join(parent, 'start.json'), JSON.stringify(start))
    return [join(parent, 'graph.json'), join(parent, 'start.json'), parent]
  })
  return started(context, id, runDir, command, launching)
}

/** The highest step up to an epoch. Nearly always it has one itself, and then nobody lists its whole history. */
const stepAt = async ({ documents }: Stores, history: History, { id }: EpochRecord): Promise<number | null> =>
  (await documents.lastStep({ epochIds: [id] })) ?? documents.lastStep(history)

/** Brings the files of a forkable epoch here while something is asked; where that comes to nothing, they are not waited for. */
async function bringBeside<Answer>(
  context: Context,
  { weights, optimizerState }: EpochRecord,
  asked: Promise<Answer>,
  bringing: Bringing = (work) => work({}),
): Promise<Answer> {
  const files = [weights, optimizerState].flatMap((file) => file ?? [])
  const over = new AbortController()
  asked.catch(() => over.abort())
  try {
    await bringing(({ signal, ...transfer }) =>
      bring(context, files, { ...transfer, signal: AbortSignal.any([over.signal, ...(signal ? [signal] : [])]) }, [weights]),
    )
  } catch (error) {
    if (over.signal.aborted) await asked
    throw error
  }
  return asked
}

/** How a fork is run: as the session that trained the epoch was, else as the model that is forked. */
export const forkCommand = (trainer: SessionRecord, seen: SessionRecord): RecordedCommand | undefined =>
  readCommand(trainer.command) ?? readCommand(seen.command)

/** Refuses an epoch where nothing can start, with the nearest that can. */
export async function checkForkable({ stores, dir }: Context, { history, session: { name, team }, epoch }: Found) {
  if (epoch.state === 'verifying')
    throw new EpochtreeError(
      'not-verified',
      `The weights of ${name}@${epoch.number} are still being verified. Try again in a moment; \`epochtree ingest\` finishes it.`,
    )
  const has = async ({ weights, released }: EpochRecord) =>
    weights && !released && (await stores.weights.has(weights.sha256, weights.bytes))
  if (await has(epoch)) return
  const earlier = (await stores.sessions.epochs(upTo(history, epoch))).toReversed()
  let nearest: EpochRecord | undefined
  for (const one of earlier) {
    if (one.state === 'ok' && (await has(one))) {
      nearest = one
      break
    }
  }
  const remedy = nearest
    ? `The nearest earlier epoch that can be forked is ${name}@${nearest.number}.`
    : epoch.released && wasPulled(dir, epoch.sessionId)
      ? 'Those of earlier epochs are not here either.'
      : 'No earlier epoch has weights either: give `commit` some, weights=...'
  // Who wrote a team's documents by hand may have named a file that nobody can verify.
  const none = team?.elsewhere ? 'has no weights whose hash and size the team knows' : 'was committed without weights'
  if (!epoch.weights) throw new EpochtreeError('no-weights', `${name}@${epoch.number} ${none}, so nothing can start there. ${remedy}`)
  if (epoch.released) throw new EpochtreeError('weights-released', `${whyReleased(dir, name, epoch)} ${remedy}`)
  throw new EpochtreeError(
    'no-weights',
    `The weights file ${epoch.weights.sha256} of ${name}@${epoch.number} is not in ${folders(dir).weights} any more${stores.listen ? ", nor in the team's bucket" : ''}. Bring it back from a backup, or take another epoch. ${remedy}`,
  )
}

/** The name that a session made now would get: the first that nobody has here or, of a folder with a team, in that. */
export async function nameFor({ stores, dir }: Context, base: string): Promise<string> {
  const theirs = stores.listen && new Set((await stores.sessions.names()).map(({ name }) => name))
  return unreservedName(base, (name) => existsSync(nameFile(dir, name)) || (theirs?.has(name) ?? false))
}

/** The same session going on from its last committed epoch. */
export async function resume(context: Context, text: string, launching: Launching): Promise<StartedJson> {
  const session = await findSession(context.stores, text)
  checkHere(session, 'resumed')
  const json = await sessionJson(context, session.id)
  if (session.deletedAt !== null)
    throw new EpochtreeError('session-deleted', `${session.name} is deleted. Bring it back first: \`epochtree restore ${session.name}\`.`)
  if (json.status === 'running')
    throw new EpochtreeError('session-running', `${session.name} is running. Stop it first: \`epochtree stop ${session.name}\`.`)
  if (wasPulled(context.dir, session.id))
    throw new EpochtreeError(
      'bad-argument',
      `${session.name} is trained on another machine, and this is a copy. Start from one of its epochs instead: \`epochtree fork ${session.name}\`.`,
    )
  const command = runnable(readCommand(session.command), session.name, launching)
  return started(context, session.id, folders(context.dir).run(session.id), command, launching)
}
