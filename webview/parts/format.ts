import type { Json, JsonNumber } from '../../server/protocol/model'

const DIGITS = 5

const FORMATS = { short: { maximumSignificantDigits: DIGITS }, share: { style: 'percent', maximumFractionDigits: 1 } } as const
const made = new Map<string, Intl.NumberFormat>()
/** Kept: to make one takes far longer than to use it. */
function format(language: string, kind: keyof typeof FORMATS): Intl.NumberFormat {
  const key = `${kind} ${language}`
  let one = made.get(key)
  if (!one) made.set(key, (one = new Intl.NumberFormat(language, FORMATS[kind])))
  return one
}

export function fill(text: string, ...values: readonly (string | number)[]): string {
  return text.replaceAll(/\{(\d)\}/g, (whole, place: string) => (values[Number(place)] ?? whole) as string)
}

/** A value as short as its reader needs it. */
export function short(value: JsonNumber, language: string): string {
  if (typeof value === 'string') return value === 'NaN' ? 'NaN' : value.replace('Infinity', '∞')
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(DIGITS - 2).replace(/\.?0+e/, 'e')
  if (Number.isInteger(value)) return value.toLocaleString(language)
  return format(language, 'short').format(value)
}

export const whole = (value: number | null, language: string) => (value === null ? '–' : value.toLocaleString(language))

export const share = (part: number, all: number, language: string) => format(language, 'share').format(all === 0 ? 0 : part / all)

/** How far a value is from an earlier one, with its sign; undefined where a difference has no meaning. */
export function change(from: JsonNumber, to: JsonNumber, language: string): { by: string; share: string } | undefined {
  if (typeof from === 'string' || typeof to === 'string') return undefined
  const difference = to - from
  if (!Number.isFinite(difference)) return undefined
  if (difference === 0) return { by: '±0', share: '' }
  const sign = difference > 0 ? '+' : '−'
  const relative = from === 0 ? '' : `(${sign}${share(Math.abs(difference), Math.abs(from), language)})`
  return { by: `${sign}${short(Math.abs(difference), language)}`, share: relative }
}

export function bytes(count: number, language: string): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let size = count
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${size.toLocaleString(language, { maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`
}

export const shapeText = (shape: readonly number[]) => (shape.length === 1 ? `[${shape[0]}]` : shape.join('×'))

export const moment = (seconds: number, language: string) =>
  new Date(seconds * 1000).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' })

export function valueText(value: Json | undefined): string {
  if (value === undefined || value === null) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths and values of settings; nested ones with dots, as `--set` takes them. */
export function settings(value: { readonly [key: string]: Json }, prefix = ''): (readonly [path: string, value: Json])[] {
  return Object.entries(value).flatMap(([key, inner]): (readonly [string, Json])[] => {
    const path = key === '' || /[.[\]]/.test(key) ? `${prefix}[${JSON.stringify(key)}]` : prefix ? `${prefix}.${key}` : key
    return isObject(inner) && Object.keys(inner).length > 0 && path.length < 300 ? settings(inner, path) : [[path, inner]]
  })
}
