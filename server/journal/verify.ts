import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalDatabase } from '../storage/local/database'
import type { Progress } from '../storage/ports'
import { takeGraph } from './graphs'
import { report } from './problems'
import { folders, insideRun, removeQuietly, tryWriting } from './runFiles'
import type { NamedFile } from './schema'
import { summarizeSession } from './summary'
import { hashFile, takeIn } from './takeIn'

interface Waiting {
  readonly row: number
  readonly session: string
  readonly number: number
  readonly state: 'verifying' | 'missing'
  readonly commit_line: number
  readonly graph: string | null
  readonly graph_file: string | null
  readonly weights: string | null
  readonly optimizer_state: string | null
}

/** Hashes what commits named, takes it in, and only then lets the epochs be forked. */
export function verifyWeights(db: LocalDatabase, dir: string, progress: (progress: Progress) => void, check: () => void) {
  const waiting = db.all<Waiting>(
    "SELECT row, session, number, state, commit_line, graph, graph_file, weights, optimizer_state FROM epoch WHERE state IN ('verifying', 'missing') ORDER BY row",
  )
  for (const [done, epoch] of waiting.entries()) {
    check()
    progress({ what: 'Verifying weights', done, total: waiting.length })
    const run = folders(dir).run(epoch.session)
    const files = [epoch.weights, epoch.optimizer_state].flatMap((file) => (file ? [JSON.parse(file) as NamedFile] : []))
    if (epoch.state === 'missing' && !arrived(dir, run, epoch, files)) continue
    // What was taken in before was verified then; the rest waits until the folder may be changed.
    if (db.folderIsReadOnly && !files.every(({ sha256 }) => existsSync(folders(dir).weightsFile(sha256)))) continue
    let graph = epoch.graph
    let wrong = db.folderIsReadOnly
      ? undefined
      : files.map((file) => verifyFile(dir, epoch.session, file)).find((message) => message !== undefined)
    db.transaction(() => {
      try {
        if (epoch.graph_file !== null && graph === null) graph = takeGraph(db, join(run, epoch.graph_file))
      } catch (error) {
        wrong ??= `The graph ${epoch.graph_file} can't be taken (${(error as Error).message})`
      }
      db.run('UPDATE epoch SET state = ?, graph = ? WHERE row = ? AND state = ?', wrong ? 'damaged' : 'ok', graph, epoch.row, epoch.state)
      db.run('DELETE FROM problem WHERE session = ? AND line = ?', epoch.session, epoch.commit_line)
      if (wrong) report(db, epoch.session, 'journal.jsonl', epoch.commit_line, `${wrong}; the epoch ${epoch.number} was refused.`)
      summarizeSession(db, epoch.session)
    })
    if (!wrong && !db.folderIsReadOnly) for (const file of files) tryWriting(() => removeQuietly(join(run, file.file)))
  }
}

/** Whether all that an epoch missed is there by now: a copy of a run may bring its journal before its files. */
const arrived = (dir: string, run: string, { graph, graph_file }: Waiting, files: readonly NamedFile[]) =>
  (graph !== null || graph_file === null || existsSync(join(run, graph_file))) &&
  files.every(({ file, sha256 }) => existsSync(join(run, file)) || existsSync(folders(dir).weightsFile(sha256)))

function verifyFile(dir: string, session: string, file: NamedFile): string | undefined {
  const path = insideRun(folders(dir).run(session), file.file)
  const kept = folders(dir).weightsFile(file.sha256)
  const promised = `The content of ${file.file} is not what its commit promised`
  if (!path || !existsSync(path)) {
    const taken = statSync(kept, { throwIfNoEntry: false })
    if (!taken) return `The file ${file.file} is missing`
    return taken.size === file.bytes ? undefined : promised
  }
  try {
    if (!statSync(path).isFile()) return `${file.file} is not a file`
    const { sha256, bytes } = hashFile(path)
    if (sha256 !== file.sha256 || bytes !== file.bytes) return promised
    tryWriting(() => takeIn(path, kept))
    return undefined
  } catch (error) {
    // Another process took it in at this moment.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(kept)) return undefined
    throw error
  }
}
