// Lays out graphs in a worker, behind elkjs, which is there as it came: bundled, it takes the engine half a second more to begin.
// Thousands of boxes come and go as a few arrays: as objects they would hold up the page that reads them.
import type { Sizes } from '../layout'
import { type Elk, type ElkAnswer, layOutWith } from './layOut'

interface Scope {
  readonly onmessage: (event: { readonly data: unknown }) => void
  addEventListener: (type: 'message', heard: (event: { readonly data: unknown }) => void) => void
  postMessage: (message: unknown, transfer?: readonly ArrayBufferLike[]) => void
}
interface Told {
  readonly data?: ElkAnswer
  readonly error?: { readonly message?: string }
}
const scope = self as unknown as Scope
const answer = scope.postMessage.bind(scope)

// elkjs speaks through the worker's messages. They are ours: it is asked here, answers at once, and makes nothing of what the page says.
const ask = scope.onmessage
let told: Told = {}
scope.postMessage = (message) => {
  told = message as Told
}
const elk: Elk = async (graph) => {
  told = {}
  ask({ data: { id: 1, cmd: 'layout', graph } })
  if (!told.data) throw new Error(told.error?.message ?? 'The layout failed.')
  return told.data
}
ask({ data: { id: 0, cmd: 'register', algorithms: ['layered'] } })

const layOut = layOutWith(elk)
scope.addEventListener('message', ({ data }) => {
  layOut(data as Sizes).then(
    (layout) => answer(layout, [layout.x.buffer, layout.y.buffer, layout.points.buffer, layout.starts.buffer]),
    (error: unknown) => answer({ error: error instanceof Error ? error.message : String(error) }),
  )
})
