/** Columns as they lie in a chunk: little-endian typed arrays. */

export const bytesOf = (array: Float64Array | Uint32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

export function float64(blob: Uint8Array): Float64Array {
  const aligned = blob.byteOffset & 7 ? blob.slice() : blob
  return new Float64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 3)
}

export function uint32(blob: Uint8Array): Uint32Array {
  const aligned = blob.byteOffset & 3 ? blob.slice() : blob
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2)
}

/** Evenly spaced steps need no column: first, last and count say it all. */
export function packSteps(steps: Float64Array): Uint8Array | null {
  const distance = steps.length > 1 ? steps[1]! - steps[0]! : 0
  for (let i = 1; i < steps.length; i++) if (steps[i]! - steps[i - 1]! !== distance) return bytesOf(steps)
  return null
}

export function unpackSteps(into: Float64Array, at: number, n: number, first: number | null, last: number | null, blob: Uint8Array | null) {
  if (first === null || last === null) into.fill(Number.NaN, at, at + n)
  else if (blob) into.set(float64(blob), at)
  else {
    const distance = n > 1 ? (last - first) / (n - 1) : 0
    for (let i = 0; i < n; i++) into[at + i] = first + i * distance
  }
}

/** Smallest and largest of a column, and whether no value is smaller than the one before. */
export function extent(column: Float64Array): { readonly least: number; readonly most: number; readonly rising: boolean } {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let rising = true
  for (let i = 0; i < column.length; i++) {
    const one = column[i]!
    if (one < most) rising = false
    if (one < least) least = one
    if (one > most) most = one
  }
  return { least, most, rising }
}

export interface Header {
  readonly lastStep: number | null
  readonly last: number
  readonly low: number | null
  readonly high: number | null
  /** Values that are NaN or infinite. */
  readonly gaps: number
}

/** What answers "last value" and overview charts without opening the column. */
export function header(values: Float64Array, steps: Float64Array | null): Header {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  let at = values.length - 1
  let gaps = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) gaps++
    if (value < low) low = value
    if (value > high) high = value
    // The highest step counts; of equal ones the last logged.
    if (steps && steps[i]! >= steps[at]! && (steps[i]! > steps[at]! || i > at)) at = i
  }
  const some = low <= high
  return { lastStep: steps ? steps[at]! : null, last: values[at]!, low: some ? low : null, high: some ? high : null, gaps }
}

/** A column of a sample field: numbers with a map of which are null, or a dictionary of JSON values with codes. */
export type SampleColumn =
  | { readonly numbers: Float64Array; readonly nulls: Uint8Array | null }
  | { readonly codes: Uint32Array; readonly dictionary: readonly unknown[] }

const SPECIAL = new Map<unknown, number>([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

export function sampleColumn(values: readonly unknown[]): SampleColumn {
  const numbers = new Float64Array(values.length)
  let nulls: Uint8Array | null = null
  let numeric = true
  for (let i = 0; i < values.length && numeric; i++) {
    const value = values[i]
    if (typeof value === 'number') numbers[i] = value
    else if (value === null || value === undefined) {
      nulls ??= new Uint8Array(values.length)
      nulls[i] = 1
      numbers[i] = Number.NaN
    } else {
      const special = SPECIAL.get(value)
      if (special === undefined) numeric = false
      else numbers[i] = special
    }
  }
  if (numeric) return { numbers, nulls }
  const seen = new Map<string, number>()
  const dictionary: unknown[] = []
  const codes = new Uint32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null
    const key = JSON.stringify(value)
    let code = seen.get(key)
    if (code === undefined) {
      seen.set(key, (code = dictionary.length))
      dictionary.push(value)
    }
    codes[i] = code
  }
  return { codes, dictionary }
}
