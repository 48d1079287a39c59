import { Follower } from '../journal/follow'
import type { SessionJson } from '../protocol/model'
import { type Context, sessionJson } from '../requests'
import { ThreadedStores } from '../storage/local/threads'
import type { TeamConfig } from '../storage/team/ports'
import { note } from './text/terminal'

/** On threads, so that Ctrl-C is heard while a long journal is read. */
export async function follow(
  dir: string,
  servers: TeamConfig | undefined,
  changed: (session: SessionJson) => Promise<void>,
): Promise<void> {
  const stores = new ThreadedStores(dir, { servers })
  let closing = false
  try {
    const told = new Map<string, string>()
    stores.watchTeam((seen) => {
      // Connections that are closed are not lost.
      if (closing) return
      for (const { name, state, message } of seen.servers) {
        const text = message ?? `${name} can be reached.`
        // That all is well is worth a word where it was not.
        if (told.get(name) !== text && (state !== 'ok' || told.has(name))) note(text)
        told.set(name, text)
      }
      if (seen.trouble !== null && told.get('') !== seen.trouble) note(seen.trouble)
      told.set('', seen.trouble ?? '')
    })
    stores.handOn()
    await watch({ dir, stores }, changed)
  } finally {
    closing = true
    await stores.close()
  }
}

/** Follows the journals until it is interrupted, and tells each session that changed. */
export async function watch(context: Context, changed: (session: SessionJson) => Promise<void>): Promise<void> {
  const told = new Map<string, string>()
  const follower = new Follower(context.stores, context.dir, {
    changed: async ({ sessions }) => {
      for (const { id, team } of sessions) {
        // What others train is told where it is trained.
        if (team?.elsewhere) continue
        const session = await sessionJson(context, id)
        const now = JSON.stringify(session)
        if (told.get(id) !== now) await changed(session)
        told.set(id, now)
      }
    },
    trouble: (error) => note(error instanceof Error ? error.message : String(error)),
  })
  await new Promise<void>((resolve) => {
    const stop = () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      resolve()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    follower.start()
  })
  await follower.close()
}
