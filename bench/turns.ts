import { at } from './figures'

export async function timed(work: () => unknown): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

export const median = (times: readonly number[]) =>
  at(
    times.toSorted((a, b) => a - b),
    0.5,
  )

export interface Turns {
  readonly own: readonly number[]
  readonly floor: readonly number[]
  /** Milliseconds of this process's processor time: with the machine busy these say more than those of the clock. */
  readonly processor: { readonly own: number; readonly floor: number }
  /** Each beside the floor of its own turn: what else the machine does meets both. */
  readonly ratio: number
}

/** Both turn by turn, each of them first as often as the other; a round before the first counts for nothing. Each gives its own milliseconds. */
export async function turns(rounds: number, own: () => Promise<number>, floor: () => Promise<number>): Promise<Turns> {
  const found = { own: [] as number[], floor: [] as number[] }
  const processor = { own: [] as number[], floor: [] as number[] }
  const sides = [
    [found.own, processor.own, own],
    [found.floor, processor.floor, floor],
  ] as const
  for (let round = -1; round < rounds; round++)
    for (const [times, processors, work] of round % 2 === 0 ? sides : sides.toReversed()) {
      const before = process.cpuUsage()
      const ms = await work()
      const { user, system } = process.cpuUsage(before)
      if (round < 0) continue
      times.push(ms)
      processors.push((user + system) / 1000)
    }
  return {
    ...found,
    processor: { own: median(processor.own), floor: median(processor.floor) },
    ratio: median(found.own.map((one, i) => one / found.floor[i]!)),
  }
}
