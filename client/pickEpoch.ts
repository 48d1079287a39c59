import * as vscode from 'vscode'
import type { EpochRow, Page, SessionRow } from '../server/protocol/editor'
import { sessionFor } from './pickSession'
import type { Server } from './server'
import { markWord, shortNumber } from './sessionTree/items'
import type { Node } from './sessionTree/nodes'
import { type Target, targetOf } from './target'

const { t } = vscode.l10n

const PAGE = 200
const AROUND = 20

type Item = vscode.QuickPickItem & ({ readonly row: EpochRow; readonly why?: string } | { readonly more: true })

/** Why nothing can start at an epoch; undefined where it can. */
function whyNot({ weights, state }: EpochRow): string | undefined {
  if (weights === null) return t('committed without weights, so nothing can start there')
  if (weights.released) return t('its weights are not here, so nothing can start there')
  return state === 'verifying' ? t('its weights are still being verified') : undefined
}

function itemOf(row: EpochRow, toStartAt: boolean): Item {
  const why = toStartAt ? whyNot(row) : undefined
  const value = row.metric !== null && row.value !== null ? [`${row.metric} ${shortNumber(row.value)}`] : []
  return {
    label: `${why ? '$(circle-slash)' : '$(git-commit)'} ${t('Epoch {0}', row.number)}`,
    description: [...value, ...row.marks.map(markWord), ...(why ? [why] : [])].join(' · '),
    row,
    ...(why ? { why } : {}),
  }
}

interface EpochChoice {
  /** What is asked where no session is given, and then of the epochs of one. */
  readonly session: string
  readonly epoch: string
  /** Whether only such are taken as something can start at. */
  readonly toStartAt?: boolean
}

/** The epoch a command was called for; of a session, or where none was given, it is picked. */
export async function epochFor(server: Server, given: Node | Target | undefined, choice: EpochChoice): Promise<Target> {
  const target = targetOf(given)
  if (target?.reference.includes('@')) return target
  const session = await sessionFor(server, given, {
    title: choice.session,
    fits: ({ epochs }) => epochs > 0,
    none: t('No session has a committed epoch yet. Run a script that uses `import epochtree`.'),
  })
  const row = await pickEpoch(server, session, `${session.name}: ${choice.epoch}`, choice)
  return { dir: row.dir, reference: `${session.id}@${row.id}`, name: `${session.name}@${row.number}` }
}

/** A session or an epoch that a command was called for; where none was given, an epoch is picked. */
export const targetFor = async (server: Server, given: Node | Target | undefined, choice: EpochChoice): Promise<Target> =>
  targetOf(given) ?? epochFor(server, undefined, choice)

/** An epoch: newest first or best first, in pages, and by its number however long the history is. */
async function pickEpoch(server: Server, session: SessionRow, title: string, { toStartAt = false }: EpochChoice): Promise<EpochRow> {
  const { dir, id, epochs } = session
  const sort: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('list-ordered'), tooltip: t('Sort by a metric...') }
  let metric: string | undefined
  for (;;) {
    const picked = await pickIn(server, session, { title, metric, sort, toStartAt })
    if (picked !== 'sort') return picked
    const names = await server.request('epochtree/metrics', { dir, session: id })
    const newest = { label: t('Newest first'), description: t('{0} epochs', epochs) }
    const order = await vscode.window.showQuickPick<vscode.QuickPickItem & { metric?: string }>(
      [newest, ...names.map((name) => ({ label: t('Best {0} first', name), metric: name }))],
      { title: t('Sort the epochs of {0}', session.name) },
    )
    if (order) ({ metric } = { metric: order.metric })
  }
}

interface Order {
  readonly title: string
  readonly metric: string | undefined
  readonly sort: vscode.QuickInputButton
  readonly toStartAt: boolean
}

async function pickIn(
  server: Server,
  { dir, id, epochs }: SessionRow,
  { title, metric, sort, toStartAt }: Order,
): Promise<EpochRow | 'sort'> {
  const page = (offset: number): Promise<Page<EpochRow>> =>
    server.request('epochtree/epochs', { dir, session: id, offset, limit: PAGE, ...(metric === undefined ? {} : { metric }) })
  const pick = vscode.window.createQuickPick<Item>()
  pick.title = title
  pick.placeholder = epochs > PAGE ? t('Type the number of any epoch, or a value') : t('A number, or a value')
  pick.matchOnDescription = true
  pick.buttons = [sort]
  pick.busy = true
  pick.show()

  const rows: EpochRow[] = []
  let jumped: readonly EpochRow[] = []
  let total = 0
  const show = () => {
    const known = new Set(rows.map(({ id: one }) => one))
    const left = total - rows.length
    const more: Item[] =
      left > 0
        ? [{ label: `$(ellipsis) ${t('Show more')}`, description: t('{0} left', left.toLocaleString()), alwaysShow: true, more: true }]
        : []
    pick.keepScrollPosition = true
    pick.items = [...jumped.filter(({ id: one }) => !known.has(one)), ...rows].map((row) => itemOf(row, toStartAt)).concat(more)
  }
  const load = async () => {
    pick.busy = true
    const got = await page(rows.length)
    rows.push(...got.rows)
    total = got.total
    pick.busy = false
    show()
  }
  try {
    return await new Promise<EpochRow | 'sort'>((resolve, reject) => {
      load().catch(reject)
      pick.onDidTriggerButton(() => resolve('sort'))
      pick.onDidChangeValue((value) => {
        const number = /^\s*\d+\s*$/.test(value) ? Number(value) : undefined
        if (number === undefined || rows.some((row) => row.number === number)) return
        server
          .request('epochtree/epochs', { dir, session: id, offset: 0, limit: AROUND, upTo: number })
          .then((found) => {
            if (pick.value !== value) return
            jumped = found.rows
            show()
          })
          .catch(reject)
      })
      pick.onDidAccept(() => {
        const [item] = pick.selectedItems
        if (!item) return
        if ('more' in item) load().catch(reject)
        else if (item.why === undefined) resolve(item.row)
        // Not taken, and not closed either: the next one may do.
        else pick.title = t('Epoch {0}: {1}', item.row.number, item.why)
      })
      pick.onDidHide(() => reject(new vscode.CancellationError()))
    })
  } finally {
    pick.dispose()
  }
}
