import { fileURLToPath } from 'node:url'
import { comparison } from './comparison/comparison'
import { writeComparison } from './comparison/htmlFile'
import { answer, questions } from './comparison/questions'
import { fork, resume } from './actions/newSession'
import * as changes from './actions/changes'
import type { deletable } from './actions/gc'
import { applyDraft, discardDraft, makeDraft, previewDraft, previewFork } from './drafts'
import { openDraft } from './drafts/draftFolder'
import { EpochtreeError } from './errors'
import { renderCompare } from './cli/text/compare'
import { renderDiff } from './cli/text/diff'
import { renderGraph } from './cli/text/graph'
import { renderLog } from './cli/text/log'
import { renderShow } from './cli/text/show'
import { plain } from './cli/text/terminal'
import { callSite } from './callSite'
import { epochView } from './epochView'
import { folders } from './journal/runFiles'
import type { Asked, Compared, Question } from './protocol/comparison'
import type { Params, RequestName, Result } from './protocol/editor'
import { isId } from './parameters'
import { findSession } from './references'
import * as requests from './requests'
import { forksAt, listEpochs, listGroups, listMetrics, listSessions, notableEpochs, sessionRow } from './sessionList'
import { startedOf } from './started'
import { listRunning } from './running'
import { bringHere, missingBytes } from './bringHere'
import { saveTeam, teamAddress, teamFile, tryServer } from './team'
import type { TrackedFolder } from './trackedFolder'
import type { Workspace } from './workspace'

type Handlers = {
  readonly [Name in RequestName]?: (workspace: Workspace, params: Params<Name>, signal: AbortSignal) => Promise<Result<Name>>
}

/** A change by a person: refused where the workspace is not trusted; answered when lists know it. */
async function changed(
  workspace: Workspace,
  dir: string,
  session: string,
  change: (folder: TrackedFolder, name: string) => Promise<unknown>,
) {
  workspace.mayChange()
  const folder = workspace.folder(dir)
  await change(folder, session)
  await folder.wrote(session)
  return sessionRow(folder, session)
}

const made = { cwd: process.cwd(), env: process.env }

const comparisons = Object.fromEntries(
  (Object.keys(questions) as Question[]).map((name) => [
    `epochtree/comparison/${name}`,
    async (workspace: Workspace, { dir, references, asked }: Compared & { readonly asked: Asked<Question> }, signal: AbortSignal) =>
      answer(workspace.folder(dir), { references }, name, asked, signal),
  ]),
) as Handlers

/** Every request of the editor's side. Only folders that are followed can be asked about. */
export const editorRequests = {
  'epochtree/folders': async (workspace) => Promise.all(workspace.folders.map((folder) => folder.state())),
  'epochtree/groups': async (workspace, { dir, by, filter, deleted }) => listGroups(workspace.folder(dir), by, filter, deleted),
  'epochtree/sessions': async (workspace, query) => listSessions(workspace.folder(query.dir), query),
  'epochtree/session': async (workspace, { dir, session, fresh }) => {
    const folder = workspace.folder(dir)
    // An id: it names the run's folder.
    if (fresh && isId(session)) {
      await folder.stores.ingest({ only: [session], verify: false })
      await folder.wrote(session)
    }
    // Links of scripts name sessions as people do.
    const known = (await folder.sessions()).has(session)
    return sessionRow(folder, known ? session : (await findSession(folder.stores, session)).id)
  },
  'epochtree/notable': async (workspace, { dir, session }) => notableEpochs(workspace.folder(dir), session),
  'epochtree/epochs': async (workspace, query) => listEpochs(workspace.folder(query.dir), query),
  'epochtree/forks': async (workspace, { dir, epoch }) => forksAt(workspace.folder(dir), epoch),
  'epochtree/metrics': async (workspace, { dir, session }) => listMetrics(workspace.folder(dir), session),
  'epochtree/epoch': async (workspace, { dir, reference }) => epochView(workspace.folder(dir), reference),
  'epochtree/running': async (workspace) => listRunning(workspace.folders),
  'epochtree/report': async (workspace, { dir, kind, references }) => {
    const folder = workspace.folder(dir)
    const [a, b] = references
    if (a === undefined) throw new EpochtreeError('bad-argument', 'Say which model: a session or an epoch.')
    if (kind === 'compare') return renderCompare(await requests.compare(folder, references), plain, 100)
    if (kind === 'log') return renderLog(await requests.log(folder, a), plain, Date.now() / 1000)
    if (kind === 'show') return renderShow(await requests.show(folder, a), plain, Date.now() / 1000)
    if (kind === 'graph') return renderGraph(await requests.graph(folder, a), plain)
    return renderDiff(await requests.diff(folder, a, b ?? a), plain)
  },
  'epochtree/comparison': async (workspace, compared) => comparison(workspace.folder(compared.dir), compared),
  'epochtree/saveComparison': async (workspace, { dir, references, file, texts, language }, signal) => {
    const page = fileURLToPath(new URL('webview/', import.meta.url))
    return writeComparison(workspace.folder(dir), { references, file, cwd: dir, page, replace: true, texts, language, signal })
  },
  ...comparisons,
  'epochtree/select': async (workspace, { dir, reference }) => {
    workspace.mayChange()
    const folder = workspace.folder(dir)
    const { id } = await changes.select(folder, reference)
    await folder.wrote(id)
    return sessionRow(folder, id)
  },
  'epochtree/float': async (workspace, { dir, session }) => changed(workspace, dir, session, changes.float),
  'epochtree/rename': async (workspace, { dir, session, name }) =>
    changed(workspace, dir, session, (folder, id) => changes.rename(folder, id, name)),
  'epochtree/tag': async (workspace, { dir, session, tags }) =>
    changed(workspace, dir, session, (folder, id) => {
      changes.checkTags(tags)
      return folder.stores.sessions.mark(id, { tags })
    }),
  'epochtree/delete': async (workspace, { dir, session }) => changed(workspace, dir, session, changes.remove),
  'epochtree/restore': async (workspace, { dir, session }) => changed(workspace, dir, session, changes.restore),
  'epochtree/deletable': async (workspace, { dir, session }) => {
    const folder = workspace.folder(dir)
    const { forks } = await sessionRow(folder, session)
    return { ...((await folder.stores.run('deletable', session)) as ReturnType<typeof deletable>), forks }
  },
  'epochtree/callSite': async (workspace, { dir, session }) => callSite(workspace.folder(dir), workspace.rootsOf(dir), session),
  'epochtree/missing': async (workspace, asked) => missingBytes(workspace, asked),
  'epochtree/fetch': async (workspace, asked, signal) => bringHere(workspace, asked, signal),
  'epochtree/checkout': async (workspace, { dir, reference, to }) => {
    workspace.mayChange()
    const { graph, weights, state } = await changes.checkout(workspace.folder(dir), reference, to, { cwd: dir })
    return { folder: to, files: [graph, weights, state].filter((file) => file !== null) }
  },
  'epochtree/draft': async (workspace, asked) => makeDraft(workspace, asked),
  'epochtree/original': async (workspace, { file }) => openDraft(workspace, file).about.original,
  'epochtree/preview': async (workspace, { file, text }) => previewDraft(workspace, file, text),
  'epochtree/apply': async (workspace, { file, text }) => applyDraft(workspace, file, text),
  'epochtree/discard': async (workspace, asked) => discardDraft(workspace, asked),
  'epochtree/forkPreview': async (workspace, { dir, reference, edits }) => previewFork(workspace, dir, reference, edits),
  'epochtree/fork': async (workspace, { dir, reference, edits }) => {
    workspace.mayChange()
    const folder = workspace.folder(dir)
    return startedOf(folder, await fork(folder, reference, edits, made))
  },
  'epochtree/resume': async (workspace, { dir, session }) => {
    workspace.mayChange()
    const folder = workspace.folder(dir)
    return startedOf(folder, await resume(folder, session, made))
  },
  'epochtree/stop': async (workspace, { dir, session, graceSeconds }, signal) =>
    changed(workspace, dir, session, (folder, id) => changes.stop(folder, id, graceSeconds, signal)),
  'epochtree/sessionFiles': async (workspace, { dir, session }) => ({ runDir: folders(workspace.folder(dir).dir).run(session) }),
  'epochtree/teamFile': async (workspace, asked) => teamFile(workspace, asked),
  'epochtree/teamAddress': async (_, asked) => teamAddress(asked),
  'epochtree/tryServer': async (workspace, tried, signal) => tryServer(workspace, tried, signal),
  'epochtree/saveTeam': async (workspace, asked) => saveTeam(workspace, asked),
} satisfies Handlers
