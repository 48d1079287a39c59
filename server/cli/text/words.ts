import type { EpochName, Json, JsonObject, Status } from '../../protocol/model'
import { number, safe, type Style } from './terminal'

/** The end of an id tells more than its start: ids of one minute begin alike. */
export const shortId = (id: string): string => safe(id.slice(-6), 6)

export const epochText = (epoch: EpochName | null): string => (epoch ? `${epoch.number} (${shortId(epoch.id)})` : '-')

export function statusText(status: Status, style: Style): string {
  const paint = {
    created: style.dim,
    running: style.cyan,
    interrupted: style.yellow,
    completed: style.green,
    stopped: style.yellow,
    failed: style.red,
  }[status]
  return paint ? paint(status) : safe(status, 12)
}

/** A value in a line of text: shapes as 64×3×3, what is absent as a dash. */
export function valueText(value: Json | undefined, max = 40): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 10_000 ? String(value) : number(value)
  if (isShape(value)) return safe(value.length === 1 ? `[${value[0]}]` : value.join('×'), max)
  return safe(typeof value === 'string' ? value : JSON.stringify(value), max)
}

export const isShape = (value: Json | undefined): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.length <= 8 && value.every((size) => Number.isInteger(size))

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths and values of settings, nested ones with dots, as --set takes them. */
export function settings(value: JsonObject, prefix = ''): readonly (readonly [string, Json])[] {
  return Object.entries(value).flatMap(([key, inner]): readonly (readonly [string, Json])[] =>
    isObject(inner) && Object.keys(inner).length && prefix.length < 200 ? settings(inner, `${prefix}${key}.`) : [[prefix + key, inner]],
  )
}
