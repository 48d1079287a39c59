import type { Line } from '../../../server/protocol/comparison'
import { nearestPlace, placeFrom } from './points'
import type { Series } from './tree'

/** A value of a metric as it was logged, of one model. */
export interface Reading {
  readonly line: Line
  readonly x: number
  /** Undefined where only the server knows which of several it is. */
  readonly epoch: number | undefined
  /** Undefined where what is known here stands for several points: the server knows the one. */
  readonly value: number | undefined
  /** There is no server to ask: the file was not saved with it. */
  readonly leftOut?: true
}

/** Whether its value is still to be asked for. */
export const isUnsure = (reading: Reading | undefined) => reading !== undefined && reading.value === undefined && !reading.leftOut

/** By its line. */
export type SeriesOf = (line: string) => Series | undefined

/** The value at an epoch, never one between two; undefined where the model has none there. */
export function atEpoch(path: readonly Line[], seriesOf: SeriesOf, epoch: number): Reading | undefined {
  const line = path.find(({ from, to }) => epoch >= from && epoch <= to)
  const series = line && seriesOf(line.id)
  if (!series) return undefined
  const place = placeFrom(series.x, epoch)
  const stride = Math.max(series.stride[place - 1] ?? 1, series.stride[place] ?? 1)
  if (stride > 1) return { line, x: epoch, epoch, value: undefined }
  // Between two points that stand for one each there is none.
  return series.x[place] === epoch ? { line, x: epoch, epoch, value: series.value[place]! } : undefined
}

/** The point of the model that is nearest on an axis of steps or of time; undefined where it is further away than `reach`. */
export function nearest(path: readonly Line[], seriesOf: SeriesOf, x: number, reach: number): Reading | undefined {
  let found: Reading | undefined
  for (const line of path) {
    const series = seriesOf(line.id)
    if (!series) continue
    const place = nearestPlace(series.x, x)
    if (place < 0) continue
    const at = series.x[place]!
    const distance = Math.abs(at - x)
    if (distance > (found ? Math.abs(found.x - x) : Infinity)) continue
    const reading = readingAt(series, place)
    found = reading.epoch === undefined ? { ...reading, value: undefined } : reading
  }
  if (!found) return undefined
  const series = known(path, seriesOf)
  const first = series[0]!.x[0]!
  const last = series.at(-1)!.x.at(-1)!
  // Within the model's history its nearest point is meant, however sparse it is.
  return (x >= first && x <= last) || Math.abs(found.x - x) <= reach ? found : undefined
}

/** Its last value. */
export function last(path: readonly Line[], seriesOf: SeriesOf): Reading | undefined {
  const series = known(path, seriesOf).at(-1)
  return series && readingAt(series, series.x.length - 1)
}

const known = (path: readonly Line[], seriesOf: SeriesOf): readonly Series[] => path.flatMap(({ id }) => seriesOf(id) ?? [])

const readingAt = (series: Series, place: number): Reading => ({
  line: series.line,
  x: series.x[place]!,
  epoch: series.stride[place]! > 1 ? undefined : (series.epoch ?? series.x)[place]!,
  value: series.value[place]!,
})

/** The next point, or the one before, that is of another epoch. */
export function step(path: readonly Line[], seriesOf: SeriesOf, x: number, by: 1 | -1): number {
  const points = known(path, seriesOf).flatMap((one) => Array.from(one.x, (at, i) => ({ at, epoch: (one.epoch ?? one.x)[i]! })))
  if (points.length === 0) return x
  let place = 0
  for (const [i, { at }] of points.entries()) if (Math.abs(at - x) <= Math.abs(points[place]!.at - x)) place = i
  const { epoch } = points[place]!
  while (points[place + by] && points[place]!.epoch === epoch) place += by
  return points[place]!.at
}
