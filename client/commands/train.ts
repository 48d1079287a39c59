import * as vscode from 'vscode'
import type { Node } from '../sessionTree/nodes'
import { epochFor } from '../pickEpoch'
import { sessionFor } from '../pickSession'
import { quickFork } from '../quickFork'
import { selectedPython } from '../selectedPython'
import type { Target } from '../target'
import { needsTrust } from '../trust'
import { scriptToTrain } from '../trainingScripts'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

const toForkFrom = { session: t('Fork from an epoch of which session?'), epoch: t('Fork from which epoch?'), toStartAt: true }

/** After so long without an end, the engine's process is told by a signal. */
const GRACE_SECONDS = 30

/** What begins, goes on and ends trainings. */
export function train(parts: Parts): Commands {
  const { server, tree, drafts, trainings } = parts
  return {
    'epochtree.fork': async (given?: Node | Target) => {
      needsTrust()
      const { dir, reference } = await epochFor(server, given, toForkFrom)
      await drafts.open(await server.request('epochtree/draft', { dir, kind: 'fork', reference }))
    },
    'epochtree.quickFork': async (given?: Node | Target) => {
      needsTrust()
      await quickFork(parts, await epochFor(server, given, toForkFrom))
    },
    'epochtree.train': async (given?: vscode.Uri | { readonly model?: string }) => {
      needsTrust()
      const script = await scriptToTrain(given instanceof vscode.Uri ? given : undefined)
      const model = given instanceof vscode.Uri ? undefined : given?.model
      const python = [await selectedPython(script)]
      await drafts.open(
        await server.request('epochtree/draft', {
          kind: 'train',
          script: script.fsPath,
          python,
          ...(model === undefined ? {} : { model }),
        }),
      )
    },
    'epochtree.resume': async (given?: Node | Target) => {
      needsTrust()
      const { dir, id } = await sessionFor(server, given, {
        title: t('Resume which session?'),
        fits: ({ status, team }) => status !== 'running' && !team?.elsewhere,
        none: t('There is no session to resume. Run a script that uses `import epochtree`.'),
      })
      const started = await server.request('epochtree/resume', { dir, session: id })
      await trainings.run(started)
      await tree.reveal(dir, id)
    },
    'epochtree.stop': async (given?: Node | Target) => {
      needsTrust()
      const { dir, id, name } = await sessionFor(server, given, {
        title: t('Stop which training?'),
        fits: ({ status, team }) => status === 'running' && !team?.elsewhere,
        none: t('No training is running, so there is nothing to stop.'),
      })
      await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: t('Stopping {0}', name), cancellable: true },
        async (progress, token) => {
          progress.report({ message: t('it ends as soon as its script comes back to Python') })
          try {
            await server.request('epochtree/stop', { dir, session: id, graceSeconds: GRACE_SECONDS }, token)
          } catch (error) {
            if (!token.isCancellationRequested) throw error
          }
        },
      )
    },
    'epochtree.draftTrain': (given?: unknown) => drafts.apply(given, true),
    'epochtree.draftOnly': (given?: unknown) => drafts.apply(given, false),
    'epochtree.draftDiscard': (given?: unknown) => drafts.discard(given),
  }
}
