import { Follower } from '../journal/follow'
import type { SessionJson } from '../protocol/model'
import { type Context, sessionJson } from '../requests'
import { ThreadedStores } from '../storage/local/threads'

/** On threads, so that Ctrl-C is heard while a long journal is read. */
export async function follow(dir: string, changed: (session: SessionJson) => Promise<void>): Promise<void> {
  const stores = new ThreadedStores(dir)
  try {
    await watch({ dir, stores }, changed)
  } finally {
    await stores.close()
  }
}

/** Follows the journals until it is interrupted, and tells each session that changed. */
export async function watch(context: Context, changed: (session: SessionJson) => Promise<void>): Promise<void> {
  const told = new Map<string, string>()
  const follower = new Follower(context.stores, context.dir, {
    changed: async ({ sessions }) => {
      for (const { id } of sessions) {
        const session = await sessionJson(context, id)
        const now = JSON.stringify(session)
        if (told.get(id) !== now) await changed(session)
        told.set(id, now)
      }
    },
    trouble: (error) => void process.stderr.write(`epochtree: ${error instanceof Error ? error.message : String(error)}\n`),
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
