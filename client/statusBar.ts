import * as vscode from 'vscode'
import type { RunningRow } from '../server/protocol/editor'
import type { Server } from './server'
import { literal, shortNumber } from './sessionTree/items'

const { t } = vscode.l10n

/** What changes together is asked for once. */
const GATHER_MS = 200
/** The time left goes on between two epochs. */
const TICK_MS = 10_000

/** The trainings that run, at a glance; nothing where none does. */
export class StatusBar implements vscode.Disposable {
  readonly #server: Server
  readonly #item = vscode.window.createStatusBarItem('epochtree.running', vscode.StatusBarAlignment.Left, 10)
  readonly #disposables: vscode.Disposable[]
  #rows: readonly RunningRow[] = []
  #askedAt = 0
  #soon: NodeJS.Timeout | undefined
  #tick: NodeJS.Timeout | undefined

  constructor(server: Server) {
    this.#server = server
    this.#item.name = t('Running Trainings')
    this.#item.command = 'epochtree.showRunning'
    this.#disposables = [
      this.#item,
      // Of a folder in which nothing runs, and nothing ran, no change matters here.
      server.on('epochtree/changed', ({ folder, dir }) => {
        if (folder.running > 0 || this.#rows.some(({ session }) => session.dir === dir)) this.#askSoon()
      }),
      server.onRestarted(() => this.#askSoon()),
    ]
  }

  #askSoon() {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.#ask()
    }, GATHER_MS)
  }

  async #ask() {
    try {
      this.#rows = await this.#server.request('epochtree/running', null)
    } catch {
      // The server is being started again, and tells when it runs.
      this.#rows = []
    }
    this.#askedAt = Date.now()
    this.#show()
  }

  #show() {
    const [first, ...others] = this.#rows
    if (!first) {
      clearInterval(this.#tick)
      this.#tick = undefined
      this.#item.hide()
      return
    }
    this.#tick ??= setInterval(() => this.#show(), TICK_MS)
    const since = (Date.now() - this.#askedAt) / 1000
    const text = others.length ? t('{0} trainings', this.#rows.length) : runningText(first, since)
    this.#item.text = `$(sync~spin) ${text}`
    this.#item.tooltip = new vscode.MarkdownString(this.#rows.map((row) => literal(runningText(row, since))).join('\n\n'))
    this.#item.accessibilityInformation = { label: t('Epochtree: {0}', this.#rows.map((row) => runningText(row, since)).join('; ')) }
    this.#item.show()
  }

  dispose() {
    clearTimeout(this.#soon)
    clearInterval(this.#tick)
    for (const disposable of this.#disposables) disposable.dispose()
  }
}

/** `resnet50 31/40 · val/acc 0.93 · 4 min left`, of which only what is known. */
export function runningText({ session, until, secondsLeft }: RunningRow, since: number): string {
  const { name, live, main } = session
  const number = live?.number
  const last = main?.last
  return [
    // `$(name)` would be taken for an icon.
    [
      name.replaceAll('$(', '$\u200B('),
      number === undefined ? t('starting') : until === null ? t('epoch {0}', number) : `${number}/${until}`,
    ].join(' '),
    ...(main && last ? [`${main.metric} ${shortNumber(last.value)}`.replaceAll('$(', '$\u200B(')] : []),
    ...(secondsLeft === null ? [] : [timeText(Math.max(0, secondsLeft - since))]),
  ].join(' · ')
}

function timeText(seconds: number): string {
  if (seconds < 10) return t('a few seconds left')
  if (seconds < 55) return t('{0} s left', Math.round(seconds / 10) * 10)
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return t('{0} min left', minutes)
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return t('{0} h {1} min left', hours, minutes % 60)
  return t('{0} days left', Math.round(hours / 24))
}
