import type { Scope } from '../../server/storage/ports'
import type { DocumentColumns } from '../../server/storage/team/ports'

export const SESSION = '6a00000000000000000000aa'
export const epochId = (n: number) => `6a000000${n.toString(16).padStart(16, '0')}`
export const loss = { split: 'train', name: 'loss' }

/** Whose columns these are, and which epoch's. */
export const columnsOf = (number: number) =>
  ({ kind: 'metric', epochId: epochId(number), sessionId: SESSION, number, source: '', from: 0 }) as const

/** Each epoch has so many points of `train/loss`, the last of which is its number. */
export function* trained(epochs: number, points: number, from = 1): Generator<DocumentColumns> {
  for (let number = from; number < from + epochs; number++)
    yield {
      ...columnsOf(number),
      ...loss,
      level: 0,
      steps: Float64Array.from({ length: points }, (_, i) => number * points + i),
      values: Float64Array.from({ length: points }, (_, i) => (i === points - 1 ? number : 1000 + i)),
      times: Float64Array.from({ length: points }, (_, i) => 1.7e9 + number * points + i),
    }
}
export const resolve = async (scope: Scope) =>
  'segments' in scope
    ? scope.segments.flatMap(({ sessionId, from, to }) =>
        Array.from({ length: to - from + 1 }, (_, i) => ({ id: epochId(from + i), number: from + i, sessionId })),
      )
    : scope.epochIds.map((id) => ({ id, number: Number.parseInt(id.slice(8), 16), sessionId: SESSION }))
export const history = (to: number): Scope => ({ segments: [{ sessionId: SESSION, from: 1, to }] })
export const ids = (n: number) => Array.from({ length: n }, (_, i) => epochId(i + 1))
