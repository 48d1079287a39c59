import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { JournalFile, LONGEST_LINE, type Line } from '../../server/journal/lines'
import * as schema from '../../server/journal/schema'

const MiB = 1024 * 1024
const id = '65a1b2c3d4e5f60718293a4b'
let folder: string
let path: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochtree-lines-'))
  path = join(folder, 'journal.jsonl')
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** All lines, block by block as ingest asks for them. */
function readAll(from = 0): Line[] {
  const journal = new JournalFile(path)
  try {
    const all: Line[] = []
    for (let offset = from; ;) {
      const some = journal.lines(offset)
      if (some.length === 0) return all
      all.push(...some)
      offset = some.at(-1)!.end
    }
  } finally {
    journal.close()
  }
}
const texts = (from?: number) => readAll(from).map(({ text }) => text)
const hashBefore = (offset: number) => {
  const journal = new JournalFile(path)
  try {
    return journal.hashBefore(offset)
  } finally {
    journal.close()
  }
}

describe("a journal's lines", () => {
  it('are those that ended', () => {
    for (const [content, lines] of [
      ['', []],
      ['{}', []],
      ['\n', ['']],
      ['{}\n', ['{}']],
      ['{}\n{"a', ['{}']],
      ['a\r\nb\n\n', ['a\r', 'b', '']],
    ] as const) {
      writeFileSync(path, content)
      assert.deepEqual(texts(), lines)
    }
  })

  it('know the byte after each, to go on from', () => {
    writeFileSync(path, 'é😀\nb\nc')
    assert.deepEqual(readAll(), [
      { text: 'é😀', end: 7 },
      { text: 'b', end: 9 },
    ])
    assert.deepEqual(texts(7), ['b'])
    assert.deepEqual(texts(9), [])
    assert.deepEqual(texts(10), [])
    assert.deepEqual(texts(1000), [])
  })

  it('appear once their newline is written, in the middle of a character or not', () => {
    const whole = Buffer.from('{"type":"epoch","name":"é😀\u2028模型"}\n{"type":"finished","status":"completed"}\n')
    const expected = whole.toString().split('\n').slice(0, -1)
    writeFileSync(path, whole)
    for (let cut = whole.length; cut >= 0; cut--) {
      truncateSync(path, cut)
      const found = readAll()
      assert.deepEqual(
        found.map(({ text }) => text),
        expected.slice(0, whole.subarray(0, cut).filter((byte) => byte === 10).length),
        `cut at ${cut}`,
      )
      appendFileSync(path, whole.subarray(cut))
      assert.deepEqual([...found.map(({ text }) => text), ...texts(found.at(-1)?.end ?? 0)], expected, `went on from ${cut}`)
    }
  })

  it('are the same, wherever reading stopped and went on', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\n', ' '))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 5 }), (lines, cuts) => {
        const whole = Buffer.from(lines.map((one) => `${one}\n`).join(''))
        const ends = cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b)
        const found: Line[] = []
        let written = 0
        writeFileSync(path, '')
        for (const end of [...ends, whole.length]) {
          appendFileSync(path, whole.subarray(written, end))
          written = end
          found.push(...readAll(found.at(-1)?.end ?? 0))
        }
        assert.deepEqual(
          found.map(({ text }) => text),
          lines.map((text) => Buffer.from(text).toString()),
        )
        assert.equal(found.at(-1)?.end ?? 0, whole.length)
      }),
    )
  })

  it('are whole where the 4 MiB that are read at once end in the middle of a character', () => {
    for (let shift = 0; shift < 5; shift++) {
      const first = 'x'.repeat(4 * MiB - 10 - shift)
      writeFileSync(path, `${first}\n${'😀'.repeat(20)}\nlast\n`)
      assert.deepEqual(texts(), [first, '😀'.repeat(20), 'last'], `shifted by ${shift}`)
    }
  })

  it('may fill just what is read at once, a byte less or a byte more', () => {
    for (let more = -2; more <= 2; more++) {
      const long = 'y'.repeat(4 * MiB + more)
      writeFileSync(path, `a\n${long}\nb\n`)
      assert.deepEqual(
        texts().map((text) => text?.length),
        [1, long.length, 1],
      )
      writeFileSync(path, `${long}\nb\nc`)
      assert.deepEqual(
        texts().map((text) => text?.length),
        [long.length, 1],
      )
      writeFileSync(path, long)
      assert.deepEqual(texts(), [])
    }
  })

  it('may have 8 MiB; a longer one is passed over, and the next are read', () => {
    assert.equal(LONGEST_LINE, 8 * MiB)
    for (const [length, readable] of [
      [LONGEST_LINE - 1, true],
      [LONGEST_LINE, true],
      [LONGEST_LINE + 1, false],
      [12 * MiB - 1, false],
      [12 * MiB, false],
      [12 * MiB + 1, false],
      [17 * MiB, false],
    ] as const) {
      writeFileSync(path, `a\n${'z'.repeat(length)}\nb\n`)
      const lines = readAll()
      assert.deepEqual(
        lines.map(({ text }) => text?.length ?? null),
        [1, readable ? length : null, 1],
        `${length}`,
      )
      assert.deepEqual(
        lines.map(({ end }) => end),
        [2, length + 3, length + 5],
      )
    }
  })

  it('that are too long are not passed over before they end', () => {
    for (const length of [LONGEST_LINE, LONGEST_LINE + 1, 20 * MiB]) {
      writeFileSync(path, `a\n${'z'.repeat(length)}`)
      assert.deepEqual(texts(), ['a'])
      appendFileSync(path, '\nb\n')
      assert.deepEqual(texts(2), [length > LONGEST_LINE ? null : 'z'.repeat(length), 'b'])
    }
  })

  it('come in blocks, so that a long journal takes little memory', () => {
    const line = `${'x'.repeat(999)}\n`
    writeFileSync(path, line.repeat(20_000))
    const journal = new JournalFile(path)
    const first = journal.lines(0)
    journal.close()
    assert.ok(first.length > 1000 && first.length < 10_000)
    assert.equal(readAll().length, 20_000)
  })

  it('end where the journal ended when it was opened', () => {
    writeFileSync(path, 'a\n')
    const journal = new JournalFile(path)
    appendFileSync(path, 'b\n')
    assert.deepEqual(journal.lines(0), [{ text: 'a', end: 2 }])
    assert.deepEqual(journal.lines(2), [])
    assert.equal(journal.size, 2)
    journal.close()
  })

  it('of a journal cut while it is read are those that are left', () => {
    writeFileSync(path, 'a\nb\nc\n')
    const journal = new JournalFile(path)
    truncateSync(path, 3)
    assert.deepEqual(journal.lines(0), [{ text: 'a', end: 2 }])
    journal.close()
  })
})

describe('what was read before', () => {
  it('is known again when more was written after it', () => {
    writeFileSync(path, 'first\nsecond\n')
    const read = hashBefore(6)
    appendFileSync(path, 'third\n')
    assert.equal(hashBefore(6), read)
  })

  it('is not known again when it is another beginning or another end', () => {
    const content = Buffer.alloc(20_000, 'x')
    writeFileSync(path, content)
    const read = hashBefore(20_000)
    for (const place of [0, 1, 4095, 15_904, 19_999]) {
      writeFileSync(path, Buffer.from(content).fill('y', place, place + 1))
      assert.notEqual(hashBefore(20_000), read, `byte ${place}`)
    }
    writeFileSync(path, content.subarray(0, 19_999))
    assert.notEqual(hashBefore(20_000), read)
  })

  it('may be nothing', () => {
    writeFileSync(path, 'a')
    const read = hashBefore(0)
    writeFileSync(path, 'b')
    assert.equal(hashBefore(0), read)
  })
})

describe('a line of metrics', () => {
  const line = (over: Record<string, unknown> = {}) =>
    schema.metricsLine({ epoch: id, split: 'train', step: [0, 1], time: [10, 11], values: { loss: [0.5, 0.25] }, ...over })
  const good = (over?: Record<string, unknown>) => {
    const parsed = line(over)
    assert.ok(typeof parsed !== 'string', JSON.stringify(parsed))
    return parsed
  }

  it('is columns of steps, times and values', () => {
    assert.deepEqual(good(), {
      epoch: id,
      split: 'train',
      steps: [0, 1],
      times: [10, 11],
      names: ['loss'],
      columns: [[0.5, 0.25]],
    })
  })

  it('may have no step, one time for all, or no time', () => {
    assert.equal(good({ step: null }).steps, null)
    assert.equal(good({ step: undefined }).steps, null)
    assert.deepEqual(good({ step: [null, 3] }).steps, [null, 3])
    assert.deepEqual(good({ time: 5 }).times, Float64Array.of(5, 5))
    assert.deepEqual(good({ time: null }).times, Float64Array.of(0, 0))
  })

  it('keeps NaN and infinities what they are', () => {
    assert.deepEqual(good({ values: { a: ['NaN', 'Infinity'], b: ['-Infinity', -0] } }).columns, [
      Float64Array.of(NaN, Infinity),
      Float64Array.of(-Infinity, -0),
    ])
  })

  it("keeps names of JavaScript's own", () => {
    const { names, columns } = good({ values: JSON.parse('{"__proto__":[1,2],"constructor":[3,4]}') as unknown })
    assert.deepEqual(names, ['__proto__', 'constructor'])
    assert.deepEqual(columns, [
      [1, 2],
      [3, 4],
    ])
  })

  it('may be empty', () => {
    assert.deepEqual(good({ values: {} }).names, [])
    assert.deepEqual(good({ step: [], time: [], values: { loss: [] } }).columns, [[]])
  })

  it('is refused with what is wrong', () => {
    for (const [over, what] of [
      [{ epoch: undefined }, /^epoch: /],
      [{ epoch: id.toUpperCase() }, /^epoch: /],
      [{ epoch: `${id}\n` }, /^epoch: /],
      [{ split: 1 }, /^split: /],
      [{ values: null }, /^values: /],
      [{ values: [[1, 2]] }, /^values: /],
      [{ values: { loss: 1 } }, /^values/],
      [{ values: { loss: [1, 2], acc: [1] } }, /^values\.acc: .* 2 numbers/],
      [{ values: { loss: [1, null] } }, /^values\.loss: /],
      [{ values: { loss: [1, '2'] } }, /^values\.loss: /],
      [{ values: { loss: [1, 'toString'] } }, /^values\.loss: /],
      [{ step: [0] }, /^step: .* 2 steps/],
      [{ step: 3 }, /^step: /],
      [{ step: [0, 1.5] }, /^step: not whole/],
      [{ step: [0, 2 ** 53] }, /^step: not whole/],
      [{ time: [1] }, /^time: .* 2 numbers/],
      [{ time: 'now' }, /^time: /],
    ] as const) {
      const parsed = line(over)
      assert.ok(
        typeof parsed === 'string' && what.test(parsed),
        `${JSON.stringify(over)}: ${typeof parsed === 'string' ? parsed : 'taken'}`,
      )
    }
    assert.ok((line({ values: { loss: [1, 2], ['x'.repeat(1e6)]: [] } }) as string).length < 200)
  })

  it('is taken or refused, whatever it holds', () => {
    const field = fc.oneof(
      fc.constant(id),
      fc.anything(),
      fc.dictionary(fc.string(), fc.array(fc.oneof(fc.double(), fc.constantFrom('NaN', null, 'x')), { maxLength: 3 })),
    )
    fc.assert(
      fc.property(
        fc.record({ epoch: field, split: field, step: field, time: field, values: field, fields: field }, { requiredKeys: [] }),
        (given) => {
          for (const read of [schema.metricsLine, schema.samplesLine]) {
            const parsed = read({ ...given, epoch: id, split: 's' })
            if (typeof parsed === 'string') assert.ok(parsed.length < 200)
            assert.ok(read(given) !== undefined)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('a line of samples', () => {
  it('is columns of anything', () => {
    const fields = JSON.parse('{"sample":["a","b"],"label":[3,null],"box":[[1,2],{"x":1}],"__proto__":[1,2]}') as Record<string, unknown[]>
    assert.deepEqual(schema.samplesLine({ epoch: id, split: 'val', fields }), {
      epoch: id,
      split: 'val',
      fields: new Map(Object.entries(fields)),
    })
  })

  it('is refused with what is wrong', () => {
    for (const [over, what] of [
      [{ fields: { a: [1], b: [1, 2] } }, /^fields\.b: .* 1 values/],
      [{ fields: { a: 'abc' } }, /^fields\.a: /],
      [{ fields: [] }, /^fields: /],
      [{ split: null }, /^split: /],
      [{ epoch: 'x' }, /^epoch: /],
    ] as const) {
      const parsed = schema.samplesLine({ epoch: id, split: 'val', fields: { a: [1] }, ...over })
      assert.ok(typeof parsed === 'string' && what.test(parsed), JSON.stringify(parsed))
    }
  })
})

describe('other lines and files of a run', () => {
  const takes = (type: { safeParse: (value: unknown) => { success: boolean } }, ...values: unknown[]) =>
    values.map((value) => type.safeParse(value).success)

  it('are read as the design writes them', () => {
    assert.deepEqual(
      [
        takes(schema.started, {
          type: 'started',
          format: 1,
          time: 1764000000.1,
          attempt: id,
          after: null,
          restored: null,
          pid: 123,
          host: 'gpu1',
          bootId: 'b',
          hyperparameters: { lr: [1, { a: null }] },
          pruningPlan: {},
          environment: { python: '3.13.0' },
        }),
        takes(schema.epoch, { type: 'epoch', epoch: id, number: 31, time: 1764000000.1 }),
        takes(
          schema.commit,
          {
            type: 'commit',
            epoch: id,
            graph: 'graphs/31.json',
            weights: { file: 'weights/31.safetensors', sha256: 'a'.repeat(64), bytes: 1234, format: 'safetensors' },
            state: null,
            pruned: true,
            time: 1,
          },
          { epoch: id, graph: null, weights: null },
        ),
        takes(schema.gap, { epoch: id, rows: 12000, from: 1, to: 2 }),
        takes(schema.finished, { status: 'failed', error: 'out of memory', time: 1 }, { status: 'completed' }, { status: 'stopped' }),
        takes(schema.sessionFile, {
          format: 1,
          sessionId: id,
          modelName: 'resnet50',
          name: 'resnet50',
          forkedFrom: { sessionId: id, epochId: id, epochNumber: 30 },
          overrides: { hyperparameters: { lr: 1 } },
          command: { argv: ['python'], cwd: '/', env: [] },
          createdAt: 1,
          tags: [],
        }),
        takes(schema.marksFile, {}, { name: 'n', selected: null, tags: ['a'], deleted: 1 }),
      ]
        .flat()
        .every(Boolean),
      true,
    )
  })

  it('ignore what they do not know', () => {
    const parsed = schema.epoch.safeParse({ epoch: id, number: 1, colour: 'red', time: null })
    assert.ok(parsed.success)
    assert.deepEqual(parsed.data, { epoch: id, number: 1, time: null })
  })

  it('are refused where an id, a number or a hash is none', () => {
    const weights = { file: 'w', sha256: 'a'.repeat(64), bytes: 1 }
    assert.deepEqual(
      takes(
        schema.epoch,
        { epoch: id },
        { epoch: id, number: 0 },
        { epoch: id, number: 1.5 },
        { epoch: id, number: '1' },
        { epoch: id.slice(1), number: 1 },
        { epoch: `${id}\n`, number: 1 },
        null,
        [],
      ),
      Array(8).fill(false),
    )
    assert.deepEqual(
      takes(
        schema.commit,
        { epoch: id, weights: { ...weights, sha256: 'A'.repeat(64) } },
        { epoch: id, weights: { ...weights, bytes: -1 } },
        { epoch: id, weights: 'w' },
      ),
      Array(3).fill(false),
    )
    assert.deepEqual(takes(schema.finished, { status: 'done' }, {}), [false, false])
    assert.deepEqual(
      takes(schema.sessionFile, { format: 2, sessionId: id, modelName: 'a' }, { format: 1, sessionId: '../../etc', modelName: 'a' }),
      [false, false],
    )
  })

  it('say which part is wrong', () => {
    const complaint = (value: unknown) => {
      const parsed = schema.commit.safeParse(value)
      return parsed.success ? '' : schema.complaint(parsed.error)
    }
    assert.match(complaint({ epoch: id, weights: { file: 'w', sha256: 'x', bytes: 1 } }), /^weights\.sha256: ./)
    assert.match(complaint({ epoch: 3 }), /^epoch: ./)
    assert.match(complaint(3), /^the line: ./)
  })

  it('are taken or refused, whatever they hold', () => {
    const types = [schema.started, schema.epoch, schema.commit, schema.gap, schema.finished, schema.sessionFile, schema.marksFile]
    fc.assert(
      fc.property(fc.jsonValue(), (value) => types.forEach((type) => assert.equal(typeof type.safeParse(value).success, 'boolean'))),
    )
  })
})
