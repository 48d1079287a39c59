import * as vscode from 'vscode'
import type { EpochMark, EpochRow, FolderState, MainMetric, SessionRow } from '../../server/protocol/editor'
import type { JsonNumber, Status } from '../../server/protocol/model'
import { byText, teamTrouble, waitingWord } from '../team/words'
import type { Node } from './nodes'

const { t } = vscode.l10n

const ICONS: Readonly<Record<Status, [icon: string, colour: string]>> = {
  created: ['circle-outline', 'disabledForeground'],
  running: ['sync~spin', 'charts.blue'],
  interrupted: ['debug-pause', 'charts.yellow'],
  completed: ['pass', 'testing.iconPassed'],
  stopped: ['stop-circle', 'disabledForeground'],
  failed: ['error', 'testing.iconFailed'],
}

/** A value as short as its reader needs it: four significant digits. */
export function shortNumber(value: JsonNumber): string {
  if (typeof value === 'string') return value
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value)
  const short = Number(value.toPrecision(4))
  return Math.abs(short) >= 1e6 || (short !== 0 && Math.abs(short) < 1e-4) ? short.toExponential() : String(short)
}

export const stateWord = (status: Status): string =>
  ({
    created: t('not started'),
    running: t('running'),
    interrupted: t('interrupted'),
    completed: t('completed'),
    stopped: t('stopped'),
    failed: t('failed'),
  })[status]

export const markWord = (mark: EpochMark): string =>
  ({ latest: t('latest'), selected: t('selected'), best: t('best'), fork: t('fork point'), pruned: t('pruned') })[mark]

const epochsWord = (count: number) => (count === 1 ? t('1 epoch') : t('{0} epochs', count.toLocaleString()))

function bestText(main: MainMetric | null): string | undefined {
  const shown = main?.best ?? main?.last
  return main && shown ? `${main.metric} ${shortNumber(shown.value)}` : undefined
}

export function treeItem(node: Node, expanded: boolean): vscode.TreeItem {
  const { Collapsed, Expanded, None } = vscode.TreeItemCollapsibleState
  const open = expanded ? Expanded : Collapsed
  const item = new vscode.TreeItem('', None)
  item.id = node.id
  switch (node.kind) {
    case 'folder':
      item.label = node.folder.name
      item.description = node.folder.trouble ? t('needs attention') : String(node.folder.sessions)
      item.tooltip = node.folder.trouble ?? node.folder.dir
      item.iconPath = new vscode.ThemeIcon(node.folder.trouble ? 'warning' : 'folder')
      item.collapsibleState = Expanded
      item.contextValue = 'folder'
      return item
    case 'group':
      item.label = node.group.label
      item.description = String(node.group.sessions)
      item.collapsibleState = open
      item.contextValue = 'group'
      return item
    case 'session':
      return sessionItem(item, node.row, open)
    case 'epoch':
      return epochItem(item, node.row, node.row.forks.length ? Expanded : None)
    case 'epochs': {
      const last = node.count
      item.label =
        node.parent?.kind === 'session'
          ? t('All {0}', epochsWord(node.count))
          : t('{0} to {1}, newest first', node.offset + 1, node.offset + last)
      item.iconPath = new vscode.ThemeIcon('list-ordered')
      item.collapsibleState = Collapsed
      item.contextValue = 'epochs'
      return item
    }
    case 'more':
      item.label = t('Show more')
      item.description = t('{0} left', node.left.toLocaleString())
      item.iconPath = new vscode.ThemeIcon('ellipsis')
      item.command = { command: 'epochtree.showMore', title: t('Show more'), arguments: [node] }
      return item
    case 'team':
      return teamItem(item, node.folder)
    default:
      item.label = node.text
      item.tooltip = node.text
      item.iconPath = new vscode.ThemeIcon('info')
      return item
  }
}

function teamItem(item: vscode.TreeItem, folder: FolderState): vscode.TreeItem {
  const { label, description, details } = teamTrouble(folder) ?? { label: '', description: '', details: [] }
  item.label = label
  item.description = description
  item.tooltip = new vscode.MarkdownString([`**${literal(label)}**`, ...details.map(literal)].join('\n\n'))
  item.iconPath = new vscode.ThemeIcon('debug-disconnect', new vscode.ThemeColor('charts.yellow'))
  item.contextValue = 'team'
  // VS Code forgets a row's arguments when the row changes, and with them a click at that moment: a single folder is found without.
  const several = (vscode.workspace.workspaceFolders?.length ?? 0) > 1
  item.command = { command: 'epochtree.showTeam', title: t('Show Team'), ...(several ? { arguments: [{ dir: folder.dir }] } : {}) }
  item.accessibilityInformation = { label: [label, description, ...details].join('. ') }
  return item
}

function sessionItem(item: vscode.TreeItem, row: SessionRow, open: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const [icon, colour] = ICONS[row.status]
  item.label = row.name
  item.iconPath = new vscode.ThemeIcon(row.deleted ? 'trash' : icon, new vscode.ThemeColor(colour))
  item.description = [
    row.deleted ? t('deleted') : row.status === 'running' && row.live ? t('epoch {0}', row.live.number) : stateWord(row.status),
    epochsWord(row.epochs),
    bestText(row.main),
    ...teamWords(row),
  ]
    .filter((part) => part !== undefined)
    .join(' · ')
  item.tooltip = sessionTooltip(row)
  item.collapsibleState = row.epochs > 0 ? open : vscode.TreeItemCollapsibleState.None
  item.contextValue = [
    'session',
    row.deleted ? 'deleted' : row.status,
    row.selected ? 'selected' : 'floating',
    row.epochs ? 'epochs' : 'empty',
    ...(row.team?.elsewhere ? ['elsewhere'] : []),
  ].join(' ')
  item.accessibilityInformation = {
    label: [
      t('Session {0}, {1}, {2}', row.name, row.deleted ? t('deleted') : stateWord(row.status), epochsWord(row.epochs)),
      ...teamWords(row),
    ].join(', '),
  }
  return item
}

/** Whose it is, where it is another's; what others can't see of it yet. */
const teamWords = ({ team }: SessionRow): string[] => [
  ...(team?.elsewhere ? [t('by {0}', byText(team.by))] : []),
  ...(team && team.waiting > 0 ? [waitingWord(team.waiting)] : []),
]

/** Text of unknown origin as Markdown shows it: literally. */
export const literal = (text: string) =>
  text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>~&$:@/]/g, (char) => `&#${char.charCodeAt(0)};`).replaceAll(/\s+/g, ' ')

function sessionTooltip(row: SessionRow): vscode.MarkdownString {
  const { main, forkedFrom } = row
  const lines = [
    `**${literal(row.name)}** — ${stateWord(row.status)}`,
    row.modelName === row.name ? '' : t('Model {0}', literal(row.modelName)),
    forkedFrom ? t('Forked from {0}, epoch {1}', literal(forkedFrom.name ?? forkedFrom.sessionId), forkedFrom.epochNumber) : '',
    row.parentMissing ? t('The session it was forked from is not here, so only its own epochs are shown.') : '',
    t('{0}, {1} of them its own', epochsWord(row.epochs), row.own),
    main?.best ? t('Best {0} {1} at epoch {2}', literal(main.metric), shortNumber(main.best.value), main.best.number) : '',
    main?.last ? t('Last {0} {1} at epoch {2}', literal(main.metric), shortNumber(main.last.value), main.last.number) : '',
    row.selected ? t('Selected: epoch {0}', row.selected.number) : '',
    row.uncommitted ? t('Epoch {0} was begun and never committed', row.uncommitted.number) : '',
    row.tags.length ? t('Tags: {0}', row.tags.map(literal).join(', ')) : '',
    row.error ? t('Error: {0}', literal(row.error.slice(0, 500))) : '',
    row.problems ? t('{0} problems in its journal; `epochtree doctor` lists them', row.problems) : '',
    row.team?.elsewhere ? t('Trained on another machine, by {0}. Fork it to train on here.', literal(byText(row.team.by))) : '',
    row.team && row.team.waiting > 0 ? waitingWord(row.team.waiting) : '',
    t('Begun {0}', new Date(row.createdAt * 1000).toLocaleString()),
  ]
  return new vscode.MarkdownString(lines.filter((line) => line !== '').join('\n\n'))
}

function epochItem(item: vscode.TreeItem, row: EpochRow, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const marks = row.marks.map(markWord)
  item.label = t('Epoch {0}', row.number)
  item.description = [
    row.metric !== null && row.value !== null ? `${row.metric} ${shortNumber(row.value)}` : undefined,
    ...marks,
    row.state === 'verifying' ? t('verifying weights') : undefined,
    row.weights === null ? t('no weights') : row.weights.released ? t('weights not here') : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(' · ')
  const mark = (['selected', 'best', 'fork', 'latest', 'pruned'] as const).find((one) => row.marks.includes(one))
  const icon = mark
    ? { selected: 'pinned', best: 'star-full', fork: 'git-branch', latest: 'arrow-right', pruned: 'circle-small-filled' }[mark]
    : 'circle-small'
  item.iconPath = new vscode.ThemeIcon(icon)
  item.collapsibleState = state
  const forkable = row.weights !== null && !row.weights.released && row.state === 'ok'
  item.contextValue = ['epoch', forkable ? 'forkable' : 'plain', row.marks.includes('selected') ? 'selected' : ''].join(' ')
  item.tooltip = [
    t('{0}, epoch {1}', row.session.name, row.number),
    ...marks,
    row.inherited ? t('inherited') : undefined,
    row.time === null ? undefined : new Date(row.time * 1000).toLocaleString(),
  ]
    .filter((part) => part !== undefined)
    .join('\n')
  item.command = {
    command: 'epochtree.openEpoch',
    title: t('Open Epoch'),
    arguments: [{ dir: row.dir, reference: `${row.session.id}@${row.id}` }],
  }
  item.accessibilityInformation = { label: [t('Epoch {0}', row.number), item.description].join(', ') }
  return item
}
