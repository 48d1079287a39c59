import type { Json } from '../../server/protocol/model'
import { valueText } from '../parts/format'

/** Rows as CSV (RFC 4180), with every digit, in which a spreadsheet finds no formula. */
export function csv(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')
}

function cell(text: string): string {
  const plain = noFormula(text)
  // Some spreadsheets part cells at semicolons and tabs too.
  return /[",;\t\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** A text that begins like a formula is told apart from one; a number may begin so. */
const noFormula = (text: string) => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text)

/** A value with every digit, empty where there is none. */
export const rawText = (value: Json | undefined) => (value === null || value === undefined ? '' : valueText(value))
