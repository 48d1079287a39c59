import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'

/** The session that is written. */
export const SESSION = '1'.padStart(24, '0')

interface Journal {
  readonly stores: LocalStores
  /** Appends lines at once. */
  readonly write: (...lines: readonly object[]) => void
}

/** Works on a folder with one session, whose journal is empty yet; nothing of it is left. */
export async function withJournal(work: (journal: Journal) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'epochtree-property-'))
  const dir = join(root, '.epochtree')
  const run = join(dir, 'runs', SESSION)
  mkdirSync(run, { recursive: true })
  writeFileSync(join(run, 'session.json'), JSON.stringify({ format: 1, sessionId: SESSION, modelName: 'net' }))
  const stores = new LocalStores(dir)
  try {
    await work({
      stores,
      write: (...lines) => appendFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
    })
  } finally {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  }
}
