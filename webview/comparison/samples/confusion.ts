import type { Confusion } from '../../../server/protocol/comparison'
import { element, heading, table as tableOf, unseen } from '../../parts/element'
import { fill, share, valueText } from '../../parts/format'
import { redraw } from '../../parts/redraw'
import { asking, newAnswers } from '../asking'
import { check, choice } from '../controls'
import { colourClass, nameOf } from '../names'
import type { Page } from '../page'
import { fieldOf } from './fields'
import { epochNotes, example, fieldOptions, type Given, note, type Part, section } from './part'

/** Longer names of classes stand upright over their columns. */
const SHORT_NAME = 4
/** Percent of colour in a cell, at most: what is written on it stays readable. */
const MOST_COLOUR = 50

/** Height of a row of a matrix, in pixels. */
const ROW = 23

type Cell = readonly [row: number, column: number]
type Table = NonNullable<Confusion['models'][number]>

/** Which labels are mistaken for which by each model. */
export function confusionPart(page: Page, fieldsChosen: () => void): Part {
  const { texts, host, language } = page
  let given: Given = { split: '', fields: [] }
  let found: Confusion | undefined
  let at: Cell = [0, 0]
  let marked: readonly HTMLElement[] = []
  let isNew = newAnswers<Confusion>()
  const controls = element('div', { class: 'controls' })
  const status = element('div', { class: 'status', role: 'status' })
  const body = element('div', { class: 'matrices' })
  const about = element('p', { class: 'cell-about quiet' })

  /** Matrices are made when they come into view, one after another: many large ones at once would keep the page busy. */
  const drawn = new Set<number>()
  const wanted: HTMLElement[] = []
  const figures = new IntersectionObserver(
    (entries) => {
      if (wanted.length === 0) setTimeout(drawNext)
      wanted.push(...entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target as HTMLElement))
    },
    { rootMargin: '300px' },
  )
  function drawNext() {
    const figure = wanted.shift()
    if (wanted.length > 0) setTimeout(drawNext)
    const place = Number(figure?.dataset['place'])
    const one = found?.models[place]
    if (!figure?.isConnected || !one || drawn.has(place)) return
    figures.unobserve(figure)
    drawn.add(place)
    figure.append(matrix(one, place, mostMistaken(found!)))
    figure.style.minHeight = ''
    look(at, false)
  }

  const chosen = (role: 'label' | 'prediction') => fieldOf(given.fields, role, page.choice(`samples.${role}`))
  const questions = asking(
    async (signal) => {
      const [label, prediction] = [chosen('label'), chosen('prediction')]
      if (label === undefined || prediction === undefined) return
      const answer = await host.ask('confusion', { split: given.split, label, prediction }, signal)
      found = answer
      if (isNew(answer)) draw()
    },
    (reason) => {
      found = undefined
      isNew = newAnswers()
      draw(reason)
    },
  )

  function drawControls() {
    const field = (role: 'label' | 'prediction', label: string) => {
      const now = chosen(role)
      return choice(
        role,
        label,
        [...(now === undefined ? [['', texts.chooseField] as const] : []), ...fieldOptions(given.fields)],
        now,
        (value) => {
          page.choose(`samples.${role}`, value)
          fieldsChosen()
        },
      )
    }
    redraw(
      controls,
      field('label', texts.labelField),
      field('prediction', texts.predictionField),
      check('shares', texts.asShares, page.choice('samples.shares') === true, (checked) => {
        page.choose('samples.shares', checked)
        draw()
      }),
    )
  }

  function draw(reason?: string) {
    const known = chosen('label') !== undefined && chosen('prediction') !== undefined
    status.replaceChildren(...(known ? notes(reason) : []))
    if (!known) return redraw(body, example(page, texts.noLabels, ['label', 'prediction'], given.split))
    const size = found?.classes.length ?? 0
    if (size === 0) return redraw(body)
    at = [Math.min(at[0], size - 1), Math.min(at[1], size - 1)]
    const most = mostMistaken(found!)
    const active = body.contains(document.activeElement) ? document.activeElement?.closest<HTMLElement>('figure') : undefined
    figures.disconnect()
    wanted.length = 0
    redraw(
      body,
      about,
      ...found!.models.flatMap((one, place) => {
        if (!one) return []
        const figure = element('figure', { 'data-place': place }, caption(one, place))
        if (drawn.has(place)) figure.append(matrix(one, place, most))
        else {
          // As high as it will be, so that only what is in view is drawn.
          figure.style.minHeight = `${(size + 4) * ROW}px`
          figures.observe(figure)
        }
        return [figure]
      }),
    )
    look(at, false)
    if (active) cellOf(body.querySelector(`figure[data-place="${active.dataset['place']}"] table`), at)?.focus({ preventScroll: true })
  }

  function notes(reason: string | undefined): HTMLElement[] {
    if (reason !== undefined) return [note(reason, 'trouble')]
    if (!found) return [note(texts.asking)]
    if (found.epochs.every((epoch) => epoch === null)) return [note(texts.samplesMissingAll)]
    if (!found.classes.length) return [note(texts.noJudged)]
    const shown = found.classes.length
    return [
      ...(found.moreClasses ? [note(fill(texts.moreClasses, (shown + found.moreClasses).toLocaleString(language), shown))] : []),
      ...epochNotes(page, found.epochs),
    ]
  }

  function caption({ right, count }: Table, place: number): HTMLElement {
    const first = found!.models[0]
    const by = place > 0 && first && first.count > 0 && count > 0 ? right / count - first.right / first.count : 0
    const points = (100 * Math.abs(by)).toLocaleString(language, { maximumFractionDigits: 1 })
    return element(
      'figcaption',
      {},
      nameOf(page, place),
      element('span', { class: 'strong' }, share(right, count, language)),
      element('span', { class: 'quiet' }, fill(texts.rightOf, right.toLocaleString(language), count.toLocaleString(language))),
      by !== 0 &&
        element(
          'span',
          { class: by > 0 ? 'better' : 'worse' },
          `${by > 0 ? '+' : '−'}${fill(texts.points, points)}`,
          unseen(`, ${by > 0 ? texts.better : texts.worse}`),
        ),
    )
  }

  function matrix({ counts }: Table, place: number, most: number): HTMLElement {
    const names = found!.classes.map((one) => valueText(one))
    const shares = page.choice('samples.shares') === true
    const totals = counts.map(sum)
    const predicted = names.map((_, column) => sum(counts.map((row) => row[column]!)))
    const upright = names.some((name) => name.length > SHORT_NAME)
    const name = (text: string) => element('span', { class: 'class-name', title: text }, text)
    const rows = counts.map((row, i) =>
      element(
        'tr',
        {},
        heading(name(names[i]!), { scope: 'row' }),
        ...row.map((count, j) => cell(count, totals[i]!, i === j, most, shares)),
        element('td', { class: 'figure total' }, totals[i]!.toLocaleString(language)),
        element('td', { class: 'figure total' }, totals[i] ? share(row[i]!, totals[i], language) : '–'),
      ),
    )
    const foot = [
      element(
        'tr',
        { class: 'foot' },
        heading(texts.allSamples, { scope: 'row' }),
        ...predicted.map((count) => element('td', { class: 'figure total' }, count.toLocaleString(language))),
        element('td', { class: 'figure total' }, sum(totals).toLocaleString(language)),
        element('td', {}),
      ),
      element(
        'tr',
        { class: 'foot' },
        heading(texts.rightShare, { scope: 'row' }),
        ...predicted.map((count, i) => element('td', { class: 'figure total share-of' }, count ? percent(counts[i]![i]!, count) : '–')),
        element('td', {}),
        element('td', { class: 'figure total' }, share(sum(counts.map((row, i) => row[i]!)), sum(totals), language)),
      ),
    ]
    const made = tableOf(
      fill(texts.matrixOf, page.comparison.models[place]!.label),
      [
        heading(
          element(
            'div',
            { class: 'corner quiet' },
            element('span', {}, `${texts.predictionAcross} →`),
            element('span', {}, `${texts.labelDown} ↓`),
          ),
        ),
        ...names.map((text) => heading(name(text), { class: 'figure' })),
        heading(texts.allSamples, { class: 'figure total' }),
        heading(texts.rightShare, { class: 'figure total' }),
      ],
      [...rows, ...foot],
      { class: `matrix ${colourClass([place])}${upright ? ' upright' : ''}` },
    )
    // The cells are gone through one by one, not the whole as a region that is moved.
    made.removeAttribute('tabindex')
    const grid = made.querySelector('table')
    made.addEventListener('keydown', (event) => {
      const [row, column] = at
      const last = names.length - 1
      const moves: Readonly<Record<string, Cell>> = {
        ArrowUp: [row - 1, column],
        ArrowDown: [row + 1, column],
        ArrowLeft: [row, column - 1],
        ArrowRight: [row, column + 1],
        Home: [row, 0],
        End: [row, last],
        PageUp: [0, column],
        PageDown: [last, column],
      }
      const next = moves[event.key]
      if (!next) return
      event.preventDefault()
      const inside = (one: number) => Math.min(last, Math.max(0, one))
      look([inside(next[0]), inside(next[1])], true)
      cellOf(grid, at)?.focus()
    })
    const lookAt = ({ target }: Event) => {
      const of = target instanceof Element ? target.closest('td') : null
      const row = of?.parentElement
      if (of?.classList.contains('cell') && row instanceof HTMLTableRowElement) look([row.rowIndex - 1, of.cellIndex - 1], true)
    }
    made.addEventListener('focusin', lookAt)
    made.addEventListener('pointerover', lookAt)
    made.addEventListener('click', (event) => {
      lookAt(event)
      cellOf(grid, at)?.focus()
    })
    return made
  }

  const percents = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })
  const percent = (part: number, whole: number) => percents.format(part / whole)

  function cell(count: number, total: number, right: boolean, most: number, shares: boolean): HTMLElement {
    const made = element('td', { class: `figure cell ${right ? 'right' : 'mistaken'}${count === 0 ? ' none' : ''}` })
    if (count === 0) return made
    made.textContent = shares ? percent(count, total) : count.toLocaleString(language)
    made.style.setProperty('--share', `${(right ? count / total : 0.2 + (0.8 * count) / total / most) * MOST_COLOUR}%`)
    return made
  }

  /** Marks a cell in all matrices, and says what it holds in each. */
  function look(cellAt: Cell, told: boolean) {
    at = cellAt
    const before = marked
    marked = [...body.querySelectorAll('table')].flatMap((table) => cellOf(table, at) ?? [])
    for (const one of before) {
      // What has the focus would lose it with its place among the keys.
      if (marked.includes(one)) continue
      one.removeAttribute('tabindex')
      one.classList.remove('at')
    }
    for (const one of marked) {
      one.setAttribute('tabindex', '0')
      one.classList.toggle('at', told)
    }
    about.textContent = told ? cellText(...at) : texts.cellHint
  }

  function cellText(row: number, column: number): string {
    const name = (place: number) => valueText(found!.classes[place])
    const each = found!.models.flatMap((one, place) => {
      if (!one) return []
      const [count, total] = [one.counts[row]![column]!, sum(one.counts[row]!)]
      const of = fill(texts.cellOf, count.toLocaleString(language), total.toLocaleString(language))
      return [`${page.comparison.models[place]!.label} ${of} (${share(count, total, language)})`]
    })
    return fill(texts.cellAbout, name(row), name(column), new Intl.ListFormat(language, { type: 'unit' }).format(each))
  }

  return {
    element: section('confusion', texts.labelsAndPredictions, controls, status, body),
    anew: (next) => {
      given = next
      found = undefined
      drawn.clear()
      isNew = newAnswers()
      drawControls()
      draw()
      questions.anew()
    },
    again: () => questions.again(),
    stop: () => questions.stop(),
  }
}

const cellOf = (table: HTMLTableElement | null, [row, column]: Cell) => table?.rows[row + 1]?.cells[column + 1]
const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)

/** The largest share of a label that was mistaken for another one by any model. */
function mostMistaken({ models }: Confusion): number {
  let most = 0
  for (const model of models)
    for (const [i, row] of model?.counts.entries() ?? []) {
      const total = sum(row)
      for (const [j, count] of row.entries()) if (i !== j && total > 0) most = Math.max(most, count / total)
    }
  return most || 1
}
