export { root } from '../scripts/vscode/root'

export interface Figure {
  readonly what: string
  readonly measured: number
  readonly unit: string
  readonly target: number
  /** Whether the target is the most or the least. */
  readonly bound: 'at most' | 'at least'
  readonly floor: string
}
export const figures: Figure[] = []

export function figure(what: string, measured: number, unit: string, target: number, floor: string, bound: Figure['bound'] = 'at most') {
  const one: Figure = { what, measured, unit, target, bound, floor }
  figures.push(one)
  const met = bound === 'at most' ? measured <= target : measured >= target
  console.log(
    `${met ? 'met   ' : 'MISSED'}  ${what.padEnd(62)} ${text(measured).padStart(10)} ${unit.padEnd(9)} ${bound} ${text(target).padEnd(9)}  floor: ${floor}`,
  )
}

export const text = (value: number) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))

/** The value below which a share of the sorted ones lies. */
export const at = (sorted: readonly number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
