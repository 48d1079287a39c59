import { parentPort } from 'node:worker_threads'
import { EpochtreeError, explain } from '../../errors'
import type { Stores } from '../ports'
import { loadTeam } from '../team/load'
import type { TeamConfig } from '../team/ports'
import { LocalStores } from './stores'
import type { Answer, Heard, Question, ThreadFolder } from './threads'

/** What else is done inside the thread, because it needs the store itself and is no port's business. */
export type Jobs = Readonly<Record<string, (stores: LocalStores, ...args: readonly never[]) => Promise<unknown>>>

/** So long nothing is asked before the store lets go of what it keeps for the next question. */
const QUIET_MS = 5000

/** Stores that are open, and what goes on in the thread beside the questions. */
interface Open {
  readonly stores: Stores
  readonly rest: () => Promise<void>
  /** Begins to hand on to the team what it does not have. */
  readonly handOn?: () => void
  readonly isElsewhere?: (sessionId: string) => Promise<boolean>
  readonly close: () => Promise<void>
}

/** Makes this thread one that owns a connection to the store, and answers questions. */
export function answerQuestions(jobs: Jobs) {
  const port = parentPort!
  const asked = new Map<number, AbortController>()
  let local: LocalStores
  let opening: Promise<Open>
  let resting: NodeJS.Timeout | undefined
  port.on('message', (message: ThreadFolder | Question | { readonly cancel: number }) => {
    if ('cancel' in message) asked.get(message.cancel)?.abort()
    else if ('id' in message) void answer(message)
    else {
      const { dir, servers, ...access } = message
      local = new LocalStores(dir, process.env, access)
      opening = servers ? openWithTeam(local, servers, (heard) => port.postMessage({ heard })) : Promise.resolve(alone(local))
      // Whoever asks is told.
      opening.catch(() => {})
    }
  })

  async function answer({ id, port: name, method, args, cancelled }: Question) {
    const controller = new AbortController()
    const { signal } = controller
    if (cancelled) {
      asked.set(id, controller)
      // Its thread may be busy while it works, and reads no message that tells it to stop: shared memory does.
      Object.defineProperty(signal, 'aborted', { get: () => Atomics.load(cancelled, 0) !== 0 })
    }
    const reply = (one: Answer) => port.postMessage(one)
    try {
      if (signal.aborted) throw new EpochtreeError('aborted', 'It was cancelled before it began.')
      const open = await opening
      const { stores } = open
      if (name === 'jobs') reply({ id, value: await jobs[method]!(local, ...(args as readonly never[])) })
      else if (name === 'team') reply({ id, value: await (method === 'handOn' ? open.handOn?.() : open.isElsewhere?.(args[0] as string)) })
      else if (name === 'stores') {
        if (method === 'close') await open.close()
        else await stores.ingest({ ...(args[0] as object), progress: (progress) => reply({ id, progress }), signal })
        reply({ id, value: undefined })
      } else if (name === 'weights' && method === 'fetch') {
        const progress = (done: number, total: number) => reply({ id, progress: { what: 'weights', done, total } })
        reply({ id, value: await stores.weights.fetch(args[0] as string, { signal, progress }) })
      } else {
        const store = stores[name] as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>
        reply({ id, value: await store[method]!(...args, ...(cancelled ? [signal] : [])) })
      }
    } catch (error) {
      const { code, message } = explain(error)
      reply({ id, error: { code, message } })
    } finally {
      asked.delete(id)
      clearTimeout(resting)
      // Holds no thread alive; and one that ends in between has nothing left to give back.
      resting = setTimeout(() => void opening.then(({ rest }) => rest()).catch(() => {}), QUIET_MS).unref()
    }
  }
}

const alone = (stores: LocalStores): Open => ({ stores, rest: () => stores.rest(), close: () => stores.close() })

async function openWithTeam(local: LocalStores, servers: TeamConfig, tell: (heard: Heard) => void): Promise<Open> {
  const { openTeamStores, Spool } = await loadTeam()
  const stores = openTeamStores(local, servers, { server: (state) => tell({ server: state }) })
  for (const state of stores.states) tell({ server: state })
  stores.listen(() => tell({ changed: true }))
  const stopped = new AbortController()
  let handingOn: Promise<void> | undefined
  return {
    stores,
    rest: () => stores.rest(),
    handOn: () => {
      handingOn ??= new Spool(local, stores.team, { trouble: (error) => tell({ trouble: explain(error).message }) }).run(stopped.signal)
    },
    isElsewhere: async (sessionId) => (await stores.sessions.sessions({ deleted: true, ids: [sessionId] }))[0]?.team?.elsewhere ?? false,
    close: async () => {
      stopped.abort()
      await handingOn
      await stores.close()
    },
  }
}
