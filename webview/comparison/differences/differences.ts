import type { Effects, Point, Values, ValuesQuery } from '../../../server/protocol/comparison'
import type { Json } from '../../../server/protocol/model'
import { breakable, element, unseen } from '../../parts/element'
import { fill } from '../../parts/format'
import { redraw, redrawWhen } from '../../parts/redraw'
import { asking } from '../asking'
import { button, check, choice, searchField, sortable } from '../controls'
import { csv, rawText } from '../csv'
import { directionButton, directionOf, judged, metricChoice } from '../judging'
import { nameOf } from '../names'
import type { MakeView, Page } from '../page'
import { allRows, type Change, cellText, changeOf, chosen, type Group, groups, markdown, type Row, type Size, type Sorting } from './rows'

/** Rows of a group that are there at once; the rest on request. */
const MOST_ROWS = 100

/** What differs: settings, and figures at one point of all models, side by side. */
export const differences: MakeView = (page) => {
  const { texts, host } = page
  let values: Values | undefined
  let effects: Effects | undefined
  const more = new Map<Group, number>()
  const controls = element('div', { class: 'controls', role: 'group', 'aria-label': texts.differences })
  const filter = searchField(
    page,
    'differences.filter',
    texts.filter,
    () => {
      more.clear()
      draw()
    },
    texts.filterHint,
  )
  const tools = element('div', { class: 'controls tools' })
  const status = element('p', { class: 'status', role: 'status' })
  const table = element('table', {})
  const region = element('div', { class: 'scroll', role: 'region', 'aria-label': texts.differences, tabindex: 0 }, table)
  const box = element('div', { class: 'differences' }, controls, tools, status, region)

  const questions = asking(
    async (signal) => {
      ;[values, effects] = await Promise.all([host.ask('values', pointQuery(page), signal), host.ask('effects', null, signal)])
      gather()
      draw()
    },
    (reason) => {
      values = undefined
      gather()
      draw()
      status.textContent = reason
    },
  )
  function anew() {
    drawControls()
    questions.anew()
  }
  const title = (row: Row) => (row.group === 'size' ? texts[row.name as Size] : row.name)
  /** All that there is, found anew only when figures come in: a filter is asked with each letter. */
  let all: readonly Row[] = []
  const gather = () => (all = allRows(page.comparison, values, effects?.models.map(({ first }) => first) ?? []))
  const rows = () => chosen(all, { all: page.choice('differences.all') === true, text: filter.value, sorting: sortingOf(page), title })

  function draw() {
    const found = rows()
    status.textContent = found.length
      ? found.length === 1
        ? texts.oneRow
        : fill(texts.rowCount, found.length.toLocaleString(page.language))
      : filter.value.trim()
        ? fill(texts.noMatch, filter.value.trim())
        : values
          ? texts.noRows
          : texts.asking
    region.hidden = found.length === 0
    redraw(table, head(page, values, draw), ...groups.flatMap((group) => body(page, group, found, { more, draw, title }) ?? []))
  }

  function drawControls() {
    const metric = judged(page)
    const { lines, metrics } = page.comparison
    redrawWhen(controls, [pointOf(page), metric, metric && directionOf(page, metric), metrics.length, lines], () => {
      const only = check('only', texts.onlyDifferences, page.choice('differences.all') !== true, (checked) => {
        page.choose('differences.all', !checked)
        draw()
      })
      return [only, ...pointControls(page, anew)]
    })
  }

  const labels = () => page.comparison.models.map(({ label }) => label)
  const asCsv = () =>
    csv([['group', texts.settingName, ...labels()], ...rows().map((row) => [texts[row.group], title(row), ...row.values.map(rawText)])])
  const copied = (content: string) => {
    host.copy(content)
    page.say(fill(texts.copied, rows().length))
  }
  tools.append(
    filter,
    button('markdown', texts.copyMarkdown, () =>
      copied(
        markdown(
          rows().map((row) => [title(row), ...row.values.map((value, place) => plain(page, row, value, place))]),
          [texts.settingName, ...labels()],
        ),
      ),
    ),
    button('csv', texts.copyCsv, () => copied(asCsv())),
    button('save', texts.saveCsv, () => host.save('differences.csv', asCsv())),
  )
  gather()
  drawControls()
  draw()
  return {
    element: box,
    shown: anew,
    hidden: () => questions.stop(),
    renewed: () => {
      drawControls()
      questions.again()
    },
  }
}

const POINTS = ['compared', 'last', 'best', 'selected'] as const
const POINT_TEXTS = { compared: 'pointCompared', last: 'pointLast', best: 'pointBest', selected: 'pointSelected' } as const

function pointOf(page: Page): Point {
  const kept = page.choice('differences.at')
  if (typeof kept === 'number' && Number.isInteger(kept) && kept > 0) return kept
  return POINTS.find((point) => point === kept) ?? 'compared'
}

function pointQuery(page: Page): ValuesQuery {
  const at = pointOf(page)
  const metric = judged(page)
  const direction = metric === undefined ? null : directionOf(page, metric)
  return at === 'best' && metric !== undefined && direction ? { at, metric, direction } : { at }
}

/** At which epoch of each model figures are set side by side. */
function pointControls(page: Page, anew: () => void): HTMLElement[] {
  const { texts, comparison } = page
  const at = pointOf(page)
  const last = Math.max(...comparison.lines.map(({ to }) => to))
  const points = [...POINTS.map((point) => [point, texts[POINT_TEXTS[point]]] as const), ['epoch', texts.pointEpoch] as const]
  const made = [
    choice('at', texts.pointOf, points, typeof at === 'number' ? 'epoch' : at, (value) => {
      page.choose('differences.at', value === 'epoch' ? last : value)
      anew()
    }),
  ]
  if (typeof at === 'number') {
    const number = element('input', {
      type: 'number',
      min: 1,
      max: last,
      step: 1,
      value: at,
      'aria-label': texts.epochNumber,
      'data-key': 'number',
    })
    number.addEventListener('change', () => {
      if (!number.checkValidity() || number.value === '') return
      page.choose('differences.at', Number(number.value))
      anew()
    })
    made.push(number)
  }
  if (at === 'best') {
    const metric = judged(page)
    const changed = (chosenMetric: string) => {
      page.choose('metric', chosenMetric)
      anew()
    }
    made.push(element('span', { class: 'pair' }, texts.bestBy, ...metricChoice(page, { label: texts.bestBy, at: metric, changed })))
    if (metric !== undefined) made.push(directionButton(page, metric, anew))
  }
  return made
}

function sortingOf(page: Page): Sorting | undefined {
  const kept = page.choice('differences.sort')
  if (!Array.isArray(kept)) return undefined
  const [by, down] = kept as readonly Json[]
  if (typeof down !== 'boolean' || !(by === 'name' || (typeof by === 'number' && by in page.comparison.models))) return undefined
  return { by, down }
}

function head(page: Page, values: Values | undefined, draw: () => void): HTMLElement {
  const { comparison, texts } = page
  const sorting = sortingOf(page)
  /** Up, down, and as it was. */
  const column = (by: Sorting['by'], name: string, content: Node | string) => {
    const next = sorting?.by !== by ? [by, false] : sorting.down ? null : [by, true]
    const sort = () => {
      page.choose('differences.sort', next)
      draw()
    }
    return sortable(page, { by, name, content, sorting, sort })
  }
  return element(
    'thead',
    {},
    element(
      'tr',
      {},
      column('name', texts.settingName, texts.settingName),
      ...comparison.models.map(({ label }, i) => {
        const made = column(i, label, nameOf(page, i))
        const epoch = values?.epochs[i]
        if (values) made.append(element('div', { class: 'quiet at' }, epoch ? fill(texts.atEpoch, epoch.number) : texts.noEpochHere))
        return made
      }),
    ),
  )
}

interface Drawing {
  readonly more: Map<Group, number>
  readonly draw: () => void
  readonly title: (row: Row) => string
}

function body(page: Page, group: Group, all: readonly Row[], { more, draw, title }: Drawing): HTMLElement | undefined {
  const { comparison, texts, language } = page
  const rows = all.filter((row) => row.group === group)
  if (!rows.length) return undefined
  const shown = more.get(group) ?? MOST_ROWS
  const left = rows.length - shown
  const columns = comparison.models.length + 1
  const showMore = () => {
    more.set(group, shown + MOST_ROWS)
    draw()
  }
  const next = button(`more ${group}`, fill(texts.showMore, Math.min(left, MOST_ROWS)), showMore, 'link')
  return element(
    'tbody',
    { 'data-group': group },
    element(
      'tr',
      { class: 'group' },
      element(
        'th',
        { scope: 'rowgroup', colspan: columns },
        element('span', { class: 'stay' }, texts[group], element('span', { class: 'quiet' }, rows.length.toLocaleString(language))),
      ),
    ),
    ...rows.slice(0, shown).map((row) => line(page, row, title(row), draw)),
    left > 0 && element('tr', {}, element('td', { colspan: columns }, element('span', { class: 'stay' }, next))),
  )
}

function line(page: Page, row: Row, title: string, draw: () => void): HTMLElement {
  const { texts, language } = page
  const figure = row.group === 'metrics' || row.group === 'size'
  const direction = row.group === 'metrics' ? directionOf(page, row.name) : null
  const first = JSON.stringify(row.values[0] ?? null)
  const cells = row.values.map((value, place) => {
    const text = cellText(row, value, language)
    const found = changeOf(row, place, direction, language)
    const differs = !figure && place > 0 && JSON.stringify(value) !== first
    return element(
      'td',
      { class: figure ? 'figure' : `value${differs ? ' differs' : ''}`, title: rawText(value) || null },
      element('span', { class: 'of' }, text),
      found &&
        element(
          'span',
          { class: `change-of ${found.judged ?? 'quiet'}` },
          byText(page, found) + (found.share && ` ${found.share}`),
          found.judged && element('span', { 'aria-hidden': 'true' }, ` ${texts[found.judged]}`),
          found.judged && unseen(`, ${texts[found.judged]}`),
        ),
    )
  })
  return element(
    'tr',
    { 'data-name': row.name },
    element(
      'th',
      { scope: 'row', title: row.name },
      element('span', { class: 'title' }, ...breakable(title)),
      row.group === 'metrics' && directionButton(page, row.name, draw),
    ),
    ...cells,
  )
}

const byText = ({ texts }: Page, { by, points }: Change) => (points ? fill(texts.points, by) : by)

/** A cell as text: the value, and how far it is from the first. */
function plain(page: Page, row: Row, value: Json, place: number): string {
  const found = changeOf(row, place, row.group === 'metrics' ? directionOf(page, row.name) : null, page.language)
  return (
    cellText(row, value, page.language) +
    (found ? ` (${[byText(page, found), found.judged && page.texts[found.judged]].filter(Boolean).join(' ')})` : '')
  )
}
