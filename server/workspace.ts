import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { EpochtreeError, explain } from './errors'
import { findFolder } from './folder'
import type { Fetching, ServerRequests, Settings } from './protocol/editor'
import { type GivenTeam, mayHaveTeam, readTeam } from './storage/team/config'
import { type FolderEvents, TrackedFolder } from './trackedFolder'

type Secrets = ServerRequests['epochtree/secrets']

/** What holds where a client says nothing else. */
export const DEFAULT_SETTINGS: Settings = { mainMetric: '', refreshSeconds: 1, folder: '', inlayHints: false, store: null, ownStore: null }

interface WorkspaceEvents extends Omit<FolderEvents, 'rootsOf' | 'configured'> {
  /** For people to read. */
  readonly warn: (message: string) => void
  /** What people gave the client to keep for a team's servers. */
  readonly secrets: (asked: Secrets[0]) => Promise<Secrets[1]>
  readonly fetching: (progress: Fetching) => void
}

/** The `.epochtree` folders that the editor's workspace folders lead to, each followed once. */
export class Workspace {
  readonly #events: FolderEvents
  readonly #warn: WorkspaceEvents['warn']
  readonly #folders = new Map<string, TrackedFolder>()
  /** Workspace folder to `.epochtree` folder. */
  readonly #dirs = new Map<string, string>()
  #settings: Settings = DEFAULT_SETTINGS
  #trusted = false
  readonly #secrets: WorkspaceEvents['secrets']
  /** Told while weights are brought here. */
  readonly fetching: WorkspaceEvents['fetching']
  /** What each folder's team was made of, and what it is followed with. */
  readonly #teams = new Map<string, { readonly of: string; readonly given: GivenTeam | null }>()
  /** Counts what people gave the client to keep. */
  #secretsVersion = 0
  #looking: Promise<void> = Promise.resolve()
  readonly #leaving = new Set<Promise<void>>()

  constructor({ warn, secrets, fetching, ...events }: WorkspaceEvents) {
    this.#events = { ...events, rootsOf: (dir) => this.rootsOf(dir), configured: () => this.lookAtTeams() }
    this.#warn = warn
    this.#secrets = secrets
    this.fetching = fetching
  }

  get settings() {
    return this.#settings
  }

  get folders(): readonly TrackedFolder[] {
    return [...this.#folders.values()]
  }

  /** The editor's own folders. */
  get roots(): readonly string[] {
    return [...this.#dirs.keys()]
  }

  configure(settings: Settings) {
    this.#settings = settings
    for (const folder of this.#folders.values()) folder.configure(settings)
    this.lookAtTeams()
  }

  get trusted() {
    return this.#trusted
  }

  /** Until then folders are only read, through stores of their own in the user's cache. */
  async trust() {
    if (this.#trusted) return
    this.#trusted = true
    const before = this.folders
    for (const { dir, name, version } of before) this.#folders.set(dir, this.#track(dir, name, version + 1))
    this.lookAtTeams()
    await Promise.all(before.map((folder) => this.#leave(folder)))
  }

  /** What people keep secret is another now. */
  secretsChanged() {
    this.#secretsVersion++
    this.lookAtTeams()
  }

  /** Whether what says where a folder's team is has changed: then it is followed anew. Nobody waits for that. */
  lookAtTeams() {
    this.#looking = this.#looking.then(() => this.#lookAtTeams()).catch((error: unknown) => this.#events.log(explain(error).message))
  }

  async #lookAtTeams() {
    for (const { dir } of this.folders) {
      const of = this.#sourcesOf(dir)
      const before = this.#teams.get(dir)
      if (before?.of === of) continue
      const given = await this.#teamOf(dir)
      const folder = this.#folders.get(dir)
      if (!folder) continue
      this.#teams.set(dir, { of, given })
      if (given === null && (before?.given ?? null) === null) continue
      const anew = this.#track(dir, folder.name, folder.version + 1)
      this.#folders.set(dir, anew)
      void anew.announce()
      await this.#leave(folder)
    }
  }

  /** What a folder's team hangs on, as far as it can be told without reading it. */
  #sourcesOf(dir: string): string {
    const { store, ownStore } = this.#settings
    const file = this.#trusted && statSync(join(dir, 'config.json'), { throwIfNoEntry: false })
    return JSON.stringify([this.#trusted, store, ownStore, file && [file.mtimeMs, file.size, file.ino], this.#secretsVersion])
  }

  /** Null where a folder has no team, and wherever the workspace is not trusted: what lies in it points this program nowhere. */
  async #teamOf(dir: string): Promise<GivenTeam | null> {
    const { store, ownStore } = this.#settings
    const given: GivenTeam = { ...(store ? { settings: store } : {}), ...(ownStore ? { own: ownStore } : {}) }
    if (!this.#trusted || !mayHaveTeam(dir, process.env, given)) return null
    try {
      const config = readTeam(dir, withoutLogins(process.env), given)
      if (!config) return null
      const { mongo, elastic } = await this.#secrets({ mongo: config.mongo.uri, elastic: config.elastic.node })
      return {
        ...given,
        secrets: {
          ...(mongo ? { mongo: { for: config.mongo.uri, ...mongo } } : {}),
          ...(elastic ? { elastic: { for: config.elastic.node, ...elastic } } : {}),
        },
      }
    } catch (error) {
      // Whoever opens it says what is wrong with where it is.
      this.#events.log(explain(error).message)
      return given
    }
  }

  add(path: string, name: string) {
    const dir = findFolder(this.#named(path), path, {})
    this.#dirs.set(path, dir)
    if (this.#folders.has(dir)) return
    this.#folders.set(dir, this.#track(dir, name, 0))
    this.lookAtTeams()
  }

  /**
   * The folder of the settings. Those of a user come along to other machines and into containers: a path that leads nowhere there
   * would be made, and what is recorded in it be lost with the container.
   */
  #named(path: string): string | undefined {
    const { folder } = this.#settings
    if (!folder || existsSync(dirname(resolve(path, folder)))) return folder || undefined
    this.#warn(
      `${dirname(folder)} is not on this machine, so the setting epochtree.folder (${folder}) is passed over. ` +
        `Make that folder, or set another for this machine or workspace; then reload the window.`,
    )
    return undefined
  }

  #track(dir: string, name: string, version: number): TrackedFolder {
    const team = this.#trusted ? (this.#teams.get(dir)?.given ?? null) : null
    return new TrackedFolder(dir, name, this.#settings, this.#events, { readOnly: !this.#trusted, version, team })
  }

  /** Paths of the workspace folders that lead to a `.epochtree` folder. */
  rootsOf(dir: string): readonly string[] {
    return [...this.#dirs].flatMap(([root, leadsTo]) => (leadsTo === dir ? root : []))
  }

  async remove(path: string) {
    const dir = this.#dirs.get(path)
    this.#dirs.delete(path)
    if (dir === undefined || [...this.#dirs.values()].includes(dir)) return
    const folder = this.#folders.get(dir)
    this.#folders.delete(dir)
    this.#teams.delete(dir)
    if (folder) await this.#leave(folder)
  }

  /** Requests name folders by their path; only those that are followed are ever opened. */
  folder(dir: string): TrackedFolder {
    const found = this.#folders.get(dir)
    if (!found)
      throw new EpochtreeError('not-found', `The folder ${dir.slice(0, 200)} is not part of this workspace. Open it as a workspace folder.`)
    return found
  }

  /** The folder that a script belongs to: that of the nearest workspace folder above it. */
  folderOf(path: string): TrackedFolder | undefined {
    const above = [...this.#dirs.keys()].filter((root) => isBelow(path, root)).sort((a, b) => b.length - a.length)
    return above[0] === undefined ? this.folders[0] : this.#folders.get(this.#dirs.get(above[0])!)
  }

  /** For whatever changes files or runs something. */
  mayChange() {
    if (!this.#trusted)
      throw new EpochtreeError(
        'not-trusted',
        'This workspace is not trusted, so Epochtree only reads it. Trust it with "Workspaces: Manage Workspace Trust".',
      )
  }

  async close() {
    const folders = this.folders
    this.#folders.clear()
    this.#dirs.clear()
    for (const folder of folders) void this.#leave(folder)
    await Promise.all(this.#leaving)
  }

  /** Whoever ends the server waits also for folders that were already being closed. */
  async #leave(folder: TrackedFolder) {
    const closed = folder.close()
    this.#leaving.add(closed)
    await closed.finally(() => this.#leaving.delete(closed))
  }
}

/** Only where the servers are is asked: who may get in comes later. */
const withoutLogins = (env: NodeJS.ProcessEnv) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^EPOCHTREE_\w+_(USERNAME|PASSWORD|API_KEY)$/.test(name)))

const isBelow = (path: string, root: string) =>
  path === root || path.startsWith(root.endsWith('/') || root.endsWith('\\') ? root : `${root}${root.includes('\\') ? '\\' : '/'}`)
