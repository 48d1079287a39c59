import { layOutStack } from './columns'
import { layoutProgram } from './program'
import { breath } from '../slices'

/** Where things lie, in the layout's own units. */
export interface Layout {
  readonly x: Float32Array
  readonly y: Float32Array
  readonly width: number
  readonly height: number
  /** Points of all connections one after another, x and y. */
  readonly points: Float32Array
  /** Where each connection's points begin, and where the last one's end. */
  readonly starts: Int32Array
}
export interface Sizes {
  readonly widths: Float32Array
  readonly heights: Float32Array
  /** From and to, one after another. */
  readonly edges: Int32Array
}

/** Lays graphs out in a worker: the program is large, and is loaded with the first graph. */
export class Layouts {
  #worker: Promise<Worker> | undefined
  #waiting: { readonly done: (layout: Layout) => void; readonly fail: (reason: Error) => void } | undefined

  /** Gets ready while the graph is still on its way. */
  warm() {
    this.#worker ??= this.#start()
    this.#worker.catch((error: Error) => this.#failed(error))
  }

  /** Only the last one that was asked for is answered; any before it rejects with an AbortError. */
  async layout(sizes: Sizes): Promise<Layout> {
    // The program can't be interrupted but by ending it.
    if (this.#waiting) this.close()
    // Needs no program, and nobody waits for it to begin.
    const stack = layOutStack(sizes)
    if (stack) return stack
    return new Promise<Layout>((done, fail) => {
      const waiting = (this.#waiting = { done, fail })
      this.#worker ??= this.#start()
      this.#worker.then(
        (worker) => this.#waiting === waiting && worker.postMessage(sizes),
        (error: Error) => this.#waiting === waiting && this.#failed(error),
      )
    })
  }

  close() {
    const worker = this.#worker
    this.#failed(new DOMException('No longer wanted', 'AbortError'))
    void worker?.then(
      (one) => one.terminate(),
      () => {},
    )
  }

  #failed(error: Error) {
    this.#worker = undefined
    this.#waiting?.fail(error)
    this.#waiting = undefined
  }

  async #start(): Promise<Worker> {
    const program = await layoutProgram()
    await breath()
    const url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }))
    const worker = new Worker(url)
    URL.revokeObjectURL(url)
    worker.addEventListener('message', ({ data }: MessageEvent<Layout | { readonly error: string }>) => {
      if ('error' in data) return this.#failed(new Error(data.error))
      this.#waiting?.done(data)
      this.#waiting = undefined
    })
    worker.addEventListener('error', ({ message }) => this.#failed(new Error(message)))
    return worker
  }
}
