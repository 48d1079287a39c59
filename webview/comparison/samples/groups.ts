import type { SampleGroups } from '../../../server/protocol/comparison'
import { element, heading, table as tableOf, unseen } from '../../parts/element'
import { fill, short, valueText } from '../../parts/format'
import { redraw } from '../../parts/redraw'
import { asking, newAnswers } from '../asking'
import { button, check, choice, sortable } from '../controls'
import { numberOf } from '../figures'
import { directionButton, directionOf } from '../judging'
import { nameOf } from '../names'
import type { Page } from '../page'
import { measured } from './fields'
import { bar, changeOf, type GroupRow, sorted, type SortBy, type Sorting } from './order'
import { epochNotes, example, fieldOptions, type Given, note, type Part, section } from './part'

/** Rows that are there at once; the rest on request. */
const MOST_ROWS = 100
/** With more models the bars of a group are thin. */
const MOST_THICK = 4

/** The mean of a field for each value of another, for all models side by side. */
export function groupsPart(page: Page): Part {
  const { texts, host, language } = page
  let given: Given = { split: '', fields: [] }
  let found: SampleGroups | undefined
  let rowsShown = MOST_ROWS
  let isNew = newAnswers<SampleGroups>()
  const controls = element('div', { class: 'controls' })
  const status = element('div', { class: 'status', role: 'status' })
  const body = element('div', {})

  const chosen = () => measured(given.fields, page.choice('samples.by'), page.choice('samples.field'))
  const named = () => given.fields.find(({ name }) => name === chosen()?.field)?.direction ?? null
  const metric = () => `${given.split}/${chosen()?.field}`
  const direction = () => directionOf(page, metric(), named())

  const questions = asking(
    async (signal) => {
      const fields = chosen()
      if (!fields) return
      const answer = await host.ask('samples', { split: given.split, ...fields, better: direction() }, signal)
      found = answer
      if (isNew(answer)) draw()
    },
    (reason) => {
      found = undefined
      isNew = newAnswers()
      draw(reason)
    },
  )

  function anew() {
    found = undefined
    rowsShown = MOST_ROWS
    isNew = newAnswers()
    drawControls()
    draw()
    questions.anew()
  }

  /** Which of very many groups are the worst is another question; the order of those that are here is not. */
  function turned() {
    if (found?.moreGroups === 0) {
      drawControls()
      draw()
    } else anew()
  }

  function drawControls() {
    const fields = chosen()
    if (!fields) return redraw(controls)
    const choose = (name: string) => (value: string) => {
      page.choose(name, value)
      anew()
    }
    redraw(
      controls,
      choice(
        'measure',
        texts.measureOf,
        fieldOptions(given.fields.filter(({ numeric, name }) => numeric && name !== fields.by)),
        fields.field,
        choose('samples.field'),
      ),
      directionButton(page, metric(), turned, named()),
      choice('by', texts.groupOf, fieldOptions(given.fields.filter(({ name }) => name !== fields.field)), fields.by, choose('samples.by')),
      check('range', texts.minAndMax, page.choice('samples.range') === true, (checked) => {
        page.choose('samples.range', checked)
        draw()
      }),
    )
  }

  function draw(reason?: string) {
    const fields = chosen()
    if (!fields) {
      status.replaceChildren()
      return redraw(body, example(page, fill(texts.noMeasure, given.split), ['label', 'loss'], given.split))
    }
    status.replaceChildren(...notes(reason))
    if (!found?.groups.length) return redraw(body)
    const rows = sorted(found.groups, sortingOf(page), direction())
    const left = rows.length - rowsShown
    redraw(
      body,
      table(fields, rows.slice(0, rowsShown)),
      left > 0
        ? button(
            'more groups',
            fill(texts.showMore, Math.min(left, MOST_ROWS)),
            () => {
              rowsShown += MOST_ROWS
              draw()
            },
            'link',
          )
        : undefined,
    )
  }

  function notes(reason: string | undefined): HTMLElement[] {
    if (reason !== undefined) return [note(reason, 'trouble')]
    if (!found) return [note(texts.asking)]
    if (found.epochs.every((epoch) => epoch === null)) return [note(texts.samplesMissingAll)]
    const { length } = found.groups
    const count = length === 1 ? texts.oneGroup : fill(texts.groupCount, length.toLocaleString(language))
    const order = sortingOf(page) ? '' : `, ${direction() === null ? texts.largestFirst : texts.worstFirst}`
    return [
      note(count + order),
      ...(found.moreGroups
        ? [note(fill(texts.moreGroups, (length + found.moreGroups).toLocaleString(language), length.toLocaleString(language)))]
        : []),
      ...epochNotes(page, found.epochs),
    ]
  }

  function table({ by, field }: { by: string; field: string }, rows: readonly GroupRow[]): HTMLElement {
    const { models } = page.comparison
    const means = found!.groups.flatMap((row) => row.models.flatMap((one) => (one ? [numberOf(one.mean)] : [])))
    const of = `${field} ${texts.groupOf} ${by}`
    const head = [
      column('group', by, by),
      heading(texts.bars, { class: 'bars', 'aria-hidden': 'true' }),
      ...models.flatMap(({ label }, i) => [
        column(`mean ${i}`, fill(texts.meanOf, label), nameOf(page, i), 'figure'),
        ...(i > 0 ? [column(`change ${i}`, fill(texts.changeOf, label, models[0]!.label), texts.changeAgainst, 'figure change-head')] : []),
      ]),
      column('count', texts.sampleCount, texts.sampleCount, 'figure'),
    ]
    return tableOf(
      of,
      head,
      rows.map((row) => groupRow(page, row, direction(), means)),
      { class: models.length > MOST_THICK ? 'thin' : null },
    )
  }

  /** Down, up, and as it was: the worst change first. */
  function column(by: SortBy, name: string, content: Node | string, kind?: string): HTMLElement {
    const sorting = sortingOf(page)
    const next = sorting?.by !== by ? [by, true] : sorting.down ? [by, false] : null
    return sortable(page, {
      by,
      name,
      content,
      sorting,
      kind,
      sort: () => {
        page.choose('samples.sort', next)
        draw()
      },
    })
  }

  return {
    element: section('groups', texts.byGroup, controls, status, body),
    anew: (next) => {
      given = next
      anew()
    },
    again: () => questions.again(),
    stop: () => questions.stop(),
  }
}

function sortingOf(page: Page): Sorting | undefined {
  const value = page.choice('samples.sort')
  if (!Array.isArray(value)) return undefined
  const [by, down] = value as readonly unknown[]
  if (typeof by !== 'string' || typeof down !== 'boolean') return undefined
  const place = /^(?:mean|change) (\d+)$/.exec(by)?.[1]
  if (by !== 'group' && by !== 'count' && !(place !== undefined && Number(place) < page.comparison.models.length)) return undefined
  return { by: by as SortBy, down }
}

function groupRow(page: Page, row: GroupRow, direction: 'lower' | 'higher' | null, means: readonly number[]): HTMLTableRowElement {
  const { texts, language } = page
  const range = page.choice('samples.range') === true
  const counts = row.models.map((one) => one?.count ?? 0)
  const alike = counts.every((count) => count === counts[0])
  return element(
    'tr',
    { 'data-group': valueText(row.group) },
    element('th', { scope: 'row', title: valueText(row.group) }, valueText(row.group)),
    element(
      'td',
      { class: 'bars', 'aria-hidden': 'true' },
      ...row.models.map((one, place) => barOf(place, one && numberOf(one.mean), means)),
    ),
    ...row.models.flatMap((one, place) => {
      const found = changeOf(row, place, direction, language)
      return [
        element(
          'td',
          { class: 'figure mean', title: one ? String(one.mean) : texts.noField },
          one ? short(one.mean, language) : '–',
          one && range && element('div', { class: 'quiet range' }, fill(texts.range, short(one.min, language), short(one.max, language))),
        ),
        place > 0 &&
          element(
            'td',
            { class: `figure change-of ${found?.judged ?? 'quiet'}` },
            found ? found.by : '–',
            found?.share && element('span', { class: 'share' }, ` ${found.share}`),
            found?.judged && unseen(`, ${texts[found.judged]}`),
          ),
      ].filter((cell) => cell !== false)
    }),
    element(
      'td',
      { class: 'figure' },
      alike ? counts[0]!.toLocaleString(language) : counts.map((count) => count.toLocaleString(language)).join(' / '),
    ),
  )
}

function barOf(place: number, mean: number | null, means: readonly number[]): HTMLElement {
  const made = element('span', { class: `bar model-${place}` })
  const found = mean === null ? undefined : bar(mean, means)
  made.style.marginInlineStart = `${(found?.start ?? 0) * 100}%`
  made.style.width = `${(found?.length ?? 0) * 100}%`
  return made
}
