import { join } from 'node:path'
import { EpochtreeError } from '../errors'
import type { LocalDatabase } from '../storage/local/database'
import type { IngestOptions, Progress } from '../storage/ports'
import { JournalFile } from './lines'
import { Pass } from './pass'
import { forget, report } from './problems'
import { folders, signature } from './runFiles'
import { readSession } from './session'
import { verifyWeights } from './verify'

/** Journals larger than this report their own progress. */
const SHOWN_FROM = 16 * 1024 * 1024

type Watch = (progress: Progress) => void

/** Brings what changed in these run folders into the store, and verifies the weights that wait for it. */
export function read(
  db: LocalDatabase,
  dir: string,
  sessions: readonly string[],
  { verify = true, progress = () => {}, signal }: Omit<IngestOptions, 'only'>,
) {
  const check = () => {
    if (signal?.aborted) throw new EpochtreeError('aborted', 'Reading the journals was cancelled; it goes on where it stopped.')
  }
  for (const [done, id] of sessions.entries()) {
    check()
    progress({ what: 'Reading journals', done, total: sessions.length })
    if (readSession(db, dir, id)) readJournal(db, dir, id, progress, check)
  }
  if (verify) verifyWeights(db, dir, progress, check)
}

function readJournal(db: LocalDatabase, dir: string, id: string, progress: Watch, check: () => void) {
  const path = join(folders(dir).run(id), 'journal.jsonl')
  const now = signature(path)
  if (!now || db.get<{ signature: string }>('SELECT signature FROM place WHERE session = ?', id)?.signature === now) return
  let journal: JournalFile | undefined
  try {
    journal = new JournalFile(path)
    // One transaction a block: the place moves with the documents, and any other process sees both or neither.
    for (let more = true, first = true; more; first = false) {
      check()
      more = db.transaction(() => {
        if (first) forget(db, id, 'journal.jsonl')
        // The place is read inside: until then another process may have moved it.
        const pass = new Pass(db, dir, id, journal!)
        const rest = pass.block()
        if (journal!.size > SHOWN_FROM) progress({ what: 'Reading a journal', done: pass.offset, total: journal!.size })
        return rest
      })
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    // Not the store's own troubles: those end the reading of all.
    if (code === undefined || !UNREADABLE.has(syscall ?? '')) throw error
    // One that vanished since it was looked at is no trouble.
    if (code !== 'ENOENT') report(db, id, 'journal.jsonl', 0, `It can't be read (${code}); the other sessions go on.`)
  } finally {
    journal?.close()
  }
}

/** What fails when a journal can't be read. */
const UNREADABLE: ReadonlySet<string> = new Set(['open', 'fstat', 'read'])
