/**
 * What the parser is given: the text at the same offsets, with what its grammar lacks written another way.
 *
 * All of this is common, and without it every such file would hold errors, around which scopes and statements are guesses:
 * brackets around the items of a `with`, `as self.x` and `as (a, b)`, a bare `yield`, numbers such as `5.`, form feeds.
 */
export function parserSource(text: string): string {
  let plain = text
  // Looked for first, because most scripts have neither.
  if (plain.includes('\f')) plain = plain.replaceAll('\f', ' ')
  if (plain.includes('yield')) plain = plain.replace(YIELD, 'Yield') // a name, as good as any value
  plain = plain.replace(POINT, withoutPoint).replace(TARGET, (target) => target.replace(/[()]/g, ' ').replaceAll('.', '_'))
  let source = ''
  let done = 0
  for (const { index, 0: head } of plain.matchAll(WITH)) {
    const open = index + head.length - 1
    if (index < done || !BEFORE_WITH.test(plain.slice(Math.max(0, index - 200), index))) continue
    const header = bracketed(plain, open)
    if (header === undefined) continue
    source += plain.slice(done, open) + header
    done = open + header.length
  }
  return done === 0 ? plain : source + plain.slice(done)
}

/** The same for a notebook's cell: lines of IPython become comments. Undefined for a cell in another language. */
export function cellSource(text: string): string | undefined {
  const [, language] = /^\s*%%(\w*)/.exec(text) ?? []
  if (language !== undefined && !PYTHON_CELLS.has(language)) return undefined
  return parserSource(text.replace(MAGIC, '$1#'))
}

const YIELD = /\byield(?=[ \t]*(?:[\r\n)#\]]|$))/g
const POINT = /\d\.(?![\w.])/g
const TARGET = /\bas[ \t]+(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\([\w, \t]*\))(?=[ \t]*[:,)])/g
const WITH = /\bwith[ \t]*\(/g
const BEFORE_WITH = /(?:^|[\n\r])[ \t]*(?:async[ \t]+)?$/
const MAGIC = /(?<=^|[\n\r])([ \t]*)[%!?]/g
const PYTHON_CELLS: ReadonlySet<string> = new Set(['time', 'timeit', 'capture', 'prun', 'python', 'python3', 'pypy'])
/** A header longer than this is taken for a bracket that nobody closed. */
const LONGEST_HEADER = 20_000
/** One step of a header: a comment, a string (an unclosed one ends with its line), or one character. */
const STEP = /#[^\n\r]*|'''[^]*?'''|"""[^]*?"""|'(?:\\[^]|[^'\\\n\r])*'|"(?:\\[^]|[^"\\\n\r])*"|[^]/y
const COLON = /^(?:[ \t]|\\\r?\n)*:/

/** `5.` becomes `50`, but `block5.` stays. */
function withoutPoint(found: string, at: number, text: string): string {
  return /(?:^|[^\w.])[\d_]*$/.test(text.slice(Math.max(0, at - 40), at)) ? `${found[0]}0` : found
}

/** From the bracket to the one that closes it, as it reads without both; undefined if these are no `with` items, or not closed. */
function bracketed(text: string, open: number): string | undefined {
  let header = ' '
  let depth = 1
  let named = false
  STEP.lastIndex = open + 1
  for (;;) {
    const [step] = STEP.exec(text) ?? []
    if (step === undefined || STEP.lastIndex - open > LONGEST_HEADER) return undefined
    if (step === '(' || step === '[' || step === '{') depth++
    if (step === ')' || step === ']' || step === '}') depth--
    if (depth === 0) return named && COLON.test(text.slice(STEP.lastIndex, STEP.lastIndex + 200)) ? `${header} ` : undefined
    if (depth === 1 && step === 'a' && /\Was\s$/.test(text.slice(STEP.lastIndex - 2, STEP.lastIndex + 2))) named = true
    header += depth === 1 && (step === '\n' || step === '\r') ? ' ' : step.startsWith('#') ? ' '.repeat(step.length) : step
  }
}
