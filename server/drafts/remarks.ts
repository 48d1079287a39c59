import type { DraftProblem } from '../protocol/editor'

/** What is to be said about a draft, before it is known where in a text that stands. */
export interface Remark {
  readonly severity: DraftProblem['severity']
  /** Keys and indexes that lead to it; empty: the whole. */
  readonly at: readonly (string | number)[]
  /** It is about the key itself, not its value. */
  readonly ofKey?: boolean
  readonly message: string
  /** Texts that may stand there instead, the likeliest first. */
  readonly instead?: readonly string[]
}

export const pathText = (at: readonly (string | number)[]): string =>
  at.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (part === '' || /[.[\]]/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text ? `${text}.${part}` : part
  }, '')
