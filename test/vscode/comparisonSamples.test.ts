import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import type { QueryJson } from '../../server/protocol/model'
import { query } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { demoCopy, emptyFolder } from './bench'
import { writeRun } from './comparedRuns'
import { type Alone, openAlone } from './pageAlone'
import { until } from './until'

interface Sample {
  readonly sample: string
  readonly label: number
  readonly prediction: number
  readonly loss: number
}

/** What a session logged of its last epoch, read from its journal. */
function lastSamples(dir: string, name: string): Sample[] {
  const run = readdirSync(join(dir, 'runs')).find(
    (id) => (JSON.parse(readFileSync(join(dir, 'runs', id, 'session.json'), 'utf8')) as { name: string }).name === name,
  )!
  const lines = readFileSync(join(dir, 'runs', run, 'journal.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { type: string; epoch: string; fields: Record<keyof Sample, never[]> })
  const logged = lines.filter(({ type }) => type === 'samples')
  const last = logged.at(-1)!.epoch
  return logged
    .filter(({ epoch }) => epoch === last)
    .flatMap(({ fields }) =>
      fields.sample.map((_, i) => ({
        sample: fields.sample[i]!,
        label: fields.label[i]!,
        prediction: fields.prediction[i]!,
        loss: fields.loss[i]!,
      })),
    )
}

const part = (page: Page, name: string) => page.locator(`.samples section.${name}`)
const texts = (rows: Locator) => rows.allInnerTexts()
const short = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 5 })
const isRight = ({ label, prediction }: Sample) => label === prediction

async function openSamples(stores: LocalStores, dir: string, references: readonly string[], size?: { width: number; height: number }) {
  const alone = await openAlone({ stores, dir }, { references, ...(size ? { size } : {}) })
  await alone.page.locator('vscode-tab-header[data-view="samples"]').click()
  return alone
}

describe('the samples of a comparison', () => {
  let dir: string
  let stores: LocalStores
  let alone: Alone
  let page: Page
  let models: readonly Sample[][]

  before(async () => {
    dir = join(await demoCopy(), '.epochtree')
    stores = new LocalStores(dir)
    alone = await openSamples(stores, dir, ['digits', 'digits-2'])
    ;({ page } = alone)
    models = ['digits', 'digits-2'].map((name) => lastSamples(dir, name))
    await part(page, 'groups').locator('tbody tr').nth(9).waitFor()
  })
  after(async () => {
    await alone.close()
    await stores.close()
  })

  it('gives the mean of each group for both models, as `query --group-by` does, the worst change first', async () => {
    const [of, other] = (await Promise.all(
      ['digits@40', 'digits-2@40'].map((name) =>
        query({ stores, dir }, name, { groupBy: 'label', metrics: [{ split: 'val', name: 'loss' }] }),
      ),
    )) as [QueryJson, QueryJson]
    const groups = of.groups!['val/loss']!.map((one) => {
      const after = other.groups!['val/loss']!.find(({ group }) => group === one.group)!
      return { group: one.group, before: one, after, change: (after.mean as number) - (one.mean as number) }
    })
    for (const [i, samples] of models.entries())
      for (const { group, before, after } of groups) {
        const losses = samples.filter(({ label }) => label === group).map(({ loss }) => loss)
        const { count, mean, min, max } = i === 0 ? before : after
        assert.deepEqual(
          [count, mean, min, max],
          [losses.length, losses.reduce((a, b) => a + b, 0) / losses.length, Math.min(...losses), Math.max(...losses)],
        )
      }
    const rows = part(page, 'groups').locator('tbody tr')
    const shown = await rows.evaluateAll((all) =>
      all.map((row) => [
        row.querySelector('th')!.textContent,
        ...[...row.querySelectorAll<HTMLElement>('td.mean')].map(({ title }) => title),
        row.querySelector('td:last-child')!.textContent,
      ]),
    )
    assert.deepEqual(
      shown,
      groups
        .toSorted((a, b) => b.change - a.change)
        .map(({ group, before, after }) => [JSON.stringify(group), String(before.mean), String(after.mean), String(before.count)]),
    )
  })

  it('sorts groups by mouse and by keyboard, and turns which way is better', async () => {
    const groups = part(page, 'groups')
    const names = () => groups.locator('tbody th').allInnerTexts()
    const worst = await names()
    await groups.locator('button.sort', { hasText: 'label' }).click()
    assert.deepEqual(
      await names(),
      Array.from({ length: 10 }, (_, i) => String(9 - i)),
    )
    await page.keyboard.press('Enter')
    assert.deepEqual(
      await names(),
      Array.from({ length: 10 }, (_, i) => String(i)),
    )
    assert.equal(await groups.locator('thead th').first().getAttribute('aria-sort'), 'ascending')
    await page.keyboard.press('Enter')
    assert.deepEqual(await names(), worst)
    const direction = groups.locator('button.direction')
    await direction.press('Enter')
    assert.match(await groups.locator('.status').innerText(), /the largest change first/)
    await direction.press('Enter')
    assert.match(await direction.innerText(), /higher is better/)
    assert.deepEqual(await names(), worst.toReversed())
    await direction.press('Enter')
    assert.deepEqual(await names(), worst)
    await groups.locator('input[data-key="range"]').press('Space')
    const losses = models[0]!.filter(({ label }) => String(label) === worst[0]).map(({ loss }) => loss)
    const range = await groups.locator('tbody tr').first().locator('.range').first().innerText()
    assert.match(range, new RegExp(` to ${short(Math.max(...losses))}$`))
    await groups.locator('input[data-key="range"]').press('Space')
  })

  it('measures another field for each value of another', async () => {
    const groups = part(page, 'groups')
    await groups.locator('select[data-key="by"]').selectOption('sample')
    await until('a group for each sample', async () => /599 groups/.test(await groups.locator('.status').innerText()) || undefined)
    assert.equal(await groups.locator('tbody tr').count(), 100)
    await groups.locator('button', { hasText: 'Show 100 more' }).click()
    assert.equal(await groups.locator('tbody tr').count(), 200)
    const change = (samples: readonly Sample[], name: string) => samples.find(({ sample }) => sample === name)!.loss
    const worst = models[0]!
      .map(({ sample }) => ({ sample, by: change(models[1]!, sample) - change(models[0]!, sample) }))
      .toSorted((a, b) => b.by - a.by)
    assert.equal(await groups.locator('tbody th').first().innerText(), worst[0]!.sample)
    await groups.locator('select[data-key="by"]').selectOption('label')
    await until('a group for each label', async () => /10 groups/.test(await groups.locator('.status').innerText()) || undefined)
  })

  it('counts each prediction for each label, and tells a cell for both models by keyboard', async () => {
    const matrices = part(page, 'confusion').locator('figure')
    await matrices.first().scrollIntoViewIfNeeded()
    for (const [i, samples] of models.entries()) {
      const matrix = matrices.nth(i)
      const right = samples.filter(isRight).length
      assert.match(await matrix.locator('figcaption').innerText(), new RegExp(`${right} of 599 right`))
      const shown = await matrix
        .locator('tbody tr:not(.foot)')
        .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent || '0')))
      const percent = (share: number) => share.toLocaleString('en', { style: 'percent', maximumFractionDigits: 1 })
      assert.deepEqual(
        shown,
        Array.from({ length: 10 }, (_, label) => {
          const of = samples.filter((one) => one.label === label)
          const counts = Array.from({ length: 10 }, (_, prediction) => of.filter((one) => one.prediction === prediction).length)
          return [...counts, of.length].map(String).concat(percent(counts[label]! / of.length))
        }),
      )
    }
    await matrices.nth(1).locator('tbody tr:nth-child(1) td:nth-child(2)').click()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowLeft')
    const count = (samples: readonly Sample[]) => samples.filter(({ label, prediction }) => label === 1 && prediction === 8).length
    const about = await part(page, 'confusion').locator('.cell-about').innerText()
    assert.match(about, new RegExp(`^Label 1, predicted as 8: digits ${count(models[0]!)} of 63 .*digits-2 ${count(models[1]!)} of 63 `))
    assert.equal(await part(page, 'confusion').locator('td.at').count(), 2)
    await part(page, 'confusion').locator('input[data-key="shares"]').click()
    assert.match(await matrices.first().locator('tbody tr:nth-child(3) td:nth-child(4)').innerText(), /^\d+%$/)
    await part(page, 'confusion').locator('input[data-key="shares"]').click()
  })

  it('lists which samples became right and which wrong, to be searched and copied', async () => {
    const flips = part(page, 'flips')
    const after = new Map(models[1]!.map((one) => [one.sample, one]))
    const pairs = models[0]!.map((one) => [one, after.get(one.sample)!] as const)
    const of = (was: boolean, is: boolean) => pairs.filter(([one, other]) => isRight(one) === was && isRight(other) === is)
    const counts = await flips.locator('.cross .big').allInnerTexts()
    assert.deepEqual(
      counts,
      [of(true, true), of(true, false), of(false, true), of(false, false)].map(({ length }) => String(length)),
    )
    const flipped = [...of(true, false), ...of(false, true)].map(([one, other]) => [
      one.sample,
      one.label,
      one.prediction,
      other.prediction,
      isRight(other) ? 'right' : 'wrong',
    ])
    await flips.locator('button', { hasText: 'Copy as CSV' }).click()
    const copied = await until('the copy', () => Promise.resolve(alone.heard.findLast((one) => one.type === 'copy')))
    assert.equal(
      copied.text,
      [['sample', 'label', 'digits', 'digits-2', 'now'], ...flipped].map((cells) => `${cells.join(',')}\r\n`).join(''),
    )
    await flips.locator('select[data-key="flipped"]').selectOption('wrong')
    assert.equal(await flips.locator('.list tbody tr').count(), of(true, false).length)
    const name = of(true, false)[0]![0].sample
    await flips.locator('input[type="search"]').fill(name.toUpperCase())
    const matching = of(true, false).filter(([one]) => one.sample.includes(name))
    assert.deepEqual((await texts(flips.locator('.list tbody th'))).toSorted(), matching.map(([one]) => one.sample).toSorted())
    await flips.locator('input[type="search"]').fill('no such sample')
    await flips.getByText('None of the samples that changed matches.').waitFor()
    await flips.locator('input[type="search"]').fill('')
    await flips.locator('select[data-key="flipped"]').selectOption('')
    // The other way round, by keyboard: the two change places.
    await flips.locator('select[data-key="from"]').focus()
    await page.keyboard.press('ArrowDown')
    await until('the other way round', async () => {
      const now = await flips.locator('.cross .big').allInnerTexts()
      return (now[1] === counts[2] && now[2] === counts[1]) || undefined
    })
    await flips.locator('select[data-key="to"]').selectOption({ label: 'digits-2' })
    await until('as before', async () => (await flips.locator('.cross .big').allInnerTexts())[1] === counts[1] || undefined)
  })

  it('draws how values lie, and says each bin by keyboard and in a table', async () => {
    const histogram = part(page, 'histogram')
    await histogram.locator('summary').press('Enter')
    await histogram.locator('details tbody tr').first().waitFor()
    const rows = await histogram
      .locator('details tbody tr')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)))
    assert.ok(rows.length >= 20, `${rows.length} bins`)
    for (const [bin, [range, ...counts]] of rows.entries()) {
      const [low, high] = range!.split(' to ').map(Number) as [number, number]
      const inside = (samples: readonly Sample[]) =>
        samples.filter(({ loss }) => loss >= low && (loss < high || (bin === rows.length - 1 && loss === high))).length
      assert.deepEqual(
        counts.map((text) => Number.parseInt(text, 10)),
        models.map(inside),
      )
    }
    const plot = histogram.locator('.plot')
    await plot.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    const about = await histogram.locator('.bin-about').innerText()
    assert.ok(about.startsWith(`${rows[1]![0]}: digits ${rows[1]![1]}`), about)
    await plot.locator('.area').hover({ position: { x: 3, y: 50 } })
    assert.ok((await histogram.locator('.bin-about').innerText()).startsWith(`${rows[0]![0]}: digits ${rows[0]![1]}`))
    await histogram.locator('input[data-key="log"]').click()
    await until(
      'a logarithmic axis',
      async () => (await histogram.locator('.mark.x').allInnerTexts()).some((text) => /^0\.0*1$|e-/.test(text)) || undefined,
    )
    await histogram.locator('select[data-key="histogram"]').selectOption('prediction')
    await histogram.getByText('No value of').waitFor({ state: 'detached' })
    await histogram.locator('input[data-key="log"]').click()
    await until(
      'a bin for each prediction',
      async () => (await histogram.locator('details tbody th').allInnerTexts()).join('') === '0123456789' || undefined,
    )
    await histogram.locator('select[data-key="histogram"]').selectOption('loss')
  })

  it('keeps what was chosen through a reload', async () => {
    await part(page, 'groups').locator('select[data-key="by"]').selectOption('prediction')
    await part(page, 'flips').locator('select[data-key="flipped"]').selectOption('right')
    const name = await part(page, 'flips').locator('.list tbody th').nth(1).innerText()
    await part(page, 'flips').locator('input[type="search"]').fill(name)
    const matching = await texts(part(page, 'flips').locator('.list tbody th'))
    await page.reload()
    await part(page, 'groups').locator('tbody tr').first().waitFor()
    assert.equal(await part(page, 'groups').locator('select[data-key="by"]').inputValue(), 'prediction')
    await part(page, 'flips').locator('.list tbody tr').first().waitFor()
    assert.equal(await part(page, 'flips').locator('select[data-key="flipped"]').inputValue(), 'right')
    assert.equal(await part(page, 'flips').locator('input[type="search"]').inputValue(), name)
    assert.deepEqual(await texts(part(page, 'flips').locator('.list tbody th')), matching)
  })
})

describe('the samples of other comparisons', () => {
  const folder = async (...runs: readonly Parameters<typeof writeRun>[1][]) => {
    const dir = join(await emptyFolder(), '.epochtree')
    for (const run of runs) writeRun(dir, run)
    const stores = new LocalStores(dir)
    await stores.ingest()
    return { dir, stores }
  }
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0)) await close()
  })
  async function open({ dir, stores }: { dir: string; stores: LocalStores }, ...references: readonly string[]) {
    const alone = await openSamples(stores, dir, references)
    opened.push(async () => {
      await alone.close()
      await stores.close()
    })
    return alone
  }

  it('say what to log where nothing was', async () => {
    const { page, heard } = await open(await folder({ kind: 1, name: 'a', epochs: [{}] }, { kind: 2, name: 'b', epochs: [{}] }), 'a', 'b')
    await page.getByText('No samples were logged yet.').waitFor()
    await page.locator('.samples button', { hasText: 'Copy the Example' }).click()
    const copied = await until('the copy', () => Promise.resolve(heard.findLast((one) => one.type === 'copy')))
    assert.match(copied.text, /^epoch\.log_samples\(\{\n {4}"sample": ids,\n.*\}, split="val"\)\n$/s)
  })

  it('say what is missing, and from which epoch the samples are', async () => {
    const name = '<script>alert(1)</script>'
    const epochs = [
      { samples: { val: { label: [name, 'b'], loss: [1, 'NaN'] } } },
      { samples: { val: { label: [name, 'b'], loss: [2, 1] }, test: { text: ['x'] } } },
      {},
    ]
    const { page } = await open(
      await folder({ kind: 1, name: 'a', epochs }, { kind: 2, name: 'b', epochs: [epochs[0]!] }, { kind: 3, name: 'c', epochs: [{}] }),
      'a',
      'b',
      'c',
    )
    const groups = part(page, 'groups')
    await groups.locator('tbody tr').nth(1).waitFor()
    assert.deepEqual(await texts(groups.locator('.status p')), [
      '2 groups, the worst change first',
      'a: samples of epoch 2, the last up to epoch 3 that has them.',
      'c has no samples with these fields.',
    ])
    assert.equal(await groups.locator('tbody th').first().innerText(), 'b')
    assert.equal(await groups.locator('tbody th').nth(1).innerText(), name)
    assert.match(await groups.locator('tbody tr').first().innerText(), /NaN/)
    await part(page, 'confusion').getByText('choose the fields that hold them').waitFor()
    await page.locator('select[data-key="split"]').selectOption('test')
    await groups.getByText('No field in test holds numbers').waitFor()
    await part(page, 'histogram').getByText('No field in test holds numbers.').waitFor()
    // A field that is chosen fills what could not be guessed.
    await page.locator('select[data-key="split"]').selectOption('val')
    await part(page, 'confusion').locator('select[data-key="prediction"]').selectOption('label')
    await part(page, 'confusion').locator('figcaption', { hasText: '2 of 2 right' }).first().waitFor()
    await part(page, 'flips').getByText('choose the field that names each sample').waitFor()
    await part(page, 'flips').locator('select[data-key="sample"]').selectOption('label')
    await part(page, 'flips').getByText('No sample changed').waitFor()
  })

  it('search among more changes than are sent at once', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => i)
    const fields = (right: boolean) => ({
      sample: rows.map((i) => `s${i}`),
      label: rows,
      prediction: rows.map((i) => ((i % 2 === 0) === right ? i : -1)),
    })
    const epochs = (right: boolean) => [{ samples: { val: fields(right) } }]
    const { page, heard } = await open(
      await folder({ kind: 1, name: 'a', epochs: epochs(true) }, { kind: 2, name: 'b', epochs: epochs(false) }),
      'a',
      'b',
    )
    const flips = part(page, 'flips')
    await flips.getByText('The first 1,000 of 3,000 are listed.').waitFor()
    await flips.locator('input[type="search"]').fill('s299')
    await until('those that match', async () => (await flips.locator('.list tbody tr').count()) === 11 || undefined)
    await flips.locator('select[data-key="flipped"]').selectOption('right')
    await until('those that became right', async () => (await flips.locator('.list tbody tr').count()) === 6 || undefined)
    await flips.locator('input[type="search"]').fill('')
    await flips.getByText('The first 1,000 of 1,500 are listed.').waitFor()
    await flips.locator('button', { hasText: 'Save as CSV' }).click()
    const saved = await until('the file', () => Promise.resolve(heard.findLast((one) => one.type === 'save')))
    assert.equal(saved.content.split('\r\n').length, 1 + 1500 + 1)
    await part(page, 'confusion').getByText('Of 3,001 classes, 30 are shown').waitFor()
  })

  it('are there again once what was refused is answered', async () => {
    const rows = Array.from({ length: 1200 }, (_, i) => i)
    const epochs = (right: boolean) => [
      {
        samples: {
          val: {
            sample: rows.map((i) => `s${i}`),
            label: rows.map((i) => i % 3),
            prediction: rows.map((i) => (right ? i % 3 : 4)),
            loss: rows,
          },
        },
      },
    ]
    const { page, refused, renew } = await open(
      await folder({ kind: 1, name: 'a', epochs: epochs(true) }, { kind: 2, name: 'b', epochs: epochs(false) }),
      'a',
      'b',
    )
    const filled = async () => {
      await part(page, 'groups').locator('tbody tr').nth(2).waitFor()
      await part(page, 'confusion').locator('figcaption').nth(1).waitFor()
      await part(page, 'flips').locator('.list tbody tr').first().waitFor()
      await part(page, 'histogram').locator('.area').waitFor()
    }
    const error = page.locator('.samples').getByText('Ask again.')
    await filled()
    for (const question of ['samples', 'confusion', 'flips', 'histogram'] as const) refused.add(question)
    await renew()
    await until('each part to be refused', async () => (await error.count()) === 4)
    refused.clear()
    await renew()
    await filled()
    assert.equal(await error.count(), 0)

    // The search is among more than was sent: it is asked for by itself.
    refused.add('flips')
    await part(page, 'flips').locator('input[type="search"]').fill('s1')
    await error.waitFor()
    refused.clear()
    await renew()
    await part(page, 'flips').locator('.list tbody tr').first().waitFor()

    refused.add('sampleFields')
    await renew()
    await error.waitFor()
    refused.clear()
    await renew()
    await error.waitFor({ state: 'detached' })
  })

  it('take in what comes, and keep the place and the focus', async () => {
    const epochs = [{ samples: { val: { sample: ['x', 'y'], label: [1, 2], prediction: [1, 1], loss: [1, 2] } } }]
    const made = await folder({ kind: 1, name: 'a', epochs }, { kind: 2, name: 'b', epochs })
    const { page, renew } = await open(made, 'a', 'b')
    const cell = part(page, 'confusion').locator('figure').nth(1).locator('tbody tr:nth-child(1) td:nth-child(3)')
    await cell.click()
    const before = await page.evaluate(() => window.scrollY)
    const run = readdirSync(join(made.dir, 'runs')).find((id) =>
      readFileSync(join(made.dir, 'runs', id, 'session.json'), 'utf8').includes('"name":"b"'),
    )!
    const lines = [
      { type: 'started', time: 3 },
      { type: 'epoch', epoch: 'f'.repeat(24), number: 2, time: 3 },
      {
        type: 'samples',
        epoch: 'f'.repeat(24),
        split: 'val',
        fields: { sample: ['x', 'y'], label: [1, 2], prediction: [2, 2], loss: [5, 2] },
      },
      { type: 'commit', epoch: 'f'.repeat(24), graph: null, weights: null, state: null, pruned: false, time: 3 },
    ]
    appendFileSync(join(made.dir, 'runs', run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    await made.stores.ingest()
    await renew([run])
    await until('the new count', async () => (await cell.innerText()) === '1' || undefined)
    assert.equal(await cell.evaluate((one) => one === document.activeElement), true)
    assert.equal(await page.evaluate(() => window.scrollY), before)
    assert.deepEqual(await part(page, 'flips').locator('.cross .big').allInnerTexts(), ['0', '1', '1', '0'])
    assert.equal(await part(page, 'groups').locator('tbody th').first().innerText(), '1')
  })
})
