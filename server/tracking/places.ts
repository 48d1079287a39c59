import type { Clock, Places, Spans } from '../storage/ports'

/** How far a history has come on the axes, for what goes on from it. */
export interface Reached {
  /** The last step. */
  readonly step: number
  /** Of training. */
  readonly seconds: number
  /** The process that trained last: its session, when it was started, and what its time is shifted by. */
  readonly sessionId: string | null
  readonly started: number
  readonly shift: number
}
export const NOTHING: Reached = { step: -1, seconds: 0, sessionId: null, started: Number.NaN, shift: 0 }

interface Line {
  readonly places: Places
  readonly after: Reached
}

const room = (number: Float64Array): Places => ({
  number,
  first: new Float64Array(number.length),
  last: new Float64Array(number.length),
  shift: new Float64Array(number.length),
})

/**
 * Steps are kept as they were logged, but an epoch whose first step is not above the last one before goes on from that. An epoch
 * that logged no step counts as one.
 */
export function placeSteps({ number, firstStep, lastStep }: Spans, before: Reached): Line {
  const places = room(number)
  let { step } = before
  for (let i = 0; i < number.length; i++) {
    const logged = !Number.isNaN(firstStep[i]!)
    const first = logged && firstStep[i]! > step ? firstStep[i]! : step + 1
    const shift = logged ? first - firstStep[i]! : 0
    step = logged ? lastStep[i]! + shift : first
    places.first[i] = first
    places.last[i] = step
    places.shift[i] = shift
  }
  return { places, after: { ...before, step } }
}

/**
 * Seconds of training: from the beginning of the first epoch on, through all that a model was forked from. What lies between a
 * stop and a resume, or between an epoch and a fork of it, does not count; nor what a process takes until its first epoch begins.
 */
export function placeTimes(sessionId: string, { number, started, begun, committed }: Clock, spans: Spans, before: Reached): Line {
  const places = room(number)
  const logged = new Map<number, number>()
  spans.number.forEach((one, i) => logged.set(one, i))
  const known = (...times: readonly (number | undefined)[]) => times.find((time) => Number.isFinite(time))
  let { seconds, shift } = before
  let process: Pick<Reached, 'sessionId' | 'started'> = before
  for (let i = 0; i < number.length; i++) {
    const span = logged.get(number[i]!) ?? -1
    const begin = known(begun[i], spans.firstTime[span], committed[i], spans.lastTime[span])
    const end = known(committed[i], spans.lastTime[span], begin)
    const goesOn = process.sessionId === sessionId && Object.is(process.started, started[i])
    // Also where the machine's clock was put back.
    if (begin !== undefined && (!goesOn || begin + shift < seconds)) shift = seconds - begin
    process = { sessionId, started: started[i]! }
    places.shift[i] = shift
    places.first[i] = begin === undefined ? seconds : begin + shift
    seconds = end === undefined ? places.first[i]! : Math.max(places.first[i]!, end + shift)
    places.last[i] = seconds
  }
  return { places, after: { ...before, ...process, seconds, shift } }
}
