import { EpochtreeError } from './errors'
import type { Json, JsonNumber, JsonObject } from './protocol/model'

const deepest = 1000
const DEEPEST_SETTING = 100

/** Whether whatever walks through the value level by level will come to an end of it before the stack does. */
export function isShallow(value: unknown, levels = DEEPEST_SETTING): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  return Array.isArray(value)
    ? (value as readonly unknown[]).every((item) => typeof item !== 'object' || isShallow(item, levels - 1))
    : Object.values(value).every((item) => isShallow(item, levels - 1))
}

/** A value takes up to 64 bytes of memory, and two in its text. */
const MOST_PARTS = 20_000_000
const MOST_ITEMS = 100_000_000

/** Parses a text that may be large and comes from nobody knows where: what is small as a text may fill the memory. */
export function parseLarge(bytes: Uint8Array): unknown {
  let [parts, items] = [0, 0]
  for (const byte of bytes)
    if (byte === 0x5b || byte === 0x7b || byte === 0x3a) parts++
    else if (byte === 0x2c) items++
  if (parts > MOST_PARTS || items > MOST_ITEMS)
    throw new EpochtreeError(
      'bad-graph',
      `The JSON holds more than ${MOST_PARTS.toLocaleString('en')} lists, objects and fields. Give a smaller one.`,
    )
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 8785. `depth` is that of a value inside a larger one, whose parts are written one by one. */
export function canonicalJson(value: Json, depth = 0): string {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new EpochtreeError('bad-graph', 'JSON has no NaN or infinite numbers. Write them as the strings "NaN", "Infinity", "-Infinity".')
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (depth >= deepest)
    throw new EpochtreeError(
      'bad-graph',
      `The JSON is nested deeper than ${deepest} levels. Flatten it, for example by naming nodes instead of nesting them.`,
    )
  let written = ''
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) written += (written && ',') + canonicalJson(item, depth + 1)
    return `[${written}]`
  }
  const object = value as JsonObject
  // The default order is that of UTF-16 code units, as the RFC asks.
  for (const key of Object.keys(object).sort()) {
    const item = object[key]
    if (item !== undefined) written += `${written && ','}${text(key)}:${canonicalJson(item, depth + 1)}`
  }
  return `{${written}}`
}

function text(value: string): string {
  const written = JSON.stringify(value)
  // Half a character can't be written as UTF-8, so it has no hash; the first test spares the second for nearly all strings.
  if (written.includes('\\ud') && /\p{Surrogate}/u.test(value)) {
    throw new EpochtreeError(
      'bad-graph',
      `The text ${written.slice(0, 80)} holds half of a UTF-16 character. Write it in whole characters.`,
    )
  }
  return written
}

/** A number as it travels; NaN and infinities are strings there. */
export function parseNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined
}

/** A number as documents have it, or none. */
export type Figure = JsonNumber | null | undefined

/** The number that travelled as JSON; NaN where there is none. */
export const toNumber = (value: Figure): number => (value === null || value === undefined ? NaN : Number(value))

export function jsonNumber(value: number): JsonNumber {
  return Number.isFinite(value) ? value : (String(value) as JsonNumber)
}

/** Objects merge, all else of `b` replaces. */
export function mergeDeep(a: JsonObject, b: JsonObject): JsonObject {
  const merged = new Map(Object.entries(a))
  for (const [key, value] of Object.entries(b)) {
    const old = merged.get(key)
    merged.set(key, isObject(old) && isObject(value) ? mergeDeep(old, value) : value)
  }
  // Unlike an assignment, this makes an own property of a key `__proto__` too.
  return Object.fromEntries(merged)
}

/** A copy of `object` with the value at a path such as `optimizer.lr`, `layers.0`, `layers[0]` or `["a.b"].c`. */
export function setPath(object: JsonObject, path: string, value: Json): JsonObject {
  const parts = pathParts(path)
  if (!parts.length || parts.includes('') || path.startsWith('.'))
    throw new EpochtreeError('bad-argument', `"${path}" is no path to a value. Write keys with dots between them, such as optimizer.lr.`)
  return put(object, parts, 0, value, path) as JsonObject
}

/**
 * `overrides` with one more setting. A path into a list replaces the whole list, taken from the values in use, because lists don't merge.
 */
export function setOverride(overrides: JsonObject, inUse: JsonObject, path: string, value: Json): JsonObject {
  const merged = setPath(mergeDeep(inUse, overrides), path, value)
  const parts = pathParts(path)
  const upTo = parts.findIndex((_, i) => Array.isArray(at(merged, parts.slice(0, i)))) // the list itself
  const kept = upTo < 0 ? parts : parts.slice(0, upTo)
  return put(overrides, kept, 0, at(merged, kept) ?? null, path) as JsonObject
}

const at = (value: Json | undefined, parts: readonly (string | number)[]): Json | undefined =>
  parts.reduce<Json | undefined>(
    (inner, part) =>
      Array.isArray(inner)
        ? (inner as readonly Json[])[Number(part)]
        : isObject(inner) && Object.hasOwn(inner, part)
          ? inner[part]
          : undefined,
    value,
  )

function put(at: Json | undefined, parts: readonly (string | number)[], index: number, value: Json, path: string): Json {
  const part = parts[index]
  if (part === undefined) return value
  if (Array.isArray(at)) {
    const place = Number(part)
    if (!/^\d+$/.test(String(part)) || place > at.length) {
      throw new EpochtreeError(
        'bad-argument',
        `"${path}": the list there has no place "${part}". Give an index from 0 to ${at.length}, or the whole list as JSON.`,
      )
    }
    const list = [...(at as readonly Json[])]
    list[place] = put(list[place], parts, index + 1, value, path)
    return list
  }
  // Made into an object here, it would quietly replace the script's own list.
  if (typeof part === 'number')
    throw new EpochtreeError('bad-argument', `"${path}": there is no list to take place [${part}] of. Give the whole list as JSON.`)
  const entries = new Map<string, Json>(isObject(at) ? Object.entries(at) : [])
  entries.set(part, put(entries.get(part), parts, index + 1, value, path))
  return Object.fromEntries(entries)
}

function pathParts(path: string): readonly (string | number)[] {
  const tokens = [...path.matchAll(/(?:^|\.)([^.[\]]+)|(?:\[(\d+)\])|(\["(?:[^"\\]|\\.)*"\])/gy)]
  // Keys with brackets of their own are not paths: only the dots part them.
  if (tokens.reduce((sum, token) => sum + token[0].length, 0) !== path.length) return path.split('.')
  try {
    return tokens.map(
      ([, key, index, quoted]) => key ?? (index === undefined ? (JSON.parse(quoted ?? '[""]') as [string])[0] : Number(index)),
    )
  } catch {
    return path.split('.')
  }
}
