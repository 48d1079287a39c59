import { createHash } from 'node:crypto'
import { EpochtreeError } from '../../errors'
import type { DocumentColumns, MetricColumns, SampleColumns } from '../team/ports'
import { indexOf, isId, keyOf, LARGEST_VALUE, termOf } from './layout'
import { encoded, number } from './values'

/** Documents of one index, each as the two lines of a bulk request. */
export interface Rows {
  readonly index: string
  readonly count: number
  readonly line: (row: number) => string
}

/** The documents that these columns stand for. Each is made when it is asked for, so that none waits in memory. */
export function rowsOf(prefix: string, columns: DocumentColumns): Rows {
  for (const id of [columns.epochId, columns.sessionId, ...(columns.source === '' ? [] : [columns.source])])
    if (!isId(id)) throw new EpochtreeError('bad-argument', `"${id.slice(0, 40)}" is no id of 24 hexadecimal digits.`)
  const index = indexOf(prefix, columns.epochId)
  return columns.kind === 'metric' ? metricRows(index, columns) : sampleRows(index, columns)
}

/** 20 characters that tell a curve or line from all others. */
const identity = (parts: readonly (string | number)[]) =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 20)

const begin = (kind: string, { epochId, sessionId, number, source, split }: DocumentColumns) =>
  `{"kind":"${kind}","epoch":"${epochId}","session":"${sessionId}","number":${number},"source":"${source}","split":${JSON.stringify(termOf(split))}`

const ROLES = ['inner', 'outer', 'falls', 'last'] as const

function metricRows(index: string, columns: MetricColumns): Rows {
  const { epochId, source, split, name, level, from, steps, values, times } = columns
  const id = identity([epochId, source, 'metric', split, name, level])
  const same = `${begin('metric', columns)},"name":${JSON.stringify(termOf(name))}`
  const roles = rolesOf(steps, values, times)
  return {
    index,
    count: values.length,
    line: (row) => {
      const at = from + row
      const value = values[row]!
      return `{"create":{"_id":"${id}.${at}"}}\n${same}${steps ? `,"step":${number(steps[row]!)}` : ''}${
        Number.isFinite(value) ? `,"value":${number(value)}` : `,"special":"${value}"`
      }${Number.isFinite(times[row]!) ? `,"time":${number(times[row]!)}` : ''},"at":${at},"role":"${ROLES[roles[row]!]}"}\n`
    },
  }
}

/**
 * What is outermost in a curve is outermost in each part of it that holds it, and so marked however the curve was parted, or parted anew
 * after a stop. Some marks too many do no harm. Where steps do not rise two points show it.
 */
export function rolesOf(steps: Float64Array | null, values: Float64Array, times: Float64Array): Uint8Array {
  const n = values.length
  const roles = new Uint8Array(n)
  if (n === 0) return roles
  let [low, high, gap, first, last, early, late, falls] = [-1, -1, -1, 0, n - 1, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) {
      if (gap < 0) gap = i
    } else {
      if (low < 0 || value < values[low]!) low = i
      if (high < 0 || value > values[high]!) high = i
    }
    // Of several at one place the one logged last counts.
    if (times[i]! <= times[early]!) early = i
    if (times[i]! >= times[late]!) late = i
  }
  if (steps) {
    last = 0
    for (let i = 1; i < n; i++) {
      if (steps[i]! <= steps[first]!) first = i
      if (steps[i]! >= steps[last]!) last = i
      if (falls === 0 && steps[i]! < steps[i - 1]!) falls = i
    }
  }
  // The first as it was logged stands for all, and the last tells how many there are.
  for (const place of [low, high, gap, first, early, late, 0, n - 1, falls - 1]) if (place >= 0) roles[place] = 1
  if (falls > 0) roles[falls] = 2
  roles[last] = 3
  return roles
}

function sampleRows(index: string, columns: SampleColumns): Rows {
  const { epochId, source, ordinal, from, fields } = columns
  const id = identity([epochId, source, 'samples', ordinal])
  const given = [...fields]
  const names = given.map(([name]) => termOf(name))
  const numeric = given.flatMap(([name, values]) => (isNumeric(values) ? [termOf(name)] : []))
  const same = `${begin('sample', columns)},"line":${ordinal},"names":${JSON.stringify(names)},"numeric":${JSON.stringify(numeric)}`
  const keys = given.map(([name]) => `${JSON.stringify(keyOf(name))}:`)
  const values = given.map(([, column]) => column)
  return {
    index,
    count: values[0]?.length ?? 0,
    line: (row) => {
      let [text, large] = ['', '']
      for (let i = 0; i < keys.length; i++) {
        const json = encoded(values[i]![row])
        text += `${i > 0 ? ',' : ''}${keys[i]}${json}`
        // As short as JSON, it is no longer by itself.
        if (json.length > LARGEST_VALUE && isLarge(json)) large += `${large && ','}${JSON.stringify(names[i])}`
      }
      const at = from + row
      return `{"create":{"_id":"${id}.${at}"}}\n${same},"row":${at}${large && `,"large":[${large}]`},"fields":{${text}}}\n`
    },
  }
}

const isLarge = (json: string) => json.startsWith('"') && (JSON.parse(json) as string).length > LARGEST_VALUE

/** As a line's column counts as numbers in the embedded store. */
export const isNumeric = (values: readonly unknown[]) =>
  values.every(
    (value) =>
      typeof value === 'number' ||
      value === null ||
      value === undefined ||
      value === 'NaN' ||
      value === 'Infinity' ||
      value === '-Infinity',
  )
