/** Places for the marks of an axis: 1, 2 or 5 times a power of ten apart, at most so many. */
export function ticks(min: number, max: number, most: number, whole = false): number[] {
  if (!(max > min)) return Number.isFinite(min) ? [min] : []
  const step = stepOf((max - min) / Math.max(1, most), whole)
  const found: number[] = []
  const last = Math.floor(max / step + 1e-9)
  for (let i = Math.ceil(min / step - 1e-9); i <= last && found.length <= 2 * most; i++) found.push(exact(i, step))
  return found
}

function stepOf(least: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(least))
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9))! * power
  return whole ? Math.max(1, Math.round(step)) : step
}

/** 3 x 0.1 is 0.3 and not a little more. */
function exact(i: number, step: number): number {
  const digits = -Math.floor(Math.log10(step))
  // Never -0, which is written as such.
  return (digits > 0 && digits <= 100 ? Number((i * step).toFixed(digits)) : i * step) + 0
}

/** Powers of ten, and between them 2 and 5 where there is room; of a stretch within one power, as on an even axis. */
export function logTicks(min: number, max: number, most: number): number[] {
  if (!(min > 0) || !(max > min)) return []
  const from = Math.ceil(Math.log10(min) - 1e-9)
  const to = Math.floor(Math.log10(max) + 1e-9)
  const powers = to - from + 1
  if (powers < 2) {
    const all = [0.1, 0.2, 0.5, 1, 2, 5, 10].map((factor) => factor * 10 ** from).filter((at) => at >= min && at <= max)
    return all.length >= 2 ? all : ticks(min, max, most).filter((at) => at > 0)
  }
  const between = powers * 3 <= most ? [1, 2, 5] : [1]
  const every = Math.max(1, Math.ceil(powers / most))
  const found: number[] = []
  for (let power = from - 1; power <= to; power++)
    for (const factor of between) {
      const at = factor * 10 ** power
      if (at >= min && at <= max && (power - from) % every === 0) found.push(at)
    }
  return found
}

const formats = new Map<string, Intl.NumberFormat>()
function format(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${language} ${options.notation ?? ''} ${options.minimumFractionDigits ?? ''} ${options.maximumFractionDigits ?? ''}`
  let made = formats.get(key)
  if (!made) formats.set(key, (made = new Intl.NumberFormat(language, options)))
  return made
}

/** What stands at the marks: short, and no two alike. */
export function tickTexts(at: readonly number[], language: string): string[] {
  if (at.length === 0) return []
  const largest = Math.max(...at.map(Math.abs))
  const step = at.length > 1 ? Math.min(...at.slice(1).map((one, i) => Math.abs(one - at[i]!))) : largest
  const digitsOf = (unit: number) => Math.min(20, Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9)))
  if (largest >= 1e4 && largest < 1e15 && step >= 1) {
    const unit = 1000 ** Math.floor(Math.log10(largest) / 3)
    const made = format(language, { notation: 'compact', maximumFractionDigits: digitsOf(unit) })
    return at.map((one) => made.format(one))
  }
  if (largest > 0 && (largest >= 1e15 || step < 1e-6)) {
    const digits = Math.min(15, Math.max(0, Math.floor(Math.log10(largest)) - Math.floor(Math.log10(step) + 1e-9)))
    return at.map((one) => (one === 0 ? '0' : one.toExponential(digits).replace('e+', 'e')))
  }
  // Powers of ten far apart: each as short as it can be.
  const spread = at.some((one) => one > 0 && one / step > 50) && at.length > 1 && at[1]! / at[0]! >= 2 && at[0]! > 0
  if (spread) return at.map((one) => (one < 1e-4 ? one.toExponential(0) : format(language, { maximumFractionDigits: 4 }).format(one)))
  const digits = digitsOf(1)
  const made = format(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return at.map((one) => made.format(one))
}

/** How an axis of seconds is written. */
export type TimeUnit = 's' | 'min' | 'h' | 'd'
export const secondsOf: Readonly<Record<TimeUnit, number>> = { s: 1, min: 60, h: 3600, d: 86_400 }
export const timeUnit = (seconds: number): TimeUnit => (seconds <= 180 ? 's' : seconds <= 10_800 ? 'min' : seconds <= 345_600 ? 'h' : 'd')

/** What an axis shows of values: a little more than they span, also of a single one. */
export function limits(low: number, high: number, log: boolean): readonly [number, number] {
  if (!(high >= low)) return log ? [0.1, 1] : [0, 1]
  if (log) {
    const margin = high > low ? (high / low) ** 0.05 : 2
    return [Math.max(low / margin, Number.MIN_VALUE), Math.min(high * margin, Number.MAX_VALUE)]
  }
  // So that their difference is still a number.
  const from = Math.max(low, -8e307)
  const to = Math.min(high, 8e307)
  const margin = to > from ? (to - from) * 0.05 : Math.abs(to) * 0.1 || 1
  return [from - margin, to + margin]
}
