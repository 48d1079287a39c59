import { parentPort } from 'node:worker_threads'
import { EpochtreeError, explain } from '../../errors'
import { LocalStores } from './stores'
import type { Answer, Question, ThreadFolder } from './threads'

/** What else is done inside the thread, because it needs the store itself and is no port's business. */
export type Jobs = Readonly<Record<string, (stores: LocalStores, ...args: readonly never[]) => Promise<unknown>>>

/** So long nothing is asked before the store lets go of what it keeps for the next question. */
const QUIET_MS = 5000

/** Makes this thread one that owns a connection to the store, and answers one question after another. */
export function answerQuestions(jobs: Jobs) {
  const port = parentPort!
  let stores: LocalStores
  let resting: NodeJS.Timeout | undefined
  port.on('message', (message: ThreadFolder | Question) => {
    if ('id' in message) void answer(message)
    else {
      const { dir, ...access } = message
      stores = new LocalStores(dir, process.env, access)
    }
  })

  async function answer({ id, port: name, method, args, cancelled }: Question) {
    const signal = { aborted: false }
    // Its thread is busy while it works, so no message tells it to stop: shared memory does.
    if (cancelled) Object.defineProperty(signal, 'aborted', { get: () => Atomics.load(cancelled, 0) !== 0 })
    const reply = (answer: Answer) => port.postMessage(answer)
    try {
      if (signal.aborted) throw new EpochtreeError('aborted', 'It was cancelled before it began.')
      if (name === 'jobs') reply({ id, value: await jobs[method]!(stores, ...(args as readonly never[])) })
      else if (name === 'stores') {
        if (method === 'close') await stores.close()
        else await stores.ingest({ ...(args[0] as object), progress: (progress) => reply({ id, progress }), signal: signal as AbortSignal })
        reply({ id, value: undefined })
      } else {
        const store = stores[name] as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>
        reply({ id, value: await store[method]!(...args, ...(cancelled ? [signal] : [])) })
      }
    } catch (error) {
      const { code, message } = explain(error)
      reply({ id, error: { code, message } })
    } finally {
      clearTimeout(resting)
      // Holds no thread alive; and one that ends in between has nothing left to give back.
      resting = setTimeout(() => void stores.rest(), QUIET_MS).unref()
    }
  }
}
