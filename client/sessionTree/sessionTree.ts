import * as vscode from 'vscode'
import type { Changed, EpochRow, FolderState, SessionGroup, SessionRow, SessionSort } from '../../server/protocol/editor'
import type { Server } from '../server'
import { teamTrouble, waitingWord } from '../team/words'
import { treeItem } from './items'
import { EPOCHS_SHOWN, type EpochNode, type Node, type SessionNode, stretches } from './nodes'

const { t } = vscode.l10n

const PAGE = 200
/** So many rows are answered at once. */
const MOST_ASKED = 1000
/** With so few sessions their forks are shown without a click. */
const FEW = 5
const GATHER_MS = 100
/** VS Code has asked for all that is open once it was quiet for so long. */
const SETTLED_MS = 250
const MOST_WAITED_MS = 2000
/** After so long without a question, a refresh was lost. */
const LOST_MS = 1000
const TRIES = 10

interface Arrangement {
  readonly sort: SessionSort
  readonly group: SessionGroup
  readonly filter: string
  readonly deleted: boolean
}

/** The side bar's sessions: asked for in pages, and kept up to date by what the server says has changed. */
export class SessionTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly view: vscode.TreeView<Node>
  readonly #server: Server
  readonly #state: vscode.Memento
  readonly #changes = new vscode.EventEmitter<Node | Node[] | undefined>()
  readonly onDidChangeTreeData = this.#changes.event
  readonly #disposables: vscode.Disposable[] = []
  /** Nodes by their id, as they are shown now. */
  readonly #nodes = new Map<string, Node>()
  /** How many rows of each long list were asked for. */
  readonly #asked = new Map<string, number>()
  readonly #folders = new Map<string, FolderState>()
  #arrangement: Arrangement
  /** Epochs of all folders that others can't see yet. */
  #waiting = 0
  #hasTeam = false
  /** The versions of folders that the list of sessions shows, and those with another list. */
  readonly #listed = new Map<string, number>()
  readonly #outdated = new Map<string, number>()
  /** Whether all is to be shown anew, whatever it is. */
  #all = false
  /** Nodes whose rows are news. */
  readonly #fresh = new Set<Node>()
  #refresh: NodeJS.Timeout | undefined
  #lost: NodeJS.Timeout | undefined
  /** Questions of VS Code that are not answered yet, and when the last one was. */
  #asking = 0
  #answeredAt = 0

  constructor(server: Server, state: vscode.Memento) {
    this.#server = server
    this.#state = state
    this.#arrangement = { sort: 'newest', group: 'none', filter: '', deleted: false, ...state.get<Partial<Arrangement>>('sessions') }
    this.view = vscode.window.createTreeView('epochtree.sessions', { treeDataProvider: this, canSelectMany: true, showCollapseAll: true })
    this.#disposables.push(
      this.view,
      this.#changes,
      server.on('epochtree/changed', (change) => this.#changed(change)),
      server.onRestarted(() => this.refresh()),
    )
    this.#describe()
  }

  get arrangement(): Arrangement {
    return this.#arrangement
  }

  arrange(change: Partial<Arrangement>) {
    this.#arrangement = { ...this.#arrangement, ...change }
    this.#asked.clear()
    void this.#state.update('sessions', this.#arrangement)
    this.#describe()
    this.refresh()
  }

  refresh() {
    this.#all = true
    this.#refreshSoon()
  }

  /** Not while VS Code asks for what is open, as after its start: a refresh that comes meanwhile is lost to it, and lists stay empty. */
  #refreshSoon(since = performance.now()) {
    this.#refresh ??= setTimeout(() => {
      this.#refresh = undefined
      const now = performance.now()
      if (now - since < MOST_WAITED_MS && (this.#asking > 0 || now - this.#answeredAt < SETTLED_MS)) return this.#refreshSoon(since)
      // What was asked for meanwhile may know it already.
      const outdated = [...this.#outdated].some(([dir, version]) => version > (this.#listed.get(dir) ?? -1))
      this.#outdated.clear()
      if (outdated || this.#all) this.#fireAll()
      else if (this.#fresh.size > 0) this.#changes.fire([...this.#fresh])
      this.#fresh.clear()
    }, GATHER_MS)
  }

  #fireAll(tries = 1) {
    this.#all = false
    this.#nodes.clear()
    this.#changes.fire(undefined)
    clearTimeout(this.#lost)
    this.#lost = setTimeout(() => {
      if (this.view.visible && tries < TRIES) this.#fireAll(tries + 1)
    }, LOST_MS)
  }

  showMore(node: Extract<Node, { kind: 'more' }>) {
    this.#asked.set(node.id, (this.#asked.get(node.id) ?? PAGE) + 5 * PAGE)
    this.#changes.fire(node.parent)
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return treeItem(node, node.kind === 'group' || (node.kind === 'session' && this.#fewRoots && node.row.forks > 0))
  }

  getParent(node: Node): Node | undefined {
    return node.kind === 'folder' ? undefined : node.parent
  }

  #fewRoots = false

  /** What VS Code asks. */
  async getChildren(node?: Node): Promise<Node[]> {
    this.#asking++
    try {
      if (node) return await this.#children(node)
      clearTimeout(this.#lost)
      const folders = await this.#foldersNow()
      for (const { dir, version } of folders) this.#listed.set(dir, version)
      return await this.#roots(folders)
    } finally {
      this.#asking--
      this.#answeredAt = performance.now()
    }
  }

  async #children(node: Node): Promise<Node[]> {
    switch (node.kind) {
      case 'folder':
        return this.#inFolder(node.folder, node)
      case 'group':
        return this.#sessions(node.dir, node, { by: this.#arrangement.group, key: node.group.key })
      case 'session':
        return this.#inSession(node)
      case 'epochs':
        return this.#inStretch(node)
      case 'epoch':
        return this.#forksAt(node)
      default:
        return []
    }
  }

  async #foldersNow(): Promise<readonly FolderState[]> {
    const folders = await this.#server.request('epochtree/folders', null)
    for (const folder of folders) this.#folders.set(folder.dir, folder)
    this.#count()
    return folders
  }

  async #roots(folders: readonly FolderState[]): Promise<Node[]> {
    if (folders.length > 1) return folders.map((folder): Node => this.#keep({ kind: 'folder', id: folder.dir, folder }))
    const [only] = folders
    return only ? this.#inFolder(only, undefined) : []
  }

  async #inFolder(folder: FolderState, parent: Node | undefined): Promise<Node[]> {
    if (folder.trouble !== null) return [{ kind: 'message', id: `trouble:${folder.dir}`, text: folder.trouble, parent }]
    const rows = await this.#listOf(folder, parent)
    if (teamTrouble(folder)) return [this.#keep({ kind: 'team', id: `team:${folder.dir}`, folder, parent }), ...rows]
    // The only folder's emptiness is told by the view itself.
    if (rows.length === 0 && folder.team && parent)
      return [{ kind: 'message', id: `none:${folder.dir}`, text: t('Nobody in your team has brought a session yet.'), parent }]
    return rows
  }

  async #listOf(folder: FolderState, parent: Node | undefined): Promise<Node[]> {
    const { group, filter, deleted } = this.#arrangement
    if (group === 'none') return this.#sessions(folder.dir, parent, undefined)
    const groups = await this.#server.request('epochtree/groups', { dir: folder.dir, by: group, deleted, ...(filter ? { filter } : {}) })
    return groups.map((one): Node =>
      this.#keep({ kind: 'group', id: `group:${folder.dir}:${one.key}`, dir: folder.dir, group: one, parent }),
    )
  }

  async #sessions(dir: string, parent: Node | undefined, group: { by: SessionGroup; key: string } | undefined): Promise<Node[]> {
    const { filter, sort, deleted } = this.#arrangement
    const moreId = `more:${dir}:${group?.key ?? ''}`
    const limit = this.#asked.get(moreId) ?? PAGE
    const rows: SessionRow[] = []
    let total = 0
    do {
      const page = await this.#server.request('epochtree/sessions', {
        dir,
        nested: this.#nested,
        sort,
        deleted,
        offset: rows.length,
        limit: Math.min(limit - rows.length, MOST_ASKED),
        ...(filter ? { filter } : {}),
        ...(group ? { group } : {}),
      })
      ;({ total } = page)
      if (page.rows.length === 0) break
      rows.push(...page.rows)
    } while (rows.length < Math.min(limit, total))
    this.#fewRoots = total <= FEW
    const nodes = rows.map((row) => this.#session(row, parent))
    const left = total - rows.length
    if (nodes.length === 0 && filter) return [{ kind: 'message', id: `none:${dir}`, text: t('No session matches "{0}".', filter), parent }]
    return left > 0 ? [...nodes, this.#keep({ kind: 'more', id: moreId, dir, left, parent })] : nodes
  }

  /** Whether forks lie under the epochs where they start. */
  get #nested(): boolean {
    const { group, filter, deleted } = this.#arrangement
    return (group === 'none' || group === 'model') && filter === '' && !deleted
  }

  async #inSession(node: SessionNode): Promise<Node[]> {
    const { row } = node
    const found = await this.#server.request('epochtree/notable', { dir: row.dir, session: row.id })
    // Where all sessions are listed side by side, a fork has its place there.
    const rows = this.#nested ? found : found.map((epoch) => ({ ...epoch, forks: [] }))
    const all: Node = this.#keep({
      kind: 'epochs',
      // Not by how many they are: what is open stays so while more come.
      id: `epochs:${row.dir}:${row.id}`,
      session: row,
      offset: 0,
      count: row.epochs,
      parent: node,
    })
    return [...rows.map((epoch) => this.#epoch(epoch, node, this.#nested ? 'notable' : 'flat')), ...(rows.length < row.epochs ? [all] : [])]
  }

  async #inStretch(node: Extract<Node, { kind: 'epochs' }>): Promise<Node[]> {
    const { session, offset, count } = node
    if (count > EPOCHS_SHOWN)
      return stretches(offset, count).map((part) =>
        this.#keep({ kind: 'epochs', id: `${node.id}:${part.offset}`, session, ...part, parent: node }),
      )
    const { rows } = await this.#server.request('epochtree/epochs', { dir: session.dir, session: session.id, offset, limit: count })
    return rows.map((row) => this.#epoch({ ...row, forks: [] }, node, 'all'))
  }

  async #forksAt(node: EpochNode): Promise<Node[]> {
    const { dir, id } = node.row
    const rows = await this.#server.request('epochtree/forks', { dir, epoch: id })
    return rows.map((one) => this.#session(one, node))
  }

  #session(row: SessionRow, parent: Node | undefined): Node {
    return this.#keep({ kind: 'session', id: `session:${row.dir}:${row.id}`, row, parent })
  }

  #epoch(row: EpochRow, parent: Node, list: string): Node {
    return this.#keep({ kind: 'epoch', id: `epoch:${row.dir}:${row.session.id}:${row.id}:${list}`, row, parent })
  }

  /** The same object for the same thing: that is how VS Code knows what is open and selected. */
  #keep<Kept extends Node>(node: Kept): Kept {
    const known = this.#nodes.get(node.id)
    if (known) return Object.assign<Node, Kept>(known, node)
    this.#nodes.set(node.id, node)
    return node
  }

  #changed({ dir, version, sessions, structure, folder }: Changed) {
    const before = this.#folders.get(dir)
    this.#folders.set(dir, folder)
    this.#count()
    const stood = before !== undefined && teamTrouble(before) !== undefined
    const stands = teamTrouble(folder) !== undefined
    if (structure || stood !== stands) this.#outdated.set(dir, version)
    const team = stands && this.#nodes.get(`team:${dir}`)
    if (team && team.kind === 'team') this.#fresh.add(Object.assign(team, { folder }))
    for (const row of sessions) {
      const node = this.#nodes.get(`session:${dir}:${row.id}`)
      if (node?.kind === 'session') this.#fresh.add(Object.assign(node, { row }))
    }
    this.#refreshSoon()
  }

  #count() {
    let running = 0
    let hasTeam = false
    this.#waiting = 0
    for (const { running: here, team } of this.#folders.values()) {
      running += here
      hasTeam ||= team !== null
      this.#waiting += team?.waiting ?? 0
    }
    if (hasTeam !== this.#hasTeam) {
      this.#hasTeam = hasTeam
      void vscode.commands.executeCommand('setContext', 'epochtree.team', hasTeam)
    }
    this.#entitle()
    this.view.badge = running
      ? { value: running, tooltip: running === 1 ? t('1 session is running') : t('{0} sessions are running', running) }
      : undefined
  }

  /** Beside the view's title, where nothing moves when it comes and goes. */
  #entitle() {
    const { filter, deleted } = this.#arrangement
    const shown = filter ? t('filter: {0}', filter) : deleted ? t('deleted') : ''
    this.view.description = [shown, this.#waiting > 0 ? waitingWord(this.#waiting) : ''].filter((part) => part !== '').join(' · ')
  }

  #describe() {
    const { filter, deleted, group, sort } = this.#arrangement
    this.#entitle()
    void vscode.commands.executeCommand('setContext', 'epochtree.filtered', filter !== '')
    void vscode.commands.executeCommand('setContext', 'epochtree.showsDeleted', deleted)
    void vscode.commands.executeCommand('setContext', 'epochtree.group', group)
    void vscode.commands.executeCommand('setContext', 'epochtree.sort', sort)
  }

  /** Opens the tree at a session: through the epochs where its ancestors' forks start. */
  async reveal(dir: string, id: string) {
    for (let tries = 1; ; tries++)
      try {
        const node = await this.#find(dir, id)
        if (node) await this.view.reveal(node, { select: true, focus: false })
        return
      } catch (error) {
        // The list was asked for anew meanwhile, because there is news: what was found is another node now.
        if (tries === TRIES) throw error
        await new Promise((resolve) => setTimeout(resolve, 3 * GATHER_MS))
      }
  }

  async #find(dir: string, id: string): Promise<Node | undefined> {
    const known = this.#nodes.get(`session:${dir}:${id}`)
    if (known) return known
    const row = await this.#server.request('epochtree/session', { dir, session: id })
    const parent = row.forkedFrom && !row.parentMissing ? await this.#find(dir, row.forkedFrom.sessionId) : undefined
    if (!parent) {
      const roots = await this.#roots(await this.#foldersNow())
      for (const root of roots) if (root.kind === 'folder' && root.folder.dir === dir) await this.#children(root)
      return this.#nodes.get(`session:${dir}:${id}`)
    }
    for (const epoch of await this.#children(parent))
      if (epoch.kind === 'epoch' && epoch.row.id === row.forkedFrom?.epochId) {
        await this.#children(epoch)
        return this.#nodes.get(`session:${dir}:${id}`)
      }
    return undefined
  }

  dispose() {
    clearTimeout(this.#refresh)
    clearTimeout(this.#lost)
    for (const disposable of this.#disposables) disposable.dispose()
  }
}
