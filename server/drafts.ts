import { existsSync, statSync } from 'node:fs'
import { isAbsolute, resolve as resolvePath } from 'node:path'
import { checkForkable, fork, overridesOf, readPlan, train } from './actions/newSession'
import { readBase, readForkBase, rootOf, readTrainBase } from './drafts/readBase'
import { checkWanted, differencesOf, editsOf, wantedOf } from './drafts/checkDraft'
import { type DraftBase, suggestedEpochs, type Wanted } from './drafts/draftBase'
import { type DraftAbout, isUntouched, openDraft, removeDraft, writeDraft } from './drafts/draftFolder'
import { draftText } from './drafts/draftText'
import { doubledKeys, rangeOf, readDraft } from './drafts/readDraft'
import { pathText, type Remark } from './drafts/remarks'
import { EpochtreeError } from './errors'
import { freeName } from './journal/names'
import { isObject, mergeDeep } from './json'
import type { Draft, DraftPreview, DraftProblem, Params, QuickEdits, Result, Started } from './protocol/editor'
import type { Json } from './protocol/model'
import { resolve } from './references'
import { startedOf } from './started'
import { checkPlan, readPlan as readPlanText } from './script/plan'
import { sameJson } from './tracking/differences'
import type { TrackedFolder } from './trackedFolder'
import type { Workspace } from './workspace'

const launching = { cwd: process.cwd(), env: process.env }

/** Begins a draft: a text to be edited, in a file of its own. */
export async function makeDraft(workspace: Workspace, asked: Params<'epochtree/draft'>): Promise<Draft> {
  workspace.mayChange()
  if (asked.kind === 'train') {
    const script = resolvePath(asked.script)
    const folder = asked.dir === undefined ? workspace.folderOf(script) : workspace.folder(asked.dir)
    if (!folder) throw new EpochtreeError('not-found', 'No folder is open. Open the folder of your training scripts.')
    const about = { script, root: rootOf(workspace.roots, script), python: [...asked.python], model: asked.model }
    const base = readTrainBase(folder.dir, about)
    return written(folder, base, { format: 1, kind: 'train', ...about, suggestedName: base.suggestedName })
  }
  const folder = workspace.folder(asked.dir)
  const found = await resolve(folder.stores, asked.reference)
  await checkForkable(folder, found)
  const about = { session: found.session.id, epoch: found.epoch.id }
  const base = await readForkBase(folder, about)
  return written(folder, base, { format: 1, kind: 'fork', ...about, suggestedName: base.suggestedName })
}

type Begun = DraftAbout extends infer Kind ? (Kind extends { original: string } ? Omit<Kind, 'original'> : never) : never

function written({ dir }: TrackedFolder, base: DraftBase, begun: Begun): Draft {
  const original = draftText(base)
  const file = writeDraft(dir, { ...begun, original }, original)
  return { file, original, title: base.kind === 'fork' ? `Fork ${base.from}` : `Train ${base.from}` }
}

export interface DraftRemark extends DraftProblem {
  readonly from: number
  readonly to: number
  readonly instead: readonly string[]
  /** It is about how JSON is written, which editors that know JSON say themselves. */
  readonly syntax?: true
}
/** A draft's text, read and checked. */
export interface CheckedDraft {
  readonly base: DraftBase
  readonly about: DraftAbout
  readonly folder: TrackedFolder
  /** Undefined where the text can't be read. */
  readonly wanted: Wanted | undefined
  readonly remarks: readonly DraftRemark[]
}

export async function checkDraft(workspace: Workspace, file: string, text: string): Promise<CheckedDraft> {
  const { folder, about } = openDraft(workspace, file)
  const base = await folder.drafts.base(file, () => readBase(folder, about))
  const { content, tree, syntax } = readDraft(text)
  const said: DraftRemark[] = [
    ...syntax.map((one) => ({ ...one, severity: 'error' as const, path: '', instead: [], syntax: true as const })),
    ...doubledKeys(tree).map(({ key, ...range }) => ({
      ...range,
      severity: 'warning' as const,
      path: key,
      message: `"${key.slice(0, 80)}" is written twice, and the last one counts.`,
      instead: [],
    })),
  ]
  if (!content) {
    if (said.length === 0)
      said.push({ from: 0, to: 0, severity: 'error', path: '', message: 'The draft is empty. Discard it, or undo.', instead: [] })
    return { base, about, folder, wanted: undefined, remarks: said }
  }
  const { wanted, remarks } = wantedOf(content, base)
  // Of a text that can only be read in part it is not known what was left out.
  const all = [...remarks, ...checkWanted(wanted, base), ...surroundings(folder, wanted, base)].filter(
    ({ severity }) => syntax.length === 0 || severity !== 'information',
  )
  const plan = planRemarks(text, content['pruningPlan'], base)
  return {
    base,
    about,
    folder,
    wanted,
    remarks: [
      ...said,
      ...plan,
      ...all.map((remark) => ({
        ...problemOf(remark),
        ...rangeOf(tree, remark),
        instead: (remark.instead ?? []).map((one) => JSON.stringify(one)),
      })),
    ],
  }
}

/** What is wrong with the plan's keys, as in any plan; one that did train before is not held up by it. */
function planRemarks(text: string, plan: Json | undefined, base: DraftBase): DraftRemark[] {
  if (plan === undefined || plan === null) return []
  const asBefore = sameJson(plan, base.pruningPlan ?? undefined)
  return checkPlan(readPlanText(text, ['pruningPlan'])).map(({ from, to, severity, message, instead }) => ({
    from,
    to,
    severity: severity === 'error' && asBefore ? 'warning' : severity,
    message,
    path: 'pruningPlan',
    instead,
  }))
}

const problemOf = ({ severity, message, at }: Remark): DraftProblem => ({ severity, message, path: pathText(at) })

/** What only the machine knows: names that are taken, files that are not there. */
function surroundings({ dir }: TrackedFolder, { name, command }: Wanted, base: DraftBase): Remark[] {
  const found: Remark[] = []
  if (name !== null && name !== base.suggestedName) {
    const free = freeName(dir, name.normalize('NFC'))
    if (free !== name.normalize('NFC'))
      found.push({
        severity: 'error',
        at: ['name'],
        message: `Another session is called "${name.slice(0, 80)}". "${free}" is free.`,
        instead: [free],
      })
  }
  if (command) {
    const { argv, folder } = command
    const there = isAbsolute(folder) && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
    if (!there)
      found.push({ severity: 'error', at: ['folder'], message: `There is no folder ${folder.slice(0, 200)}. Give the whole path of one.` })
    const missing = there
      ? argv.findIndex((word) => word.endsWith('.py') && !word.startsWith('-') && !existsSync(resolvePath(folder, word)))
      : -1
    if (missing >= 0)
      found.push({ severity: 'error', at: ['command', missing], message: `There is no script ${argv[missing]!} in ${folder}.` })
  }
  return found
}

export function previewOf(wanted: Wanted, base: DraftBase, problems: readonly DraftProblem[]): DraftPreview {
  return {
    kind: base.kind,
    name: wanted.name ?? base.suggestedName,
    differences: differencesOf(wanted, base),
    problems: problems.map(({ severity, message, path }) => ({ severity, message, path })),
  }
}

export async function previewDraft(workspace: Workspace, file: string, text: string): Promise<DraftPreview> {
  const { wanted, base, remarks } = await checkDraft(workspace, file, text)
  return wanted
    ? previewOf(wanted, base, remarks)
    : {
        kind: base.kind,
        name: base.suggestedName,
        differences: [],
        problems: remarks.map(({ severity, message, path }) => ({ severity, message, path })),
      }
}

const beingMade = new Set<string>()

/** Makes the session that a draft asks for, and takes the draft away. */
export async function applyDraft(workspace: Workspace, file: string, text: string): Promise<Started> {
  workspace.mayChange()
  if (beingMade.has(file)) throw new EpochtreeError('failed', 'The session of this draft is being made already.')
  beingMade.add(file)
  try {
    // Scripts and stores may have changed since the draft was last looked at.
    openDraft(workspace, file).folder.drafts.forget(file)
    const { wanted, base, about, folder, remarks } = await checkDraft(workspace, file, text)
    const errors = remarks.filter(({ severity }) => severity === 'error')
    if (!wanted || errors.length) throw refused(errors)
    const name = wanted.name === null || wanted.name === base.suggestedName ? undefined : wanted.name
    const edits = { ...editsOf(wanted, base), name }
    const made =
      about.kind === 'fork'
        ? await fork(folder, `${about.session}@${about.epoch}`, edits, launching)
        : await train(folder, wanted.command!.argv, edits, { ...launching, cwd: wanted.command!.folder })
    removeDraft({ file })
    folder.drafts.forget(file)
    return await startedOf(folder, made)
  } finally {
    beingMade.delete(file)
  }
}

function refused(errors: readonly DraftProblem[]): EpochtreeError {
  const [first, ...others] = errors
  const more = others.length ? ` And ${others.length} more, marked in the draft.` : ''
  return new EpochtreeError('bad-argument', `${first?.path ? `${first.path}: ` : ''}${first?.message ?? "The draft can't be read."}${more}`)
}

export function discardDraft(workspace: Workspace, { file, untouched }: Params<'epochtree/discard'>): null {
  workspace.mayChange()
  const draft = openDraft(workspace, file)
  if (untouched && !isUntouched(draft)) return null
  removeDraft(draft)
  draft.folder.drafts.forget(file)
  return null
}

/** What a quick fork would be: the same checks and the same differences as a draft has. */
export async function previewFork(
  workspace: Workspace,
  dir: string,
  reference: string,
  edits: QuickEdits,
): Promise<Result<'epochtree/forkPreview'>> {
  const folder = workspace.folder(dir)
  const found = await resolve(folder.stores, reference)
  await checkForkable(folder, found)
  const base = await readForkBase(folder, { session: found.session.id, epoch: found.epoch.id })
  const trainer = (await folder.stores.sessions.session(found.epoch.sessionId)) ?? found.session
  const overrides = overridesOf(trainer.overrides, base.hyperparameters, edits, dir)
  const edited = overrides['hyperparameters']
  const wanted: Wanted = {
    name: edits.name ?? null,
    epochs: edits.epochs ?? suggestedEpochs(base),
    hyperparameters: isObject(edited) ? mergeDeep(base.hyperparameters, edited) : base.hyperparameters,
    pruningPlan: edits.planFile === undefined ? base.pruningPlan : readPlan(edits.planFile, dir),
    command: null,
  }
  const remarks = [...checkWanted(wanted, base), ...surroundings(folder, wanted, base)].map(problemOf)
  const ofPlan = planRemarks(JSON.stringify({ pruningPlan: wanted.pruningPlan }), wanted.pruningPlan, base)
  return { ...previewOf(wanted, base, [...ofPlan, ...remarks]), epochs: wanted.epochs }
}
