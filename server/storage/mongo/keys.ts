/** What not every server takes in a field's name. `%` begins what stands for another. */
const REFUSED = /[.$%\0]/g
const WRITTEN = /%([0-9A-F]{2})/g
/** Levels of a document. Servers take a hundred or more, and a little is needed around it. */
const DEEPEST = 90

export const encodeKey = (key: string) => key.replace(REFUSED, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
export const decodeKey = (key: string) => key.replace(WRITTEN, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))

/** The value with all its keys as a document may have them. What needs no change is the same object. */
export const encodeKeys = (value: unknown): unknown => withKeys(value, encodeKey)
export const decodeKeys = (value: unknown): unknown => withKeys(value, decodeKey)

function withKeys(value: unknown, change: (key: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map((item) => withKeys(item, change))
    return items.every((item, i) => item === value[i]) ? value : items
  }
  const entries = Object.entries(value)
  let same = true
  const changed = entries.map(([key, item]) => {
    const [newKey, newItem] = [change(key), withKeys(item, change)] as const
    same &&= newKey === key && newItem === item
    return [newKey, newItem] as const
  })
  // Unlike assignments, this makes an own property of a key `__proto__` too.
  return same ? value : Object.fromEntries(changed)
}

/** Whether a value is nested no deeper than a document may be. */
export function isShallowEnough(value: unknown, levels = DEEPEST): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((item) => isShallowEnough(item, levels - 1))
}
