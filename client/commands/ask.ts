import * as vscode from 'vscode'
import type { SessionRow } from '../../server/protocol/editor'
import { shortNumber, stateWord } from '../sessionTree/items'
import type { Node } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'
import type { Parts } from '.'

const { t } = vscode.l10n

const MOST_PICKED = 1000

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let size = bytes
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${size < 10 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`
}

/** The session a command is about: the one that it was called for, or the one that the user picks. */
export async function askedSession(parts: Parts, node: Node | Target | undefined, title: string): Promise<SessionRow> {
  if (node && 'kind' in node && node.kind === 'session') return node.row
  const target = targetOf(node)
  if (target) {
    const { row } = await parts.server.request('epochtree/epoch', target)
    return parts.server.request('epochtree/session', { dir: target.dir, session: row.session.id })
  }
  const [row] = await pickSessions(parts, title, false)
  return row!
}

/** Throws a cancellation when nothing was picked. */
export async function pickSessions({ server }: Parts, title: string, many: boolean, model?: string): Promise<SessionRow[]> {
  const folders = await server.request('epochtree/folders', null)
  const items = Promise.all(
    folders.map(async ({ dir, name }) => {
      const { rows } = await server.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: MOST_PICKED })
      return rows
        .filter(({ modelName }) => model === undefined || modelName === model)
        .map((row) => ({
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
  ).then((lists) => {
    const all = lists.flat()
    if (all.length === 0) throw new Error(t('There is no session yet. Run a script that uses `import epochtree`.'))
    return all
  })
  const picked: { row: SessionRow }[] | { row: SessionRow } | undefined = many
    ? await vscode.window.showQuickPick(items, { title, matchOnDescription: true, canPickMany: true })
    : await vscode.window.showQuickPick(items, { title, matchOnDescription: true })
  const rows = (Array.isArray(picked) ? picked : picked ? [picked] : []).map(({ row }) => row)
  if (rows.length === 0) throw new vscode.CancellationError()
  return rows
}
