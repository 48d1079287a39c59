import { existsSync, watch as watchFolder } from 'node:fs'
import { folders } from '../journal/runFiles'
import type { SessionJson } from '../protocol/model'
import { type Context, listSessions } from '../requests'

const UNFINISHED_EVERY_MS = 1000
const ALL_EVERY_MS = 60_000

/** Follows the journals until it is interrupted: told by the file system where that works, and looking for itself where it does not. */
export async function watch(context: Context, changed: (session: SessionJson) => Promise<void>): Promise<void> {
  const { stores, dir } = context
  const known = new Map<string, string>()
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const touched = new Set<string>()
  let wake = () => {}
  const { runs } = folders(dir)
  const watcher = existsSync(runs)
    ? watchFolder(runs, { recursive: true, persistent: false }, (_, file) => {
        if (file) touched.add(file.split(/[/\\]/)[0]!)
        wake()
      })
    : undefined
  // Network file systems, and folders that vanish: then the clock alone has to do.
  watcher?.on('error', () => watcher.close())
  try {
    for (let all = 0; !stopped.signal.aborted;) {
      const unfinished = (await stores.sessions.sessions({ deleted: true })).filter(({ finished }) => finished === null).map(({ id }) => id)
      if (Date.now() - all >= ALL_EVERY_MS) {
        all = Date.now()
        await stores.ingest()
      } else await stores.ingest({ only: [...new Set([...unfinished, ...[...touched].filter((id) => /^[0-9a-f]{24}$/.test(id))])] })
      touched.clear()
      for (const session of await listSessions(context, { deleted: true })) {
        const now = JSON.stringify(session)
        if (known.get(session.id) === now) continue
        known.set(session.id, now)
        await changed(session)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, UNFINISHED_EVERY_MS)
        wake = () => {
          wake = () => {}
          // Many events of one write become one look.
          setTimeout(() => (clearTimeout(timer), resolve()), 50)
        }
        stopped.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
      })
    }
  } finally {
    watcher?.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
