import { statusOf } from '../journal/liveness'
import { folders } from '../journal/runFiles'
import type { Axis, Curve, Curves, CurvesQuery, Floats } from '../protocol/comparison'
import { knownMetric } from '../references'
import type { Context } from '../requests'
import type * as ports from '../storage/ports'
import { packFloats } from '../tracking/packed'
import { NOTHING, placeSteps, placeTimes, type Reached } from '../tracking/places'
import { formatMetric, parseMetric } from '../tracking/reference'
import { linesOf, type Model } from './models'

type Piece = ReturnType<typeof linesOf>[number]
/** A line where it lies on an axis. */
interface Placed {
  readonly line: Piece
  readonly scope: { readonly segments: readonly ports.Segment[]; readonly open?: string }
  readonly open: number | undefined
  readonly axis: ports.CurvesQuery['axis']
  readonly first: number
  readonly last: number
}

/** Metrics as curves, one for each line. All lines share one width of buckets, so that what lies at one place can be compared. */
export async function curves(
  context: Context,
  models: readonly Model[],
  { metrics, axis, range, buckets, lines: only, once = false }: CurvesQuery,
  signal?: AbortSignal,
): Promise<Curves> {
  const placed = await placeLines(context, models, axis)
  const whole = placed.reduce<[number, number]>(
    ([from, to], { first, last }) => [Math.min(from, first), Math.max(to, last)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
  const asked = placed.filter(({ line }) => !only || only.includes(line.id))
  const found = await Promise.all(
    asked.map(async ({ line, scope, open, axis: place }) => {
      const known = await Promise.all(metrics.map((metric) => knownMetric(context.stores, scope, parseMetric(metric))))
      const query = { metrics: known, axis: place, range: range ?? whole, buckets }
      const reduced = await context.stores.documents.curves(scope, query, signal)
      return reduced.map((curve) => written(curve, line.id, axis, open))
    }),
  )
  const answer = found.flat()
  const ends = placed.map(({ line, last }) => ({ line: line.id, at: last }))
  return { curves: once ? withoutCopies(answer) : answer, ends }
}

function written(
  { count, x, value, low, high, epoch, gaps, ...metric }: ports.ReducedCurve,
  line: string,
  axis: Axis,
  open?: number,
): Curve {
  const single = value.every((one, i) => (Number.isNaN(low[i]!) ? !Number.isFinite(one) : one === low[i] && one === high[i]))
  return {
    metric: formatMetric(metric),
    line,
    count,
    x: packFloats(x),
    value: packFloats(value),
    low: single ? null : packFloats(low),
    high: single ? null : packFloats(high),
    epoch: axis === 'epoch' ? null : packFloats(epoch),
    gaps: [...gaps],
    ...(open !== undefined && epoch.at(-1) === open ? { open } : {}),
  }
}

function withoutCopies(all: readonly Curve[]): Curve[] {
  const [xs, epochs] = [new Map<Floats, number>(), new Map<Floats, number>()]
  const shared = (known: Map<Floats, number>, column: Floats, place: number) => {
    const first = known.get(column)
    if (first !== undefined) return `=${first}`
    known.set(column, place)
    return column
  }
  return all.map((curve, place) => ({
    ...curve,
    x: shared(xs, curve.x, place),
    epoch: curve.epoch === null ? null : shared(epochs, curve.epoch, place),
  }))
}

/** All lines, each going on from the one before it. */
async function placeLines(context: Context, models: readonly Model[], axis: Axis): Promise<Placed[]> {
  const lines = linesOf(models)
  if (axis === 'epoch')
    return lines.map((line) => ({
      line,
      scope: { segments: [line] },
      open: undefined,
      axis: { of: axis },
      first: line.from,
      last: line.to,
    }))
  const { sessions, documents } = context.stores
  const read = await Promise.all(
    lines.map(async (line) => {
      const open = openEpoch(context, models, line)
      const scope = { segments: [line], ...(open ? { open: open.id } : {}) }
      const [spans, clock] = await Promise.all([documents.spans(scope), axis === 'time' ? sessions.clock(scope) : null])
      return { line, scope, open: open?.number, spans, clock }
    }),
  )
  const reached = new Map<string, Reached>()
  // A line comes after the one that it goes on from.
  return read.map(({ line, scope, open, spans, clock }) => {
    const before = (line.after !== null && reached.get(line.after)) || NOTHING
    const { places, after } = clock ? placeTimes(line.sessionId, clock, spans, before) : placeSteps(spans, before)
    reached.set(line.id, after)
    return { line, scope, open, axis: { of: axis, places }, first: places.first[0] ?? 0, last: places.last.at(-1) ?? 0 }
  })
}

/** What a running session has begun and not committed goes on from its last line, unless it is looked at up to an epoch only. */
function openEpoch({ dir }: Context, models: readonly Model[], { sessionId, to, models: places }: Piece) {
  const model = places.length === 1 ? models[places[0]!]! : undefined
  if (!model || model.named || model.session.id !== sessionId || model.last.number !== to) return null
  const { open } = model.session
  return open && statusOf(model.session, folders(dir).run) === 'running' ? open : null
}
