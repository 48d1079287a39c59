import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { check } from '../../server/script/checks'
import { understand, understandCells } from '../../server/script/model'
import { LONGEST_DOCUMENT, parse } from '../../server/script/parse'
import { cellSource, parserSource } from '../../server/script/source'
import type { Parsed } from '../../server/script/types'
import { longScript, realisticScript } from './scriptExamples'

/** Every range in what was found lies in the document. */
function assertInside(found: unknown, length: number): void {
  if (typeof found !== 'object' || found === null) return
  if ('from' in found && 'to' in found) {
    const { from, to } = found as { from: number; to: number }
    assert.ok(0 <= from && from <= to && to <= length, JSON.stringify(found))
  }
  for (const [key, inner] of Object.entries(found)) if (key !== 'value') assertInside(inner, length)
}

function look(parsed: Parsed): ReturnType<typeof understand> {
  const model = understand(parsed)
  assertInside(model, parsed.text.length)
  assertInside(check(model), parsed.text.length)
  return model
}

/** The tree as text, so that two can be compared. */
function outline({ tree }: Parsed): string {
  let text = ''
  tree?.iterate({ enter: ({ name, from, to }) => void (text += `${name} ${from}-${to}(`), leave: () => void (text += ')') })
  return text
}

const pieces = fc.constantFrom(
  '"',
  "'",
  '"""',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ':',
  ',',
  '=',
  '.',
  '@',
  '#',
  '\\',
  '\n',
  '\n\n',
  '\r\n',
  '    ',
  '\t',
  ' ',
  'f"',
  '5.',

  'import epochtree\n',
  'epochtree.session(',
  'def f():\n',
  'class A:\n',
  'with (',
  ' as ',
  'for ',
  'lambda',
  '**',
  '%%bash\n',
  '!ls\n',
  'é',
  '😀',
  '\ud800',
  '\u0000',
)
const edit = fc.record({
  at: fc.nat(),
  removed: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
  typed: fc.oneof(pieces, fc.constant('')),
})
const edited = (text: string, { at, removed, typed }: { at: number; removed: number; typed: string }) => {
  const from = at % (text.length + 1)
  return text.slice(0, from) + typed + text.slice(from + removed)
}

describe('a script being typed', () => {
  it('is understood at every character', () => {
    let parsed = parse('')
    let found = 0
    for (let end = 1; end <= realisticScript.length; end++) {
      parsed = parse(realisticScript.slice(0, end), parsed)
      const { sessions } = look(parsed)
      // What was found once stays found while the rest is typed.
      assert.ok(sessions.length >= found, realisticScript.slice(Math.max(0, end - 200), end))
      found = Math.max(found, sessions.filter(({ to }) => to < end - 2).length)
    }
    assert.equal(found, 4)
  })

  it('is understood with any one character missing', () => {
    const whole = parse(realisticScript)
    for (let at = 0; at < realisticScript.length; at++) look(parse(realisticScript.slice(0, at) + realisticScript.slice(at + 1), whole))
  })

  it('is understood whatever is typed into it, and the same as if it were read anew', () => {
    const start = parse(realisticScript)
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
        let parsed = start
        for (const one of edits) {
          parsed = parse(edited(parsed.text, one), parsed)
          const model = look(parsed)
          const anew = parse(parsed.text)
          assert.equal(outline(parsed), outline(anew))
          assert.deepEqual(model, understand(anew))
        }
      }),
      { numRuns: 100 },
    )
  })

  it('is understood as a notebook of any cells', () => {
    fc.assert(
      fc.property(fc.array(fc.array(pieces, { maxLength: 15 }), { minLength: 1, maxLength: 4 }), (cells) => {
        const parsed = cells.map((cell) => parse(cell.join(''), undefined, { cell: true }))
        for (const [i, model] of understandCells(parsed).entries()) {
          assertInside(model, parsed[i]!.text.length)
          assertInside(check(model), parsed[i]!.text.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('keeps its offsets in what the parser is given', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (typed) => {
        const text = typed.join('')
        assert.equal(parserSource(text).length, text.length)
        assert.equal(cellSource(text)?.length ?? text.length, text.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('is read anew only where it changed, also while it holds errors', () => {
    let parsed = parse(longScript)
    for (const typed of ['a', 'x = "', 'x = (', 'def ', ')']) {
      const at = longScript.indexOf('class Block150')
      parsed = parse(`${longScript.slice(0, at)}${typed}\n${longScript.slice(at)}`, parsed)
      const known = parsed.fragments.reduce((sum, { from, to }) => sum + to - from, 0)
      assert.ok(known > 0.98 * longScript.length, typed)
    }
  })

  it('of 5,000 lines is understood with characters missing', () => {
    assert.ok(longScript.split('\n').length >= 5000)
    const whole = parse(longScript)
    assert.equal(look(whole).sessions.length, 1)
    fc.assert(
      fc.property(edit, (one) => void look(parse(edited(longScript, one), whole))),
      { numRuns: 100 },
    )
  })
})

describe('documents that are no scripts', () => {
  const odd: readonly (readonly [what: string, text: string])[] = [
    ['brackets without end', '('.repeat(100_000)],
    ['nested lists', `import epochtree\nepochtree.session("m", {"a": ${'['.repeat(50_000)}`],
    ['a sum without end', `import epochtree\nx = ${'1 + '.repeat(20_000)}1\nepochtree.session("m", {"x": x})`],
    ['alternatives without end', `import epochtree\nepochtree.evaluate(${'x or '.repeat(20_000)}"m@1")`],
    ['attributes without end', `import epochtree\nepochtree${'.session'.repeat(20_000)}("m")`],
    [
      'copies of copies',
      `import epochtree\na0 = {"x": 1}\n${Array.from({ length: 60 }, (_, i) => `a${i + 1} = {"l": a${i}, "r": a${i}}\n`).join('')}epochtree.session("m", a60)`,
    ],
    [
      'names that go in a circle',
      `import epochtree\n${Array.from({ length: 500 }, (_, i) => `a${i} = {**a${(i + 1) % 500}, "x": a${(i + 2) % 500}}\n`).join('')}epochtree.session("m", a0)`,
    ],
    ['binary data', String.fromCharCode(...Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 65536))],
    ['a `with` that nobody closes', `with (${' epochtree.session("m") as s,'.repeat(20_000)}`],
  ]
  for (const [what, text] of odd) it(`such as ${what} end nothing`, () => void look(parse(text)))

  it('that are too long are not analysed', () => {
    const text = `import epochtree\nepochtree.session("m")\n${'#'.repeat(LONGEST_DOCUMENT)}`
    const parsed = parse(text)
    assert.equal(parsed.tree, undefined)
    assert.deepEqual(look(parsed).sessions, [])
    assert.equal(look(parse(text.slice(0, 1000), parsed)).sessions.length, 1)
  })

  it('such as Python that the grammar lacks are read without errors', () => {
    for (const text of [
      'with (\n  a("(") as b,  # (\n  c() as d,\n):\n  pass',
      'async def f():\n  async with (a as b, c): pass',
      'with f() as self.x, g() as (a, b):\n  pass',
      'def f():\n  yield\n  x = yield  # nothing\n  g((yield))',
      'x = 5. + block5.weight + 1_0.\n\f\nclass A: pass',
    ])
      assert.ok(!outline(parse(text)).includes('⚠'), text)
  })

  it('such as other files of this project are read without errors', () => {
    for (const file of [
      'examples/two-days/train.py',
      'examples/two-days/network.py',
      'python/epochtree/_journal.py',
      'python/epochtree/_open.py',
    ])
      assert.ok(!outline(parse(readFileSync(file, 'utf8'))).includes('⚠'), file)
  })
})
