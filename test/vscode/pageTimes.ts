import type { Page } from 'playwright-core'

/** What the page under measurement keeps, from its first moment on; all in milliseconds of its own clock. */
interface Watch {
  /** When something was drawn on a canvas, or put into a view as a picture, and stood on the screen. */
  readonly painted: number[]
  /** When an answer came in. */
  readonly answered: number[]
  /** From the beginning of a frame that answers an input until it was painted. */
  readonly frames: number[]
  /** Tasks that held up the page for longer than 50 ms. */
  readonly blocked: number[]
}
type Watched = Window & { watch: Watch }

/** Runs in the page before its own script. */
export function watchPage() {
  const watch: Watch = { painted: [], answered: [], frames: [], blocked: [] }
  ;(window as unknown as Watched).watch = watch
  const afterTask = (done: () => void) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', done, { once: true })
    port1.start()
    port2.postMessage(null)
  }
  /** Calls back when the next frame was painted, with the time at which it began. */
  const afterPaint = (done: (begun: number) => void) =>
    requestAnimationFrame(() => {
      const begun = performance.now()
      afterTask(() => done(begun))
    })
  let drawing = false
  // Curves are drawn as a frame begins; it stands on the screen when the next one does. What that one draws is not waited for.
  const drawn = () => {
    if (drawing) return
    drawing = true
    afterTask(() =>
      requestAnimationFrame(() => {
        drawing = false
        watch.painted.push(performance.now())
      }),
    )
  }
  CanvasRenderingContext2D.prototype.stroke = new Proxy(
    Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, 'stroke')!.value as () => void,
    {
      apply(stroke, canvas, path) {
        drawn()
        return Reflect.apply(stroke, canvas, path) as undefined
      },
    },
  )
  window.addEventListener('message', ({ data }: MessageEvent<{ type?: string } | null>) => {
    if (data?.type === 'answer') watch.answered.push(performance.now())
  })
  let framed = false
  for (const type of ['wheel', 'pointermove', 'mousemove'])
    window.addEventListener(
      type,
      () => {
        if (framed) return
        framed = true
        afterPaint((begun) => {
          framed = false
          watch.frames.push(performance.now() - begun)
        })
      },
      { capture: true, passive: true },
    )
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) watch.blocked.push(duration)
  }).observe({ type: 'longtask', buffered: true })
}

export const watched = (page: Page): Promise<Watch> => page.evaluate(() => (window as unknown as Watched).watch)
export const forgetWatched = (page: Page): Promise<void> =>
  page.evaluate(() => {
    for (const list of Object.values((window as unknown as Watched).watch) as number[][]) list.length = 0
  })
export const now = (page: Page): Promise<number> => page.evaluate(() => performance.now())

/** A bare page that draws as many curves as a comparison with this many charts shows, each a line and a band: milliseconds a frame, sorted. */
export const bareFrames = (page: Page, charts: number, curves: number, points: number, frames: number): Promise<number[]> =>
  page.evaluate(
    async ([charts, curves, points, frames]) => {
      const drawn = Array.from({ length: charts }, () => {
        const canvas = document.createElement('canvas')
        ;[canvas.width, canvas.height] = [500, 190]
        return canvas
      })
      document.body.replaceChildren(...drawn)
      const noise = Array.from({ length: points }, () => Math.random())
      const y = (i: number, of: number, frame: number) =>
        180 - 170 * (Math.exp((-3 * i) / points) * 0.8 + 0.1 * noise[(i + of + frame) % points]!)
      const times: number[] = []
      for (let frame = 0; frame < frames; frame++)
        await new Promise<void>((done) =>
          requestAnimationFrame(() => {
            const begun = performance.now()
            for (const canvas of drawn) {
              const context = canvas.getContext('2d')!
              context.clearRect(0, 0, 500, 190)
              for (let of = 0; of < curves; of++) {
                context.beginPath()
                for (let i = 0; i < points; i++) context.lineTo((i / points) * 500, y(i, of, frame))
                context.stroke()
                context.globalAlpha = 0.2
                context.beginPath()
                for (let i = 0; i < points; i++) context.lineTo((i / points) * 500, y(i, of, frame) - 8)
                for (let i = points - 1; i >= 0; i--) context.lineTo((i / points) * 500, y(i, of, frame) + 8)
                context.fill()
                context.globalAlpha = 1
              }
            }
            const { port1, port2 } = new MessageChannel()
            port1.addEventListener('message', () => (times.push(performance.now() - begun), done()), { once: true })
            port1.start()
            port2.postMessage(null)
          }),
        )
      return times.sort((a, b) => a - b)
    },
    [charts, curves, points, frames] as const,
  )

/** When the page's own program had come. */
export const loaded = (page: Page): Promise<number> =>
  page.evaluate(() => Math.max(...performance.getEntriesByType('resource').map((one) => (one as PerformanceResourceTiming).responseEnd)))

/** How many layers and stretches of them are drawn; 0 while none is. */
export const boxes = (page: Page): Promise<number> =>
  page.evaluate(() => Number(document.querySelector<HTMLElement>('[data-boxes]')?.dataset['boxes'] ?? 0))

/** Presses a control, and tells how many milliseconds later more layers than so many stood on the screen. */
export const boxesAfter = (page: Page, press: string, more: number): Promise<number> =>
  page.evaluate(
    async ([press, more]) => {
      const begun = performance.now()
      document.querySelector<HTMLElement>(press)!.click()
      const drawn = () => Number(document.querySelector<HTMLElement>('[data-boxes]')?.dataset['boxes'] ?? 0) > more
      await new Promise<void>((done) => {
        const look = () => (drawn() ? (watching.disconnect(), done()) : undefined)
        const watching = new MutationObserver(look)
        watching.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-boxes'] })
        look()
      })
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      return performance.now() - begun
    },
    [press, more] as const,
  )

/**
 * The layout alone, begun anew, lays out a chain of so many boxes in a worker: milliseconds until it did, and milliseconds of the longest of
 * the tasks in which the page meanwhile parses the same JSON again and again.
 */
export const bareLayout = (page: Page, program: string, count: number, json = '0'): Promise<{ took: number; longest: number }> =>
  page.evaluate(
    ([program, count, json]) =>
      new Promise<{ took: number; longest: number }>((done) => {
        const begun = performance.now()
        let longest = 0
        const parsing = setInterval(() => {
          const before = performance.now()
          JSON.parse(json)
          longest = Math.max(longest, performance.now() - before)
        })
        const worker = new Worker(URL.createObjectURL(new Blob([program], { type: 'text/javascript' })))
        worker.addEventListener('message', ({ data }: MessageEvent<{ id: number }>) => {
          if (data.id !== 1) return
          worker.terminate()
          clearInterval(parsing)
          done({ took: performance.now() - begun, longest })
        })
        worker.postMessage({ id: 0, cmd: 'register', algorithms: ['layered'] })
        const children = Array.from({ length: count }, (_, i) => ({ id: `n${i}`, width: 120, height: 40 }))
        const edges = children.slice(1).map(({ id }, i) => ({ id: `e${i}`, sources: [`n${i}`], targets: [id] }))
        worker.postMessage({
          id: 1,
          cmd: 'layout',
          graph: { id: 'root', layoutOptions: { 'elk.algorithm': 'layered', 'elk.direction': 'DOWN' }, children, edges },
        })
      }),
    [program, count, json] as const,
  )

/** Bytes of the page's heap after everything that can go is gone. */
export async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.enable')
  for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}
