import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { BestJson, CompareJson, JsonNumber, LogJson } from '../../server/protocol/model'
import { LocalStores } from '../../server/storage/local/stores'
import { short } from '../../webview/parts/format'
import { demoCopy, emptyFolder } from './bench'
import { cli } from './cli'
import { type EpochOf, writeRun } from './comparedRuns'
import { type Alone, type AloneOptions, openAlone, says, settled } from './pageAlone'
import { until } from './until'

const HOSTILE = '<script>window.broken = true</script>'
const LONG = 'x'.repeat(500)
const HEBREW = 'נסיון'

const show = (page: Page, view: string) => page.locator(`vscode-tab-header[data-view="${view}"]`).click()
/** Exact values of a table, by row: they are in the titles of the cells. */
const titles = (page: Page, rows: string, key: string) =>
  page
    .locator(rows)
    .evaluateAll(
      (found, name) => found.map((row) => [row.getAttribute(name)!, [...row.querySelectorAll('td')].map((cell) => cell.title)] as const),
      key,
    )
const text = (value: JsonNumber | null) => (value === null ? '' : String(value))
const paragraphs = (page: Page, where: string) => page.locator(`${where} .sentence`).evaluateAll((all) => all.map((one) => one.textContent))
const saidLast = (page: Page) => page.locator('main > .unseen').innerText()

describe("the comparison's overview, differences and trade-off", () => {
  let dir: string
  let stores: LocalStores
  let alone: Alone
  let page: Page
  const errors: string[] = []
  async function open(options: AloneOptions, folder = dir, from = stores): Promise<Page> {
    await alone?.close()
    alone = await openAlone({ stores: from, dir: folder }, options)
    ;({ page } = alone)
    page.on('pageerror', ({ message }) => errors.push(message))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    return page
  }
  before(async () => {
    dir = join(await demoCopy(), '.epochtree')
    stores = new LocalStores(dir)
  })
  after(async () => {
    await alone.close()
    await stores.close()
    assert.deepEqual(errors, [])
  })

  describe('of the demo', () => {
    before(() => open({ references: ['digits', 'digits-2'] }))

    it('answers where they parted, what was changed, which is better at what cost, and what the plans did', async () => {
      const compare = cli<CompareJson>(dir, 'compare', 'digits', 'digits-2')
      await page.locator('.figures').waitFor()
      assert.deepEqual(await paragraphs(page, '.parted'), [
        'They share 30 epochs, 1 to 30.',
        'digits and digits-2 part after epoch 30.',
        'digits went on to epoch 40: 10 epochs of its own.',
        'digits-2 went on to epoch 40: 10 epochs of its own.',
      ])
      const changed = await titles(page, '.changed tr[data-path]', 'data-path')
      assert.deepEqual(
        changed.map(([path]) => path),
        compare.pruningPlan.map(({ path }) => path),
      )
      const [a, b] = compare.metrics['val/accuracy']!.values as [number, number]
      const [sizeA, sizeB] = compare.models.map(({ graph }) => graph!.parameters!) as [number, number]
      const verdict = await paragraphs(page, '.verdict')
      assert.equal(verdict[0], `digits-2 reaches val/accuracy ${short(b, 'en')}, ${short(b - a, 'en')} more than digits.`)
      assert.ok(verdict[1]!.startsWith(`It has ${sizeB} parameters, `) && verdict[1]!.endsWith(`more than digits (${sizeA}).`), verdict[1])
      const before = cli<{ graph: { parameters: number } }>(dir, 'show', 'digits@30').graph.parameters
      assert.deepEqual(
        (await paragraphs(page, '.effects')).map((one) => /, ([\d,]+) of ([\d,]+) parameters were removed/.exec(one)?.slice(1)),
        [sizeA, sizeB].map((size) => [(before - size).toLocaleString('en'), before.toLocaleString('en')]),
      )
    })

    it('is judged by another metric, and another way', async () => {
      const values = cli<CompareJson>(dir, 'compare', 'digits', 'digits-2').metrics['train/loss']!.values as [number, number]
      await page.locator('.verdict select').selectOption('train/loss')
      await until('the verdict', async () =>
        (await paragraphs(page, '.verdict'))[0]?.startsWith(`digits-2 reaches train/loss ${short(values[1], 'en')}`),
      )
      const turn = page.locator('.verdict .direction')
      await turn.focus()
      await page.keyboard.press('Enter')
      await until('no verdict', async () =>
        (await paragraphs(page, '.verdict'))[0]?.startsWith('Whether more or less train/loss is better'),
      )
      await page.keyboard.press('Enter')
      await until('the other verdict', async () => (await paragraphs(page, '.verdict'))[0]?.startsWith('digits reaches train/loss'))
      await page.keyboard.press('Enter')
      await page.locator('.verdict select').selectOption('val/accuracy')
    })

    it('shows all figures that `epochtree compare` shows, to the last digit', async () => {
      const compare = cli<CompareJson>(dir, 'compare', 'digits', 'digits-2')
      await page.getByRole('button', { name: 'All differences' }).click()
      await page.locator('.differences tbody[data-group="metrics"]').waitFor()
      await page.getByLabel('Only what differs').uncheck()
      const shown = new Map(await titles(page, '.differences tbody[data-group="metrics"] tr[data-name]', 'data-name'))
      const known = Object.entries(compare.metrics).filter(([, { values }]) => values.some((value) => value !== null))
      assert.deepEqual([...shown.keys()].toSorted(), known.map(([name]) => name).toSorted())
      for (const [name, { values }] of known) assert.deepEqual(shown.get(name), values.map(text), name)
      const plan = new Map(await titles(page, '.differences tbody[data-group="pruningPlan"] tr[data-name]', 'data-name'))
      for (const { path, values } of compare.pruningPlan)
        assert.deepEqual(
          plan.get(path),
          values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
        )
      const sizes = new Map(await titles(page, '.differences tbody[data-group="size"] tr[data-name]', 'data-name'))
      assert.deepEqual(
        sizes.get('parameters'),
        compare.models.map(({ graph }) => String(graph?.parameters)),
      )
      assert.deepEqual(
        sizes.get('nonzero'),
        compare.models.map(({ graph }) => String(graph?.nonzero)),
      )
      assert.deepEqual(
        sizes.get('layers'),
        compare.models.map(({ graph }) => String(graph?.nodes)),
      )
      assert.equal(Number(sizes.get('sparsity')![0]), compare.metrics['model/sparsity']!.values[0])
      assert.match(await page.locator('tr[data-name="val/accuracy"]').innerText(), /\+0\.\d+ \(\+[\d.]+%\) better/)
      await page.getByLabel('Only what differs').check()
      assert.equal(await page.locator('tr[data-name="lr"]').count(), 0)
    })

    it('sets values side by side at the same epoch, the last, the best and the selected one', async () => {
      const logs = ['digits', 'digits-2'].map((name) => cli<LogJson>(dir, 'log', name))
      const shown = async () =>
        new Map(await titles(page, '.differences tbody[data-group="metrics"] tr[data-name]', 'data-name')).get('val/loss')
      const heads = () => page.locator('.differences thead .at').allInnerTexts()
      await page.getByLabel('Values at').selectOption('epoch')
      await page.getByLabel('Number of the epoch').fill('33')
      await page.keyboard.press('Enter')
      await until('epoch 33', async () => String(await heads()) === 'epoch 33,epoch 33')
      assert.deepEqual(
        await shown(),
        logs.map(({ epochs }) => String(epochs.find(({ number }) => number === 33)!.metrics['val/loss'])),
      )
      await page.getByLabel('Values at').selectOption('best')
      const best = ['digits', 'digits-2'].map((name) => cli<BestJson>(dir, 'best', name, '--max', 'val/accuracy').best.number)
      await until('the best epochs', async () => String(await heads()) === best.map((number) => `epoch ${number}`).join())
      await page.getByLabel('Values at').selectOption('selected')
      await until('no selected epoch', async () => String(await heads()) === 'no such epoch,no such epoch')
      await page.getByLabel('Values at').selectOption('compared')
      await until('the compared epochs', async () => String(await heads()) === 'epoch 40,epoch 40')
    })

    it('is sorted, filtered, copied and saved, by keyboard too', async () => {
      await page.getByTitle('Sort by digits-2').focus()
      await page.keyboard.press('Enter')
      await page.keyboard.press('Enter')
      const values = async () =>
        (await titles(page, '.differences tbody[data-group="metrics"] tr[data-name]', 'data-name')).map(([, cells]) => Number(cells[1]))
      const found = await values()
      assert.deepEqual(
        found,
        found.toSorted((a, b) => b - a),
      )
      assert.equal(await page.locator('.differences th[aria-sort="descending"]').count(), 1)
      await page.keyboard.press('Enter')
      assert.equal(await page.locator('.differences th[aria-sort="descending"]').count(), 0)
      await page.getByLabel('Filter').fill('accuracy')
      assert.deepEqual(
        (await titles(page, '.differences tr[data-name]', 'data-name')).map(([name]) => name),
        ['val/accuracy', 'train/accuracy'],
      )
      await page.getByRole('button', { name: 'Copy as Markdown' }).click()
      await page.getByRole('button', { name: 'Copy as CSV' }).click()
      await page.getByRole('button', { name: 'Save as CSV' }).click()
      await until('the file', () => alone.heard.some(({ type }) => type === 'save'))
      const [markdown, csv] = alone.heard.flatMap((message) => (message.type === 'copy' ? [message.text] : []))
      assert.match(
        markdown!,
        /^\| Name \| digits \| digits-2 \|\n\| --- \| --- \| --- \|\n\| val\/accuracy \| 0\.\d+ \| 0\.\d+ \(\+0\.\d+ better\) \|\n/,
      )
      const compare = cli<CompareJson>(dir, 'compare', 'digits', 'digits-2')
      const line = (name: string) => `Metrics,${name},${compare.metrics[name]!.values.join(',')}\r\n`
      assert.equal(csv, `group,Name,digits,digits-2\r\n${line('val/accuracy')}${line('train/accuracy')}`)
      assert.deepEqual(
        alone.heard.filter(({ type }) => type === 'save'),
        [{ type: 'save', name: 'differences.csv', content: csv, base64: false }],
      )
      assert.equal(await saidLast(page), 'Rows copied: 2.')
      await page.getByLabel('Filter').fill('nothing like it')
      assert.equal(await page.locator('.differences .status').innerText(), 'Nothing has “nothing like it” in it.')
      await page.getByLabel('Filter').fill('')
    })

    it('keeps what was filtered for, and which way a metric gets better, through a reload', async () => {
      await page.getByLabel('Filter').fill('sparsity')
      await page.locator('.differences [data-key="direction model/sparsity"]').click()
      assert.match(await page.locator('tr[data-name="model/sparsity"]').innerText(), /worse/)
      await page.reload()
      await page.locator('.differences tr[data-name="model/sparsity"]').waitFor()
      assert.match(await page.locator('tr[data-name="model/sparsity"]').innerText(), /worse/)
      assert.equal(await page.getByLabel('Filter').inputValue(), 'sparsity')
      assert.equal(await page.locator('.differences tr[data-name="val/accuracy"]').count(), 0)
      await page.getByLabel('Filter').fill('')
      await page.locator('.differences tr[data-name="val/accuracy"]').waitFor()
    })

    it('has the best trades that a search through all epochs finds', async () => {
      await show(page, 'tradeoff')
      await page.locator('.front tr[data-reference]').first().waitFor()
      const logs = ['digits', 'digits-2'].map((name) => cli<LogJson>(dir, 'log', name))
      const points = logs.flatMap(({ session, epochs }) =>
        epochs
          .filter(({ inherited }) => !inherited)
          .map((epoch) => ({
            reference: `${session.name}@${epoch.number}`,
            value: epoch.metrics['val/accuracy'] as number,
            cost: epoch.metrics['model/parameters'] as number,
          })),
      )
      const best = points
        .filter((a) => !points.some((b) => b.value >= a.value && b.cost <= a.cost && (b.value > a.value || b.cost < a.cost)))
        .toSorted((a, b) => a.cost - b.cost)
      assert.deepEqual(
        await titles(page, '.front tr[data-reference]', 'data-reference'),
        best.map(({ reference, value, cost }) => [reference, [String(value), String(cost), '']]),
      )
      const named = await page.locator('.tradeoff svg .named').allTextContents()
      assert.ok(
        named.length > 3 && named.every((name) => best.some(({ reference }) => reference === name.replaceAll(/[\u2068\u2069]/g, ''))),
        String(named),
      )
    })

    it('is walked through by keyboard, and offers what can be done with an epoch', async () => {
      const rows = await titles(page, '.front tr[data-reference]', 'data-reference')
      await page.locator('.plot').focus()
      await page.keyboard.press('ArrowRight')
      assert.match(await saidLast(page), new RegExp(`^${rows[0]![0]}, val/accuracy .*, parameters .*, a best trade, 1 of ${rows.length}$`))
      await page.keyboard.press('End')
      assert.ok((await saidLast(page)).startsWith(`${rows.at(-1)![0]}, `))
      assert.match(await page.locator('.tip').innerText(), /a best trade/)
      await page.keyboard.press('ArrowDown')
      assert.doesNotMatch(await saidLast(page), /best trade/)
      await page.keyboard.press('Home')
      await page.keyboard.press('Enter')
      assert.deepEqual(await page.getByRole('menuitem').allInnerTexts(), [
        'Open',
        'Fork from Here...',
        'Select',
        'Check Out...',
        'Copy Reference',
      ])
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await says(alone, { type: 'act', action: 'fork', reference: rows[0]![0] })
      assert.equal(await page.evaluate(() => document.activeElement?.className), 'plot')
    })

    it('is pointed at and clicked', async () => {
      const circle = (await page.locator('.tradeoff circle.best').last().boundingBox())!
      await page.mouse.move(circle.x + 5, circle.y + 5)
      const rows = await titles(page, '.front tr[data-reference]', 'data-reference')
      assert.equal(await page.locator('.tip .name').textContent(), rows.at(-1)![0])
      await page.mouse.click(circle.x + 5, circle.y + 5)
      await page.getByRole('menuitem', { name: 'Copy Reference' }).click()
      await says(alone, { type: 'act', action: 'copyReference', reference: rows.at(-1)![0] })
      await page.locator('.front tr[data-reference] button').first().click()
      await page.getByRole('menuitem', { name: 'Open' }).click()
      await says(alone, { type: 'act', action: 'openEpoch', reference: rows[0]![0] })
    })

    it('is set against sparsity, weights or another metric, turned round, and on another axis', async () => {
      const references = async () => (await titles(page, '.front tr[data-reference]', 'data-reference')).map(([name]) => name)
      const byParameters = await references()
      const against = page.getByLabel('against', { exact: true })
      const answered = async (act: () => Promise<unknown>) => {
        const count = alone.told.length
        await act()
        await until('an answer', () => alone.told.length > count && alone.told.at(-1)!.type === 'answer')
        await settled(page)
      }
      await answered(() => against.selectOption('sparsity'))
      // The demo masks nothing: the sparsest are the smallest.
      assert.deepEqual(await references(), byParameters)
      await answered(() => against.selectOption('weights'))
      assert.match(await page.locator('.front td').nth(1).innerText(), /KiB$/)
      await answered(() => against.selectOption('val/loss'))
      assert.equal((await references()).length >= 1, true)
      await answered(() => page.locator('.tradeoff [data-key="direction val/accuracy"]').click())
      await answered(() => page.locator('.tradeoff [data-key="direction val/accuracy"]').click())
      assert.match(await page.locator('.tradeoff .status').innerText(), /Which way val\/accuracy gets better/)
      assert.equal(await page.locator('.front tr').count(), 0)
      await answered(() => page.locator('.tradeoff [data-key="direction val/accuracy"]').click())
      await answered(() => against.selectOption('parameters'))
      const ticks = () => page.locator('.tradeoff .tick').allTextContents()
      const logarithmic = await ticks()
      await page.getByLabel('Logarithmic').uncheck()
      assert.notDeepEqual(await ticks(), logarithmic)
      await page.getByLabel('Logarithmic').check()
      assert.deepEqual(await ticks(), logarithmic)
    })
  })

  it('compares a model with its own earlier epoch', async () => {
    await open({ references: ['digits@10', 'digits@30'] })
    await page.locator('.figures').waitFor()
    assert.deepEqual(await paragraphs(page, '.parted'), [
      'They share 10 epochs, 1 to 10.',
      'The history of digits@10 is all in that of digits@30, which goes on after epoch 10.',
      'digits@30 went on to epoch 30: 20 epochs of its own.',
    ])
    assert.match(
      (await paragraphs(page, '.effects')).join('\n'),
      /^No epoch of its own.*\nFrom epoch 10 to 30, [\d,]+ of [\d,]+ parameters were removed/,
    )
    assert.match((await page.locator('.lineage').getAttribute('aria-label'))!, /The history of digits@10 is all in that of digits@30/)
  })

  it('offers nothing that changes something where the folder is not trusted', async () => {
    await open({ references: ['digits', 'digits-2'], trusted: false })
    await show(page, 'tradeoff')
    await page.locator('.front tr[data-reference] button').first().click()
    assert.deepEqual(await page.getByRole('menuitem').allInnerTexts(), ['Open', 'Copy Reference'])
  })

  describe('of sessions that are hard to compare', () => {
    let hard: string
    let others: LocalStores
    const flat = (count: number, more: (i: number) => EpochOf): EpochOf[] => Array.from({ length: count }, (_, i) => more(i))
    before(async () => {
      hard = join(await emptyFolder(), '.epochtree')
      const shape = { a: [60, 50], b: [40, 40] } as const
      writeRun(hard, {
        kind: 1,
        name: HOSTILE,
        epochs: flat(4, (i) => ({ metrics: { 'val/loss': 'NaN', 'val/acc': 0.5, 'x/odd': i }, layers: shape })),
      })
      writeRun(hard, { kind: 2, name: LONG, epochs: flat(3, () => ({ metrics: { 'val/loss': 'NaN', 'val/acc': 0.5 } })) })
      writeRun(hard, {
        kind: 3,
        name: HEBREW,
        epochs: [{ metrics: { 'val/acc': 0.75, [`val/${HOSTILE}`]: 1 }, layers: shape, weights: 100 }],
      })
      writeRun(hard, { kind: 4, name: 'silent', epochs: flat(2, () => ({})) })
      for (let i = 0; i < 9; i++)
        writeRun(hard, {
          kind: 10 + i,
          name: `fork-${i}`,
          after: [1, 1 + (i % 3)],
          hyperparameters: { lr: i / 10 },
          epochs: flat(3, (e) => ({ metrics: { 'val/acc': 0.5 + i / 100 + e / 1000 }, layers: { a: [60 - i, 50 - i], b: [40, 40] } })),
        })
      others = new LocalStores(hard)
      await others.ingest()
    })
    after(async () => {
      await others.close()
    })
    const openHard = (references: readonly string[], options: Partial<AloneOptions> = {}) => open({ references, ...options }, hard, others)

    it('says that they have nothing in common, what is level, and what is not known', async () => {
      await openHard([HOSTILE, LONG])
      await page.locator('.figures').waitFor()
      assert.deepEqual(await paragraphs(page, '.parted'), [`${HOSTILE} and ${LONG} have no epoch in common.`])
      assert.deepEqual(await paragraphs(page, '.verdict'), [`${HOSTILE} and ${LONG} are level: val/acc 0.5.`])
      assert.deepEqual(await paragraphs(page, '.effects'), [
        'From epoch 1 to 4, nothing was removed or set to zero: 100 parameters.',
        'Not known: epoch 1 was committed without a graph.',
      ])
      await page.locator('.verdict select').selectOption('val/loss')
      await until(
        'the verdict',
        async () => (await paragraphs(page, '.verdict'))[0] === 'val/loss is NaN there, so none can be called better.',
      )
      assert.equal(await page.evaluate(() => (window as { broken?: boolean }).broken), undefined)
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true)
    })

    it('trades where there is one point, none, or all are alike', async () => {
      await show(page, 'tradeoff')
      await until('no points', async () =>
        /No epoch has both a number for val\/loss and for parameters/.test(await page.locator('.tradeoff .status').innerText()),
      )
      assert.equal(await page.locator('.plot').isVisible(), false)
      await page.getByLabel('Metric').selectOption('val/acc')
      await until('the points', async () => (await page.locator('.front tr[data-reference]').count()) === 1)
      assert.match(await page.locator('.tradeoff .status').innerText(), /one of the two figures is not there: 3/)
      assert.deepEqual(await titles(page, '.front tr[data-reference]', 'data-reference'), [[`${HOSTILE}@1`, ['0.5', '100', '']]])
      await openHard([HEBREW, 'silent'])
      await show(page, 'tradeoff')
      await until('one point', async () => (await page.locator('.front tr[data-reference]').count()) === 1)
      await page.locator('.plot').focus()
      await page.keyboard.press('ArrowRight')
      assert.equal(await saidLast(page), `${HEBREW}@1, val/acc 0.75, parameters 100, a best trade, 1 of 1`)
      await show(page, 'differences')
      await page.locator(`tr[data-name="val/acc"]`).waitFor()
      assert.equal(await page.locator('tr[data-name="val/acc"] td').nth(1).innerText(), '–')
    })

    it('holds twelve models, whose table is scrolled inside its region, at any width', async () => {
      const references = [HOSTILE, LONG, HEBREW, ...Array.from({ length: 9 }, (_, i) => `fork-${i}`)]
      await openHard(references, { size: { width: 1100, height: 800 } })
      await page.locator('.figures').waitFor()
      assert.equal(await page.locator('.figures tr[data-model]').count(), 12)
      assert.match((await paragraphs(page, '.verdict'))[0]!, new RegExp(`^${HEBREW} reaches val/acc 0.75, 0.168 more than fork-8\\.$`))
      await page.getByRole('button', { name: 'Show the history' }).click()
      assert.equal(await page.locator('.lineage circle').count(), 12)
      for (const view of ['differences', 'tradeoff', 'overview'])
        for (const width of [1100, 400, 2500]) {
          await show(page, view)
          await page.setViewportSize({ width, height: 800 })
          await settled(page)
          const wide = await page.evaluate(() => document.documentElement.scrollWidth)
          assert.ok(wide <= width, `${view} is ${wide} pixels wide at ${width}`)
        }
      await page.setViewportSize({ width: 1100, height: 800 })
      await show(page, 'differences')
      const region = page.getByRole('region', { name: 'Differences' })
      await region.evaluate((box) => box.scrollTo(600, 0))
      const [name, box] = [await page.locator('tr[data-name="val/acc"] th').boundingBox(), await region.boundingBox()]
      assert.ok(Math.abs(name!.x - box!.x) < 3, 'the names stay in sight')
    })

    it('is reordered and made smaller, and each model keeps its colour, through a reload too', async () => {
      await openHard(['fork-0', 'fork-1', 'fork-2'])
      const colours = async () =>
        Object.fromEntries(
          await page
            .locator('.top .models li')
            .evaluateAll((all) =>
              all.map((one) => [one.querySelector('bdi')!.textContent, getComputedStyle(one.querySelector('.swatch')!).backgroundColor]),
            ),
        )
      const first = await colours()
      assert.equal(new Set(Object.values(first)).size, 3)
      await show(page, 'differences')
      await page.locator('.differences [data-key="only"]').uncheck()
      await page.getByRole('button', { name: /^Move fork-2 up/ }).focus()
      await page.keyboard.press('Enter')
      await until('the other order', async () => String(await page.locator('.top .models bdi').allInnerTexts()) === 'fork-0,fork-2,fork-1')
      assert.deepEqual(await colours(), first)
      // The view, what was chosen in it and the focus stay.
      await page.locator('.differences').waitFor()
      assert.equal(await page.locator('.differences [data-key="only"]').isChecked(), false)
      assert.match((await page.locator(':focus').getAttribute('aria-label')) ?? '', /^Move fork-2 up/)
      await page.locator('.top .models li').first().hover()
      await page.getByRole('button', { name: /^Remove fork-0/ }).click()
      await until('two models', async () => String(await page.locator('.top .models bdi').allInnerTexts()) === 'fork-2,fork-1')
      assert.equal(await page.getByRole('button', { name: /^Remove/ }).count(), 0)
      const left = { 'fork-2': first['fork-2'], 'fork-1': first['fork-1'] }
      assert.deepEqual(await colours(), left)
      await page.reload()
      await page.locator('.differences').waitFor()
      assert.deepEqual(await colours(), left)
      await show(page, 'curves')
      await page.locator('.card canvas').first().waitFor()
      await page.locator('.card').first().getByRole('button', { name: 'Save' }).click()
      await page.getByRole('menuitem', { name: 'SVG' }).click()
      const saved = await until('the picture', () => Promise.resolve(alone.heard.findLast((one) => one.type === 'save')))
      const drawn = await page.evaluate(
        (svg) =>
          [...new DOMParser().parseFromString(svg, 'image/svg+xml').querySelectorAll('path')].map((path) => {
            const probe = document.body.appendChild(document.createElement('i'))
            probe.style.color = path.getAttribute('stroke') ?? ''
            const { color } = getComputedStyle(probe)
            probe.remove()
            return color
          }),
        saved.content,
      )
      const its = Object.values(first).filter((colour) => drawn.includes(colour))
      assert.deepEqual(its, [first['fork-1'], first['fork-2']])
    })

    it('trades among very many epochs: the best of all, and as many points as can be told apart', async () => {
      let seed = 1
      const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32
      const epochs = Array.from({ length: 7000 }, () => ({ 'val/acc': random(), 'val/time': random() }))
      writeRun(hard, { kind: 40, name: 'long', epochs: epochs.map((metrics) => ({ metrics })) })
      await others.ingest()
      await openHard(['long', 'fork-1'])
      await show(page, 'tradeoff')
      await page.getByLabel('against', { exact: true }).selectOption('val/time')
      // Time has no direction until the user gives it one: higher, then lower.
      await until('the question', async () => /Which way val\/time/.test(await page.locator('.tradeoff .status').innerText()))
      for (const way of ['higher is better', 'lower is better']) {
        await page.locator('.tradeoff [data-key="direction val/time"]').click()
        await until(way, async () => (await page.locator('.tradeoff [data-key="direction val/time"]').getAttribute('title')) === way)
      }
      const points = epochs.map((point, i) => ({ reference: `long@${i + 1}`, value: point['val/acc'], cost: point['val/time'] }))
      const best = points
        .filter((a) => !points.some((b) => b !== a && b.value >= a.value && b.cost <= a.cost))
        .toSorted((a, b) => a.cost - b.cost)
      const shown = () => titles(page, '.front tr[data-reference]', 'data-reference')
      await until('the front', async () => (await shown()).length === best.length)
      assert.deepEqual(
        await shown(),
        best.map(({ reference, value, cost }) => [reference, [String(value), String(cost), '']]),
      )
      assert.match(await page.locator('.tradeoff .status').innerText(), /Of 7,000 epochs, [3-6],\d{3} are drawn/)
    })

    it('stays where it is while a training goes on', async () => {
      await openHard(['fork-0', 'fork-1'])
      await show(page, 'differences')
      await page.getByLabel('Filter').fill('acc')
      await page.locator('[data-key="sort 1"]').focus()
      const goOn = async (...values: readonly number[]) => {
        writeRun(hard, {
          kind: 10,
          name: 'fork-0',
          after: [1, 1],
          epochs: [
            ...flat(3, (e) => ({ metrics: { 'val/acc': 0.5 + e / 1000 }, layers: { a: [60, 50], b: [40, 40] } as const })),
            ...values.map((value) => ({ metrics: { 'val/acc': value } })),
          ],
        })
        await others.ingest()
        await alone.renew()
      }
      const shows = (value: number) =>
        until('the new value', async () => (await titles(page, 'tr[data-name="val/acc"]', 'data-name'))[0]?.[1][0] === String(value))
      await goOn(0.9)
      await shows(0.9)
      assert.equal(await page.getByLabel('Filter').inputValue(), 'acc')
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-key')), 'sort 1')
      // What is held down while more comes is pressed all the same, and what came is shown then.
      const press = async (key: string, meanwhile: () => Promise<void>) => {
        await page.locator(`[data-key="${key}"]`).hover()
        await page.mouse.down()
        await meanwhile()
        await settled(page)
        await page.mouse.up()
      }
      const order = () => page.locator('th', { has: page.locator('[data-key="sort 1"]') }).getAttribute('aria-sort')
      const before = await order()
      await press('sort 1', () => goOn(0.9, 0.95))
      await until('another order', async () => (await order()) !== before)
      await shows(0.95)
      await press(`up ${alone.told.flatMap((one) => (one.type === 'show' ? [one.comparison.models[1]!.reference] : [])).at(-1)}`, () =>
        goOn(0.9, 0.95, 0.97),
      )
      await until('the other order', () => Promise.resolve(alone.heard.some(({ type }) => type === 'compare')))
    })
  })
})
