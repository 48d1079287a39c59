/**
 * What the parser is given: the text at the same offsets, with what its grammar lacks written another way.
 *
 * Brackets around the items of a `with` become spaces; they are common in long headers, and without this every such file would be full of errors.
 */
export function parserSource(text: string): string {
  let source = ''
  let done = 0
  for (const { index, 0: head } of text.matchAll(WITH)) {
    const open = index + head.length - 1
    if (index < done || commented(text, index)) continue
    const header = bracketed(text, open)
    if (header === undefined) continue
    source += text.slice(done, open) + header
    done = open + header.length
  }
  return done === 0 ? text : source + text.slice(done)
}

/** The same for a notebook's cell: lines of IPython become comments. Undefined for a cell in another language. */
export function cellSource(text: string): string | undefined {
  const [, language] = /^\s*%%(\w*)/.exec(text) ?? []
  if (language !== undefined && !PYTHON_CELLS.has(language)) return undefined
  return parserSource(text.replace(MAGIC, '$1#'))
}

const WITH = /(?<=^|[\n\r;:])[ \t]*(?:async[ \t]+)?with[ \t]*\(/g
const MAGIC = /(?<=^|[\n\r])([ \t]*)[%!?]/g
const PYTHON_CELLS: ReadonlySet<string> = new Set(['time', 'timeit', 'capture', 'prun', 'python', 'python3', 'pypy'])
/** A header longer than this is taken for a bracket that nobody closed. */
const LONGEST_HEADER = 20_000
/** One step of a header: a comment, a string (an unclosed one ends with its line), or one character. */
const STEP = /#[^\n\r]*|'''[^]*?'''|"""[^]*?"""|'(?:\\[^]|[^'\\\n\r])*'|"(?:\\[^]|[^"\\\n\r])*"|[^]/y

function commented(text: string, index: number): boolean {
  // After `;` or `:` within a line, which may lie in a comment.
  const line = text.slice(Math.max(text.lastIndexOf('\n', index), text.lastIndexOf('\r', index)) + 1, index)
  return line.includes('#')
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

const COLON = /^(?:[ \t]|\\\r?\n)*:/
