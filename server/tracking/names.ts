const refused = /[@~\p{Cc}\p{Cs}]/gu
const hexAlone = /^[0-9a-f]{6,}$/i
// Not trim(): Python's strip(), which mends names on the engine's side, leaves the byte order mark alone.
const outerSpace = /^\p{White_Space}+|\p{White_Space}+$/gu

/** Why a session can't be called so; undefined if it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'A name has at least one character.'
  const [found] = name.match(refused) ?? []
  if (found === '@' || found === '~') return `A session's name holds no "${found}", which parts a reference. Leave it out or write "-" instead.`
  if (found !== undefined) return 'A session\'s name holds no control characters and no halves of characters. Leave them out.'
  if (name.search(outerSpace) >= 0) return "A session's name has no space at its ends. Leave it out."
  if (hexAlone.test(name)) return `Six or more hex digits alone would be read as an id. Write more than them, such as "model-${name.slice(0, 40)}".`
  return undefined
}

/** The session's name that a model's name gives; the Python package does the same. */
export function mendName(modelName: string): string {
  const name = modelName.normalize('NFC').replace(refused, '-').replace(outerSpace, '')
  if (name === '') return 'model'
  return hexAlone.test(name) ? `model-${name}` : name
}
