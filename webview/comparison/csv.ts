import type { Json } from '../../server/protocol/model'
import { valueText } from '../parts/format'

/** Rows as CSV (RFC 4180), with every digit. */
export function csv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return rows.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')
}

/** A value with every digit, empty where there is none. */
export const rawText = (value: Json | undefined) => (value === null || value === undefined ? '' : valueText(value))
