import { type Figure, toNumber } from '../../json'

type Paint = (text: string) => string
export interface Style {
  readonly colours: boolean
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly blue: Paint
  readonly magenta: Paint
  readonly cyan: Paint
}
export type Align = 'left' | 'right'

const style = (colours: boolean): Style => {
  const paint =
    (open: number, close: number): Paint =>
    (text) =>
      colours && text !== '' ? `\x1b[${open}m${text}\x1b[${close}m` : text
  return {
    colours,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    blue: paint(34, 39),
    magenta: paint(35, 39),
    cyan: paint(36, 39),
  }
}
export const plain = style(false)
export const coloured = style(true)

/** As Node does: FORCE_COLOR goes before NO_COLOR, which goes before what the terminal is. */
export function styleFor(stream: { readonly isTTY?: boolean | undefined }, env: Readonly<Record<string, string | undefined>>): Style {
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force === '0' || force === 'false' ? plain : coloured
  if (env['NO_COLOR'] || env['TERM'] === 'dumb') return plain
  return stream.isTTY ? coloured : plain
}

// Made when the first text is not plain ASCII, as most are.
let segmenter: Intl.Segmenter | undefined
const clusters = (text: string) => (segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })).segment(text)
const printable = /^[\x20-\x7e]*$/
const ownColours = /\x1b\[\d+m/g
const invisible = /^[\p{M}\p{Cf}]*$/u
const wide =
  /\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]/u

const clusterWidth = (cluster: string) => (invisible.test(cluster) ? 0 : wide.test(cluster) ? 2 : 1)

/** Columns that the text takes on a terminal; our own colours take none. */
export function width(text: string): number {
  const bare = text.replace(ownColours, '')
  if (printable.test(bare)) return bare.length
  let columns = 0
  for (const { segment } of clusters(bare)) columns += clusterWidth(segment)
  return columns
}

// Everything that could move the cursor, break the line, reorder the text or hide in it.
// The two joiners are spared: scripts and emoji need them.
const hostile = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
const escape = (char: string) => {
  const point = char.codePointAt(0) ?? 0
  return shortEscapes[char] ?? (point < 256 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`)
}

/** Text of unknown origin, made harmless for a terminal and at most `max` columns wide. */
export function safe(text: string, max = 200): string {
  // Cut first, so that megabytes cost nothing; one column never needs this many code units.
  const start = text.slice(0, max * 16 + 16)
  if (printable.test(start)) return start.length <= max ? start : `${start.slice(0, Math.max(0, max - 1))}…`
  // A letter under a tower of combining marks would paint over the lines above it.
  const tamed = start.replace(/(\p{M}{4})\p{M}+/gu, '$1')
  let shown = ''
  let columns = 0
  let room = ''
  for (const { segment } of clusters(tamed)) {
    const piece = segment.replace(hostile, escape)
    columns += width(piece)
    if (columns > max) return `${room}…`
    shown += piece
    if (columns < max) room = shown
  }
  return start.length < text.length ? `${room}…` : shown
}

export interface TableOptions {
  readonly align?: readonly Align[]
  readonly indent?: number
  /** Of the terminal; without it the table is as wide as it is. */
  readonly columns?: number | undefined
  /** What is left away first, and next, where the terminal is too narrow for all. */
  readonly expendable?: readonly number[]
}

/** Aligned columns; cells may hold our own colours. No line ends in spaces. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, width(cell))
    })
  const left = new Set<number>()
  const room = () => widths.reduce((sum, one, i) => (left.has(i) ? sum : sum + one + 2), (options.indent ?? 0) - 2)
  for (const column of options.expendable ?? []) if (options.columns !== undefined && room() > options.columns) left.add(column)
  const indent = ' '.repeat(options.indent ?? 0)
  return rows
    .map((row) => {
      const cells = row.flatMap((cell, i) => {
        if (left.has(i)) return []
        const fill = ' '.repeat((widths[i] ?? 0) - width(cell))
        return options.align?.[i] === 'right' ? fill + cell : cell + fill
      })
      return (indent + cells.join('  ')).trimEnd()
    })
    .join('\n')
}

/** Smallest and largest of the finite values, or null. A loop: a spread of a million arguments would overflow the stack. */
export function rangeOf(values: Iterable<number>): readonly [number, number] | null {
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : null
}

/** Where a value lies between the ends, 0 to 1. Halves keep the widest of ranges from overflowing; a flat one is its middle. */
export const position = (value: number, [low, high]: readonly [number, number]): number =>
  high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5

const bars = '▁▂▃▄▅▆▇█'

/** At most `columns` bars; more values than that are averaged, what is not finite is a gap. */
export function sparkline(values: readonly Figure[], columns: number): string {
  const count = Math.min(values.length, Math.max(0, Math.floor(columns)))
  const means = Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count)
    const bucket = values
      .slice(from, Math.floor(((i + 1) * values.length) / count))
      .map(toNumber)
      .filter(Number.isFinite)
    return bucket.reduce((sum, value) => sum + value / bucket.length, bucket.length ? 0 : NaN)
  })
  const range = rangeOf(means)
  if (!range) return ' '.repeat(count)
  return means.map((mean) => (Number.isFinite(mean) ? bars[Math.min(7, Math.floor(position(mean, range) * 8))] : ' ')).join('')
}

/** Both in seconds since 1970. */
export function relativeTime(seconds: number | null, now: number): string {
  if (seconds === null || !Number.isFinite(seconds)) return '-'
  const age = Math.abs(now - seconds)
  const say = (text: string) => (seconds > now ? `in ${text}` : `${text} ago`)
  if (age < 10) return 'just now'
  if (age < 60) return say(`${Math.floor(age)} s`)
  if (age < 3600) return say(`${Math.floor(age / 60)} min`)
  if (age < 86400) return say(`${Math.floor(age / 3600)} h`)
  if (age < 30 * 86400) return say(plural(Math.floor(age / 86400), 'day'))
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString().slice(0, 10)
}

export function bytes(n: number | null): string {
  if (n === null || !Number.isFinite(n)) return '-'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = n
  let unit = 0
  // 1023.95 and up would be shown as 1024.0.
  while (Math.abs(value) >= (unit ? 1023.95 : 1024) && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1).replace(/\.0$/, '')} ${units[unit]}`
}

let thousands: Intl.NumberFormat | undefined
const grouped = (n: number) =>
  Number.isInteger(n) && n >= 0 && n < 1000
    ? String(n)
    : (thousands ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })).format(n)

/** For screens: integers whole, others to four significant digits. */
export function number(value: Figure): string {
  if (value === null || value === undefined) return '-'
  const n = Number(value)
  if (!Number.isFinite(n)) return String(n)
  const size = Math.abs(n)
  if (size === 0) return '0'
  if (size >= 1e15 || size < 1e-4)
    return n
      .toExponential(3)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
  return Number.isInteger(n) || size >= 1000 ? grouped(n) : String(Number(n.toPrecision(4)))
}

/** 0.257 is 25.7%. */
export const percent = (fraction: number): string =>
  !Number.isFinite(fraction)
    ? '-'
    : Math.abs(fraction) >= 10
      ? `${grouped(fraction * 100)}%`
      : `${(fraction * 100).toFixed(1).replace(/^-0\.0$/, '0.0')}%`

export const plural = (count: number, word: string): string => `${grouped(count)} ${word}${count === 1 ? '' : 's'}`

/** Columns of a sentence beside the answer: an error, or a note. */
export const LONGEST_NOTE = 4000
/** Says something beside the answer. */
export const note = (text: string): void => void process.stderr.write(`epochtree: ${safe(text, LONGEST_NOTE)}\n`)
