/** Half a character can't be written as UTF-8. */
export const whole = (text: string) => (/\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\uFFFD') : text)

/** As JSON; `-0` is a number of its own to Elasticsearch too. */
export const number = (value: number) => (Object.is(value, -0) ? '-0.0' : `${value}`)

/**
 * Values of sample fields as texts: Elasticsearch keeps each as a text. Texts stand for themselves, all else as its JSON, and so
 * does a text that would be read as something else.
 */
export function encoded(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? number(value) : `"${value}"`
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') {
    const text = whole(value)
    return JSON.stringify(decoded(text) === text ? text : JSON.stringify(text))
  }
  if (typeof value === 'boolean') return String(value)
  return JSON.stringify(whole(JSON.stringify(value)))
}

/** What a text stands for. */
export function decoded(text: string): unknown {
  if (!MAY_BE_JSON.test(text)) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
const MAY_BE_JSON = /^(?:["[{\d-]|true$|false$|null$)/
