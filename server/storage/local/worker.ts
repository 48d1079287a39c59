import { parentPort, workerData } from 'node:worker_threads'
import { EpochtreeError, explain } from '../../errors'
import { LocalStores } from './stores'
import type { Answer, Question } from './threads'

/** A thread that owns a connection to the store, and answers one question after another. */
const port = parentPort!
const stores = new LocalStores((workerData as { dir: string }).dir)

port.on('message', async ({ id, port: name, method, args, cancelled }: Question) => {
  const signal = { aborted: false }
  // Its thread is busy while it works, so no message tells it to stop: shared memory does.
  if (cancelled) Object.defineProperty(signal, 'aborted', { get: () => Atomics.load(cancelled, 0) !== 0 })
  const reply = (answer: Answer) => port.postMessage(answer)
  try {
    if (signal.aborted) throw new EpochtreeError('aborted', 'It was cancelled before it began.')
    if (name === 'stores') {
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
  }
})
