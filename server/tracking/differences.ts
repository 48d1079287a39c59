import { isObject } from '../json'
import type { Difference, Json, JsonObject } from '../protocol/model'

type Value = Json | undefined

/** Deeper than this a value is shown as one. */
const deepest = 500

interface DifferenceOptions {
  /** Also where they are alike. */
  readonly all?: boolean
  /** Also where one is null and another absent, as in a graph, whose hash knows the two apart. */
  readonly nulls?: boolean
}

/** Where values differ, one value each, null where absent. */
export function differences(values: readonly Value[], options: DifferenceOptions = {}): Difference[] {
  const found: Difference[] = []
  const roots = values.map((value) => value ?? undefined)
  if (roots.some(isObject) && roots.every(isObjectOrAbsent)) members(roots, '', 0)
  else walk(roots, '', 0)
  return found

  function walk(at: readonly Value[], path: string, depth: number): void {
    if (depth < deepest) {
      if (at.every(isObjectOrAbsent) && at.some((value) => isObject(value) && Object.keys(value).length > 0))
        return members(at, path, depth)
      const first = at[0]
      if (Array.isArray(first) && first.length > 0 && at.every((value) => Array.isArray(value) && value.length === first.length)) {
        for (let i = 0; i < first.length; i++) {
          walk(
            at.map((value) => (value as readonly Json[])[i]),
            `${path}[${i}]`,
            depth + 1,
          )
        }
        return
      }
    }
    const shown = at.map((value) => value ?? null)
    const compared = options.nulls ? at : shown
    if (options.all ? at.some((value) => value !== undefined) : compared.some((value) => !sameJson(value, compared[0])))
      found.push({ path, values: shown })
  }

  function members(at: readonly (JsonObject | undefined)[], path: string, depth: number): void {
    const keys = new Set(at.flatMap((value) => (value ? Object.keys(value) : [])))
    for (const key of keys) {
      walk(
        // An inherited property, such as `constructor`, is none of the user's.
        at.map((value) => (value && Object.hasOwn(value, key) ? value[key] : undefined)),
        joinPath(path, key),
        depth + 1,
      )
    }
  }
}

export function sameJson(a: Value, b: Value, depth = 0): boolean {
  if (Object.is(a, b) || a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > 4 * deepest) return false
  if (Array.isArray(a))
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      (a as readonly Json[]).every((item, i) => sameJson(item, (b as readonly Json[])[i], depth + 1))
    )
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key], depth + 1))
}

function isObjectOrAbsent(value: Value): value is JsonObject | undefined {
  return value === undefined || isObject(value)
}

export function joinPath(path: string, key: string): string {
  if (key === '' || /[.[\]]/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path ? `${path}.${key}` : key
}
