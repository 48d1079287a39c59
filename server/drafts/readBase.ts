import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, relative } from 'node:path'
import { modelByFile, nameFor, scriptsModel } from '../actions/newSession'
import { EpochtreeError } from '../errors'
import { freeName } from '../journal/names'
import { graphOf, settingsOf } from '../requests'
import { mendName } from '../tracking/reference'
import type { TrackedFolder } from '../trackedFolder'
import type { DraftBase } from './draftBase'
import type { DraftAbout } from './draftFolder'
import { graphFacts } from './planFit'
import { scriptSettings } from './scriptSettings'

/** What a draft is measured against, read from the stores or the script as they are now. */
export const readBase = (folder: TrackedFolder, about: DraftAbout): Promise<DraftBase> =>
  about.kind === 'fork' ? readForkBase(folder, about) : Promise.resolve(readTrainBase(folder.dir, about))

export async function readForkBase(folder: TrackedFolder, { session, epoch: epochId, suggestedName }: ForkPoint): Promise<DraftBase> {
  const { sessions } = folder.stores
  const seen = await sessions.session(session)
  const epoch = await sessions.epoch(epochId)
  const trainer = epoch && ((await sessions.session(epoch.sessionId)) ?? seen)
  if (!seen || !epoch || !trainer)
    throw new EpochtreeError(
      'unknown-epoch',
      'The epoch that was to be forked is not there any more. Discard this draft, and fork another.',
    )
  const { hyperparameters, pruningPlan } = await settingsOf(folder, trainer)
  const graph = await graphOf(folder, epoch)
  const history = await sessions.history(session)
  const [oldest] = await sessions.page(history, { offset: (await sessions.count(history.segments)) - 1, limit: 1 })
  const first = oldest && oldest.graphHash !== epoch.graphHash ? await graphOf(folder, oldest) : graph
  const { epochs } = trainer.overrides
  const trained = trainer.finished?.status === 'completed' ? (trainer.latest?.number ?? null) : null
  return {
    kind: 'fork',
    from: `${seen.name}@${epoch.number}`,
    modelName: seen.modelName,
    suggestedName: suggestedName ?? (await nameFor(folder, mendName(seen.modelName))),
    hyperparameters,
    pruningPlan,
    unknown: [],
    epochs: trainer.attempt?.until ?? (typeof epochs === 'number' ? epochs : trained),
    fork: { parent: seen.name, number: epoch.number, graph: graph ? graphFacts(graph, first ?? graph) : null },
    command: null,
  }
}

interface ForkPoint {
  readonly session: string
  readonly epoch: string
  readonly suggestedName?: string
}
interface Script {
  readonly script: string
  /** The folder that the command is run in. */
  readonly root: string
  readonly python: readonly string[]
  readonly suggestedName?: string
  /** Which of its models, where it begins several. */
  readonly model?: string | undefined
}

const LARGEST_SCRIPT = 2 * 1024 * 1024

export function readTrainBase(dir: string, { script, root, python, suggestedName, model: wantedModel }: Script): DraftBase {
  const inside = relative(root, script)
  const argv = [...python, inside.startsWith('..') || isAbsolute(inside) ? script : inside]
  const { modelName, hyperparameters, pruningPlan, unknown } = scriptSettings(readScript(script), wantedModel)
  const model = modelName ?? scriptsModel(argv, root) ?? modelByFile(argv)
  return {
    kind: 'train',
    from: basename(script),
    modelName: model,
    suggestedName: suggestedName ?? freeName(dir, mendName(model)),
    hyperparameters,
    pruningPlan,
    unknown,
    epochs: null,
    fork: null,
    command: { argv, folder: root },
  }
}

function readScript(script: string): string {
  const stat = statSync(script, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw new EpochtreeError('not-found', `There is no script ${script}. Save it first, or choose another.`)
  return stat.size > LARGEST_SCRIPT ? '' : readFileSync(script, 'utf8')
}

/** The folder a script is started in: that of the workspace it lies in, else its own. */
export const rootOf = (roots: readonly string[], script: string): string =>
  roots
    .filter((root) => !relative(root, script).startsWith('..') && !isAbsolute(relative(root, script)))
    .sort((a, b) => b.length - a.length)[0] ?? dirname(script)
