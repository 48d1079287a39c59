const WORD = /([^\s=]+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}|\S+)(?=\s|$)/gy

/** `lr=0.01 name="a b" layers=[1, 2]` as one word each; undefined where something is not of the form `key=value`. */
export function settingWords(text: string): string[] | undefined {
  const words: string[] = []
  const rest = text.trim()
  let at = 0
  while (at < rest.length) {
    WORD.lastIndex = at
    const found = WORD.exec(rest)
    if (!found) return undefined
    words.push(found[0])
    at = WORD.lastIndex
    while (at < rest.length && /\s/.test(rest[at]!)) at++
  }
  return words
}
