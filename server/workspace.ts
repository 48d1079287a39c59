import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { EpochtreeError } from './errors'
import { findFolder } from './folder'
import type { Settings } from './protocol/editor'
import { type FolderEvents, TrackedFolder } from './trackedFolder'

/** What holds where a client says nothing else. */
export const DEFAULT_SETTINGS: Settings = { mainMetric: '', refreshSeconds: 1, folder: '', inlayHints: false }

interface WorkspaceEvents extends Omit<FolderEvents, 'rootsOf'> {
  /** For people to read. */
  readonly warn: (message: string) => void
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

  constructor({ warn, ...events }: WorkspaceEvents) {
    this.#events = { ...events, rootsOf: (dir) => this.rootsOf(dir) }
    this.#warn = warn
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
    await Promise.all(before.map((folder) => folder.close()))
  }

  add(path: string, name: string) {
    const dir = findFolder(this.#named(path), path, {})
    this.#dirs.set(path, dir)
    if (!this.#folders.has(dir)) this.#folders.set(dir, this.#track(dir, name, 0))
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
    return new TrackedFolder(dir, name, this.#settings, this.#events, { readOnly: !this.#trusted, version })
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
    await folder?.close()
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
    await Promise.all(folders.map((folder) => folder.close()))
  }
}

const isBelow = (path: string, root: string) =>
  path === root || path.startsWith(root.endsWith('/') || root.endsWith('\\') ? root : `${root}${root.includes('\\') ? '\\' : '/'}`)
