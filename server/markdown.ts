import type { Json, JsonNumber } from './protocol/model'
import { number } from './cli/text/terminal'

/** Text of unknown origin as Markdown shows it: literally, on one line, without hidden characters. */
export function literal(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text
  return cut
    .replaceAll(/(?![‌‍])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(/[\\`*_{}[\]()#+\-.!|<>~&$:@/"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** A value of settings: JSON, as it would be written. */
export const valueText = (value: Json, max = 80): string =>
  literal(typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? 'null'), max)

/** Opens something in the editor; only for clients that said they run such links. */
export const commandLink = (title: string, command: string, ...args: readonly Json[]): string =>
  `[${title}](command:${command}?${encodeURIComponent(JSON.stringify(args))})`

export function tableOf(head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (right.includes(i) ? '---:' : '---'))), ...rows.map(line)].join('\n')
}

/** Words that stay on one line in a narrow table. */
export const together = (text: string): string => text.replaceAll(' ', '&nbsp;')

/** The change from one value to another, with its sign. */
export function changeText(from: JsonNumber | undefined, to: JsonNumber): string {
  const change = Number(to) - Number(from ?? Number.NaN)
  if (!Number.isFinite(change)) return ''
  return change === 0 ? '±0' : `${change > 0 ? '+' : '−'}${number(Math.abs(change))}`
}
