import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { understand } from '../../server/script/model'
import { parse } from '../../server/script/parse'
import type { Json } from '../../server/protocol/model'
import { environment, python } from '../fault/support'

/** What Python makes of expressions, as the package writes it to the journal; an error's name where it raises. */
function asPython(expressions: readonly string[]): readonly { readonly value?: Json; readonly raises?: string }[] {
  const program = `
import copy, json, math, sys, warnings
warnings.simplefilter("ignore")
from epochtree import _values
outcomes = []
for expression in json.load(sys.stdin):
    try:
        outcomes.append({"value": _values.plain(eval(expression))})
    except Exception as error:
        outcomes.append({"raises": type(error).__name__})
json.dump(outcomes, sys.stdout)
`
  const dir = tmpdir()
  const done = spawnSync(python, ['-c', program], {
    cwd: dir,
    env: { ...environment(dir), PYTHONIOENCODING: 'utf-8:surrogatepass' },
    input: JSON.stringify(expressions),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.equal(done.status, 0, done.stderr)
  return JSON.parse(done.stdout) as { value?: Json; raises?: string }[]
}

const valueOf = (expression: string) =>
  understand(parse(`import epochtree, math\nX = ${expression}\nepochtree.session("m", {"x": X})`)).settings[0]?.value

const written = [
  '1e-3 * 2',
  '60 * 60 * 24',
  '7 // 2',
  '-7 // 2',
  '-7 % 3',
  '7 % -3',
  '5.5 // -2',
  '-2817071803150624300.0 // 195',
  '-1e17 // 3.0',
  '1e17 // -3.0',
  '-5.5 % 2',
  '2 ** 10',
  '2 ** -1',
  '10 ** -3',
  '2 ** 100',
  '0.1 + 0.2',
  '1 / 3',
  '2 ** 0.5',

  '10**30',
  '-10**30',
  '9007199254740993',
  '0x_ff',
  '0b101',
  '0o17',
  '1_000.5',
  '.5',
  '5.',
  '1E5',
  '1e400',
  '-1e400',
  '-0',
  '-0.0',
  '0 * -1',
  '+3',
  '- -3',
  'float("nan")',
  'float("-inf")',
  'float("1.5")',
  'float(2)',
  'math.inf',
  '-math.inf',
  'math.pi',
  'math.nan',

  '"a" "b"',
  "'a' f'b' r'\\n'",
  '"a" + "b"',
  '"\\x41\\u00e9\\U0001F600\\101\\n\\q\\\\"',
  'r"\\x41"',
  "'''a\nb'''",
  'f"{{x}}"',
  'f"x"',
  'u"x"',
  'b"x\\x41\\u0041"',
  'Rb"\\n"',
  '"\\N{BULLET}"',
  '"a\\\nb"',
  '"\\""',
  "'\\\\'",

  'True',
  'None',
  '()',
  '(1,)',
  '(1)',
  '[1, (2, "a")]',
  '[1] + [2]',
  '{}',
  '{"a": 1, "a": 2}',
  '{1: 2, 1.0: 3, None: 4, True: 5}',
  '{1.5: 1, 2.0: 2}',
  '{b"a": 1, "b": 2}',
  'dict(a=1)',
  'dict({"a": 1}, b=2)',
  '{**{"a": 1}, "b": 2}',
  '{"a": 1} | {"a": 2}',

  '{"a": [1, 2]}["a"][-1]',
  '[1, 2][5]',
  '{"a": 1}["b"]',
  '(1, 2)[0]',
  '{"a": 1}.copy()',
  'copy.deepcopy({"a": [1]})',
  '1 if True else 2',
  'not 1',
  '1 < 2',
  '1 / 0',
  '1 % 0',
  '0 ** -1',
  '"a" * 3',
  '~1',
  '1j',
  'len("a")',
  '"%s" % 1',
  '1 << 3',
]

describe('values of constants', () => {
  it('are those that Python gives, or unknown', () => {
    const outcomes = asPython(written)
    for (const [i, expression] of written.entries()) {
      const known = valueOf(expression)
      if (known !== undefined) assert.deepEqual(known, outcomes[i]?.value, expression)
    }
  })

  it('are known for nearly all that people write', () => {
    const unknown = written.filter((expression) => valueOf(expression) === undefined)
    assert.deepEqual(unknown, [
      '"\\N{BULLET}"',
      '{1: 2, 1.0: 3, None: 4, True: 5}',
      '{1.5: 1, 2.0: 2}',
      '[1, 2][5]',
      '{"a": 1}["b"]',
      '1 if True else 2',
      'not 1',
      '1 < 2',
      '1 / 0',
      '1 % 0',
      '0 ** -1',
      '"a" * 3',
      '~1',
      '1j',
      'len("a")',
      '"%s" % 1',
      '1 << 3',
    ])
  })

  it('are those that Python gives, whatever is written', () => {
    const number = fc.oneof(
      fc.integer({ min: -1000, max: 1000 }).map(String),
      fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((given) => (Number.isInteger(given) && Math.abs(given) < 1e21 ? `${given}.0` : String(given))),
      fc.constantFrom('1e-3', '0x1F', '1_0', '0.1', '3', '2'),
    )
    const content = fc.array(
      fc.constantFrom('a', 'é', '😀', '{{', '}}', '\\n', '\\x41', '\\u00e9', '\\101', '\\\\', '\\q', ' ', '#', '@30', "\\'", '\\"'),
      { maxLength: 5 },
    )
    const text = fc
      .tuple(fc.constantFrom('', 'r', 'f', 'u', 'Rf'), fc.constantFrom('"', "'", '"""', "'''"), content)
      // A backslash before the closing quote of a raw string, or a hole in braces, would be another test.
      .map(([prefix, quote, pieces]) => `${prefix}${quote}${pieces.join('')} ${quote}`)
    const { expression } = fc.letrec<{ expression: string }>((tie) => {
      const inner = tie('expression')
      return {
        expression: fc.oneof(
          { maxDepth: 4, withCrossShrink: true },
          number,
          text,
          fc.constantFrom('True', 'False', 'None', '()', '[]', '{}'),
          fc.tuple(number, fc.constantFrom('+', '-', '*', '/', '//', '%'), number).map((parts) => parts.join(' ')),
          fc.tuple(text, text).map((parts) => parts.join(' ')),
          fc.array(inner, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
          fc.array(inner, { maxLength: 3 }).map((items) => `(${items.map((item) => `${item},`).join('')})`),
          fc
            .array(fc.tuple(text, inner), { maxLength: 3 })
            .map((entries) => `{${entries.map(([key, item]) => `${key}: ${item}`).join(', ')}}`),
          inner.map((item) => `dict(a=${item}, **{"b": 1})`),
          inner.map((item) => `(${item})`),
        ),
      }
    })
    const sample = fc.sample(expression, 1500)
    const outcomes = asPython(sample)
    let known = 0
    for (const [i, one] of sample.entries()) {
      const value = valueOf(one)
      if (value === undefined) continue
      known++
      assert.deepEqual(value, outcomes[i]?.value, one)
    }
    assert.ok(known > 1000, `only ${known} of 1500 were known`)
  })
})
