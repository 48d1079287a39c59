import { statSync } from 'node:fs'
import { folders } from '../journal/runFiles'
import type { ProblemJson } from '../protocol/model'
import type { LocalDatabase } from '../storage/local/database'
import type { FileRecord } from '../storage/ports'

/** Committed weights that are not where they belong, or not of their size. Their content is verified by whoever reads them. */
export function lostWeights(db: LocalDatabase, dir: string): ProblemJson[] {
  const problems: ProblemJson[] = []
  const known = new Map<string, string | undefined>()
  for (const { session, number, name, weights, state } of db.all<{
    session: string
    number: number
    name: string
    weights: string | null
    state: string | null
  }>(
    `SELECT e.session, e.number, s.name, e.weights, e.optimizer_state state FROM epoch e JOIN session s ON s.id = e.session
     WHERE e.state = 'ok' AND e.released = 0 AND s.deleted IS NULL ORDER BY e.session, e.number`,
  )) {
    for (const [what, text] of [
      ['weights', weights],
      ['state', state],
    ] as const) {
      if (text === null) continue
      const { sha256, bytes, file } = JSON.parse(text) as FileRecord
      if (!known.has(sha256)) known.set(sha256, lost(folders(dir).weightsFile(sha256), bytes))
      const why = known.get(sha256)
      if (why !== undefined)
        problems.push({
          sessionId: session,
          file,
          line: null,
          message: `The ${what} file of ${name}@${number} ${why}. Bring it back from a backup; until then nothing can start from that epoch.`,
        })
    }
  }
  return problems
}

function lost(path: string, bytes: number): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) return `is not in ${path}`
  return stat.size === bytes ? undefined : `has ${stat.size} bytes instead of ${bytes} in ${path}`
}
