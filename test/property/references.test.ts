import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { EpochtreeError } from '../../server/errors'
import { resolve } from '../../server/references'
import { LocalStores } from '../../server/storage/local/stores'

/** Names of metrics that hold all that parts a reference. */
const METRICS = ['val/loss', 'val/a@b', 'val/a~2', 'val/top)5', 'val/x y/z', 'train/acc', 'val/min(loss)']
const value = fc.constantFrom(0, 1, 1, 2, 3, NaN, Infinity, -Infinity)
const model = fc.record({
  parent: fc.nat({ max: 20 }),
  at: fc.nat({ max: 20 }),
  forked: fc.boolean(),
  epochs: fc.array(fc.record({ gap: fc.nat({ max: 3 }), values: fc.array(fc.option(value), { minLength: 7, maxLength: 7 }) }), {
    maxLength: 6,
  }),
  selected: fc.option(fc.nat({ max: 20 })),
})
const asked = fc.record({
  model: fc.nat({ max: 20 }),
  by: fc.constantFrom('name', 'id', 'start', 'end', 'epoch'),
  what: fc.constantFrom('number', 'id', 'latest', 'selected', 'min', 'max', 'absent'),
  brackets: fc.boolean(),
  metric: fc.nat({ max: METRICS.length - 1 }),
  at: fc.nat({ max: 12 }),
  back: fc.option(fc.nat({ max: 4 })),
})

type Planned = typeof model extends fc.Arbitrary<infer One> ? One : never
type Asked = typeof asked extends fc.Arbitrary<infer One> ? One : never

interface Epoch {
  readonly id: string
  readonly number: number
  readonly owner: number
  readonly values: readonly (number | null)[]
}
interface Model {
  readonly id: string
  readonly name: string
  /** The whole history, each fork with a copy of its past. */
  readonly history: readonly Epoch[]
  readonly selected: Epoch | undefined
}

/** What a reference means, found by looking at every epoch. */
function expected(models: readonly Model[], one: Asked, text: { value: string }): Epoch | undefined {
  const { name, id, history, selected } = models[one.model % models.length]!
  const own = history.filter(({ owner }) => models[owner]!.id === id)
  const lone = own[one.at % Math.max(1, own.length)]
  const metric = METRICS[one.metric]!
  const back = one.back ?? 0
  const tail = one.back === null ? '' : `~${back}`
  if (one.by === 'epoch' && lone) {
    text.value = lone.id + tail
    return history[history.indexOf(lone) - back]
  }
  const session = { name, id, start: id.slice(0, 12), end: id.slice(-6), epoch: name }[one.by]
  const some = history[one.at % Math.max(1, history.length)]
  let found: Epoch | undefined
  let epoch: string
  if (one.what === 'absent') [found, epoch] = [selected ?? history.at(-1), '']
  else if (one.what === 'number') [found, epoch] = [history.find(({ number }) => number === one.at), `@${one.at}`]
  else if (one.what === 'id') [found, epoch] = [some, `@${some?.id ?? 'f'.repeat(24)}`]
  else if (one.what === 'latest') [found, epoch] = [history.at(-1), '@latest']
  else if (one.what === 'selected') [found, epoch] = [selected, '@selected']
  else {
    for (const candidate of history) {
      const [now, best] = [candidate.values[one.metric], found?.values[one.metric]]
      if (now === null || now === undefined || Number.isNaN(now)) continue
      if (best === null || best === undefined || (one.what === 'min' ? now < best : now > best)) found = candidate
    }
    // Without brackets a metric that ends like ~2 could not be told from two epochs earlier.
    epoch = one.brackets || metric.endsWith('~2') ? `@${one.what}(${metric})` : `@${one.what}:${metric}`
  }
  text.value = session + epoch + tail
  return found && history[history.indexOf(found) - back]
}

describe('references', () => {
  it('mean, in any tree of forks, what looking at every epoch finds', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(fc.array(model, { minLength: 1, maxLength: 6 }), fc.array(asked, { minLength: 20, maxLength: 20 }), check),
      { numRuns: 40 },
    )
  })
})

async function check(tree: readonly Planned[], questions: readonly Asked[]) {
  const root = mkdtempSync(join(tmpdir(), 'epochtree-references-'))
  const dir = join(root, '.epochtree')
  const stores = new LocalStores(dir)
  try {
    const models: Model[] = []
    for (const [i, one] of tree.entries()) models.push(write(dir, one, i, models))
    await stores.ingest()
    for (const one of questions) {
      const text = { value: '' }
      const wanted = expected(models, one, text)
      const found = await resolve(stores, text.value).catch((error: unknown) => {
        assert.ok(error instanceof EpochtreeError, text.value)
        return undefined
      })
      assert.equal(found?.epoch.id, wanted?.id, text.value)
    }
  } finally {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  }
}

/** One session's run folder, as an engine writes it. */
function write(dir: string, one: Planned, index: number, before: readonly Model[]): Model {
  // They begin and end differently, so that half an id is enough.
  const id = `${(index + 1).toString(16).padStart(12, '0')}${(index + 1).toString(16).padStart(12, 'a')}`
  const run = join(dir, 'runs', id)
  mkdirSync(run, { recursive: true })
  const parent = one.forked ? before[one.parent % Math.max(1, before.length)] : undefined
  const start = parent?.history[one.at % Math.max(1, parent.history.length)]
  const past = parent && start ? parent.history.slice(0, parent.history.indexOf(start) + 1) : []
  const lines: object[] = [
    { type: 'started', format: 1, time: 1, attempt: 'e'.repeat(24), hyperparameters: {}, pruningPlan: null, environment: {} },
  ]
  let number = start?.number ?? 0
  const own = one.epochs.map(({ gap, values }, i): Epoch => {
    number += 1 + gap
    const epoch = `${(index + 1).toString(16).padStart(10, 'b')}${i.toString(16).padStart(14, 'c')}`
    lines.push({ type: 'epoch', epoch, number, time: 1 })
    values.forEach((logged, m) => {
      const [split, ...name] = METRICS[m]!.split('/')
      const travels = logged !== null && !Number.isFinite(logged) ? String(logged) : logged
      if (logged !== null) lines.push({ type: 'metrics', epoch, split, step: null, time: [1], values: { [name.join('/')]: [travels] } })
    })
    lines.push({ type: 'commit', epoch, graph: null, weights: null, state: null, pruned: false, time: 1 })
    return { id: epoch, number, owner: index, values }
  })
  const history = [...past, ...own]
  const selected = one.selected === null ? undefined : history[one.selected % Math.max(1, history.length)]
  const forkedFrom = start ? { sessionId: before[start.owner]!.id, epochId: start.id, epochNumber: start.number } : null
  const session = {
    format: 1,
    sessionId: id,
    modelName: 'net',
    name: `net ${index}`,
    forkedFrom,
    overrides: {},
    command: null,
    createdAt: index,
  }
  writeFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  if (selected) writeFileSync(join(run, 'marks.json'), JSON.stringify({ selected: selected.id }))
  writeFileSync(join(run, 'session.json'), JSON.stringify(session))
  return { id, name: `net ${index}`, history, selected }
}
