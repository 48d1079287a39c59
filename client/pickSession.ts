import * as vscode from 'vscode'
import type { SessionRow } from '../server/protocol/editor'
import type { Server } from './server'
import { shortNumber, stateWord } from './sessionTree/items'
import type { Node } from './sessionTree/nodes'
import { type Target, targetOf } from './target'

const { t } = vscode.l10n

const MOST_PICKED = 1000

export interface SessionChoice {
  readonly title: string
  readonly fits?: (row: SessionRow) => boolean
  /** What is said where there is none to choose. */
  readonly none?: string
}

/** The session that a command was called for, else the one that is picked of those that it can be about. */
export async function sessionFor(server: Server, given: Node | Target | undefined, choice: SessionChoice): Promise<SessionRow> {
  const target = targetOf(given)
  if (target) return server.request('epochtree/session', { dir: target.dir, session: target.reference.split('@')[0]! })
  const picked = await vscode.window.showQuickPick(choices(server, choice), { title: choice.title, matchOnDescription: true })
  if (!picked) throw new vscode.CancellationError()
  return picked.row
}

/** As many as the user marks, at least one. */
export async function sessionsFor(server: Server, choice: SessionChoice): Promise<readonly SessionRow[]> {
  const picked = await vscode.window.showQuickPick(choices(server, choice), {
    title: choice.title,
    matchOnDescription: true,
    canPickMany: true,
  })
  if (!picked?.length) throw new vscode.CancellationError()
  return picked.map(({ row }) => row)
}

interface SessionItem extends vscode.QuickPickItem {
  readonly row: SessionRow
}

async function choices(server: Server, { fits = () => true, none }: SessionChoice): Promise<SessionItem[]> {
  const folders = await server.request('epochtree/folders', null)
  const items = await Promise.all(
    folders.map(async ({ dir, name }) => {
      const { rows } = await server.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: MOST_PICKED })
      return rows.filter(fits).map((row) => ({
        label: row.name,
        description: [
          stateWord(row.status),
          t('{0} epochs', row.epochs),
          ...(row.main?.best ? [`${row.main.metric} ${shortNumber(row.main.best.value)}`] : []),
        ].join(' · '),
        ...(folders.length > 1 ? { detail: name } : {}),
        row,
      }))
    }),
  )
  const all = items.flat()
  if (all.length === 0) throw new Error(none ?? t('There is no session yet. Run a script that uses `import epochtree`.'))
  return all
}
