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
interface Sizes {
  readonly widths: Float32Array
  readonly heights: Float32Array
  /** From and to, one after another. */
  readonly edges: Int32Array
}

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.componentComponent': '48',
  'elk.layered.spacing.nodeNodeBetweenLayers': '44',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'PREFER_EDGES',
}
/** Deeper graphs go on in the next column, as the lines of a newspaper do: models are long and narrow, and screens are not. */
const ONE_COLUMN = 24
const COLUMNS = { 'elk.layered.wrapping.strategy': 'MULTI_EDGE', 'elk.aspectRatio': '1.5' }

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
    return new Promise<Layout>((done, fail) => {
      const waiting = (this.#waiting = { done, fail })
      this.#worker ??= this.#start()
      this.#worker.then(
        (worker) =>
          this.#waiting === waiting &&
          worker.postMessage({ ...sizes, options: sizes.widths.length > ONE_COLUMN ? { ...OPTIONS, ...COLUMNS } : OPTIONS }),
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
    const url = URL.createObjectURL(new Blob([await program(), `;(${inWorker.toString()})()`], { type: 'text/javascript' }))
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

/** Beside this page's script; a page that is one file brings it in itself. */
async function program(): Promise<string> {
  const inlined = document.querySelector('script#elk-worker')
  if (inlined) return inlined.textContent
  const beside = './elkWorker.js'
  return ((await import(beside)) as { readonly default: string }).default
}

/**
 * Runs in the worker, behind elkjs: thousands of boxes come and go as a few arrays, because as objects they would hold up the page that
 * reads them. It is handed over as text, and so uses nothing from outside itself.
 */
function inWorker() {
  interface Point {
    readonly x: number
    readonly y: number
  }
  interface LaidOut {
    readonly width: number
    readonly height: number
    readonly children: readonly Point[]
    readonly edges: readonly {
      readonly sections?: readonly { readonly startPoint: Point; readonly bendPoints?: readonly Point[]; readonly endPoint: Point }[]
    }[]
  }
  const scope = self as unknown as {
    readonly onmessage: (event: { readonly data: unknown }) => void
    addEventListener: (type: 'message', heard: (event: { readonly data: unknown }) => void) => void
    postMessage: (message: unknown, transfer?: readonly ArrayBufferLike[]) => void
  }
  // It hears what comes from the page too, and knows none of it.
  const elk = scope.onmessage
  const answer = scope.postMessage.bind(scope)
  let heard: (graph: LaidOut) => void = () => {}
  scope.postMessage = (message) => {
    const { data, error } = message as { readonly data?: LaidOut; readonly error?: { readonly message?: string } }
    if (error) answer({ error: error.message ?? 'The layout failed.' })
    else if (data) heard(data)
  }
  elk({ data: { id: 0, cmd: 'register', algorithms: ['layered'] } })
  scope.addEventListener('message', ({ data }) => {
    const { widths, heights, edges, options } = data as Sizes & { readonly options: object }
    heard = (graph) => {
      const x = new Float32Array(widths.length)
      const y = new Float32Array(widths.length)
      for (const [i, child] of graph.children.entries()) {
        x[i] = child.x
        y[i] = child.y
      }
      const starts = new Int32Array(graph.edges.length + 1)
      const points: number[] = []
      for (const [i, { sections }] of graph.edges.entries()) {
        for (const { startPoint, bendPoints, endPoint } of sections ?? [])
          for (const point of [startPoint, ...(bendPoints ?? []), endPoint]) points.push(point.x, point.y)
        starts[i + 1] = points.length
      }
      const all = new Float32Array(points)
      answer({ x, y, width: graph.width, height: graph.height, points: all, starts }, [x.buffer, y.buffer, all.buffer, starts.buffer])
    }
    const children = Array.from(widths, (width, i) => ({ id: `n${i}`, width, height: heights[i] }))
    const connections = Array.from({ length: edges.length / 2 }, (_, i) => ({
      id: `e${i}`,
      sources: [`n${edges[2 * i]}`],
      targets: [`n${edges[2 * i + 1]}`],
    }))
    elk({ data: { id: 1, cmd: 'layout', graph: { id: 'root', layoutOptions: options, children, edges: connections } } })
  })
}
