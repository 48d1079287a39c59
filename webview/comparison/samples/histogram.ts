import type { Histogram } from '../../../server/protocol/comparison'
import { element, heading, svg, table as tableOf } from '../../parts/element'
import { fill, share, short } from '../../parts/format'
import { redraw } from '../../parts/redraw'
import { asking, newAnswers } from '../asking'
import { check, choice } from '../controls'
import { colourClass, nameOf } from '../names'
import type { Page } from '../page'
import { logTicks, ticks, tickTexts } from '../ticks'
import { measured } from './fields'
import { epochNotes, fieldOptions, type Given, note, type Part, section } from './part'
import { outline, place as placeOf } from './shape'

const BINS = 40
const MOST_TICKS = 8

/** How the values of a field lie, all models over each other. */
export function histogramPart(page: Page): Part {
  const { texts, host, language } = page
  let given: Given = { split: '', fields: [] }
  let found: Histogram | undefined
  let at: number | undefined
  let isNew = newAnswers<Histogram>()
  const controls = element('div', { class: 'controls' })
  const status = element('div', { class: 'status', role: 'status' })
  const legend = element('ul', { class: 'legend' })
  const about = element('p', { class: 'quiet bin-about' })
  const plot = element('div', { class: 'plot', role: 'application', tabindex: 0 })
  const values = element('details', {}, element('summary', {}, texts.tableOfBins))
  const chart = element('div', { hidden: true }, legend, plot, about, values)

  const numeric = () => given.fields.filter((one) => one.numeric)
  const chosen = (): string | undefined => {
    const kept = page.choice('samples.histogram')
    return (
      numeric().find(({ name }) => name === kept)?.name ??
      measured(given.fields, page.choice('samples.by'), page.choice('samples.field'))?.field ??
      numeric()[0]?.name
    )
  }
  const isLog = () => page.choice('samples.log') === true
  const questions = asking(
    async (signal) => {
      const field = chosen()
      if (field === undefined) return
      const answer = await host.ask('histogram', { split: given.split, field, bins: BINS, log: isLog() }, signal)
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
    at = undefined
    isNew = newAnswers()
    drawControls()
    draw()
    questions.anew()
  }

  function drawControls() {
    if (chosen() === undefined) return redraw(controls)
    redraw(
      controls,
      choice('histogram', texts.distributionOf, fieldOptions(numeric()), chosen(), (value) => {
        page.choose('samples.histogram', value)
        anew()
      }),
      check('log', texts.logAxis, isLog(), (checked) => {
        page.choose('samples.log', checked)
        anew()
      }),
    )
  }

  function draw(reason?: string) {
    status.replaceChildren(...notes(reason))
    const bins = found ? found.edges.length - 1 : 0
    chart.hidden = bins < 1
    if (bins < 1) return
    if (at !== undefined && at >= bins) at = undefined
    legend.replaceChildren(
      ...found!.models.flatMap((one, place) =>
        one
          ? [
              element(
                'li',
                {},
                nameOf(page, place),
                element(
                  'span',
                  { class: 'quiet' },
                  fill(texts.meanIn, short(one.mean, language), (one.count - one.outside).toLocaleString(language)),
                ),
              ),
            ]
          : [],
      ),
    )
    plot.setAttribute('aria-label', `${texts.distribution}: ${chosen()}. ${texts.binHint}`)
    drawPlot()
    drawTable()
    look(at)
  }

  function notes(reason: string | undefined): HTMLElement[] {
    const field = chosen()
    if (field === undefined) return [note(fill(texts.noNumbers, given.split))]
    if (reason !== undefined) return [note(reason, 'trouble')]
    if (!found) return [note(texts.asking)]
    if (found.edges.length === 0) return [note(fill(isLog() ? texts.noPositive : texts.noFinite, field))]
    const outside = found.models.flatMap((one, place) =>
      one?.outside
        ? [
            note(
              fill(isLog() ? texts.outsideLog : texts.outside, page.comparison.models[place]!.label, one.outside.toLocaleString(language)),
            ),
          ]
        : [],
    )
    return [...epochNotes(page, found.epochs), ...outside]
  }

  /** Shares where the models have different numbers of samples: else a model would only look larger. */
  function heights(): { readonly of: readonly (readonly number[] | null)[]; readonly shares: boolean } {
    const { models } = found!
    const inside = models.flatMap((one) => (one ? [one.count - one.outside] : []))
    const shares = inside.some((count) => count !== inside[0])
    return {
      shares,
      of: models.map((one) => one && (shares ? one.counts.map((count) => count / Math.max(1, one.count - one.outside)) : one.counts)),
    }
  }

  function drawPlot() {
    const { edges } = found!
    const { of, shares } = heights()
    const most = of.reduce((all, one) => Math.max(all, ...(one ?? [])), 0) || 1
    const places = edges.map((edge) => placeOf(edge, edges, isLog()))
    const marks = ticks(0, most, 4, !shares)
    const markTexts = shares ? marks.map((mark) => share(mark, 1, language)) : tickTexts(marks, language)
    const area = element('div', { class: 'area', 'aria-hidden': 'true' })
    const picture = svg(
      'svg',
      { viewBox: '0 0 1 1', preserveAspectRatio: 'none' },
      ...marks.map((mark) => svg('line', { class: 'grid', x1: 0, x2: 1, y1: 1 - mark / most, y2: 1 - mark / most })),
      ...of.flatMap((one, place) =>
        one
          ? [
              svg('path', { class: `fill ${colourClass([place])}`, d: outline(places, one, most, true) }),
              svg('path', { class: `edge ${colourClass([place])}`, d: outline(places, one, most, false) }),
            ]
          : [],
      ),
    )
    const band = element('span', { class: 'band', hidden: true })
    area.append(picture, band)
    for (const [i, mark] of marks.entries()) {
      const text = element('span', { class: 'mark y' }, markTexts[i])
      text.style.bottom = `${(mark / most) * 100}%`
      area.append(text)
    }
    for (const [value, text] of xMarks(edges)) {
      const mark = element('span', { class: 'mark x' }, text)
      mark.style.left = `${placeOf(value, edges, isLog()) * 100}%`
      area.append(mark)
    }
    plot.replaceChildren(area, element('span', { class: 'axis', 'aria-hidden': 'true' }, shares ? texts.shareAxis : texts.countAxis))
    area.addEventListener('pointermove', ({ clientX }) => {
      const { left, width } = area.getBoundingClientRect()
      const x = (clientX - left) / width
      look(
        Math.max(
          0,
          places.findLastIndex((place) => place <= x) === places.length - 1
            ? places.length - 2
            : places.findLastIndex((place) => place <= x),
        ),
      )
    })
    area.addEventListener('pointerleave', () => look(undefined))
  }

  function xMarks(edges: readonly number[]): (readonly [number, string])[] {
    const [low, high] = [edges[0]!, edges.at(-1)!]
    if (low === high) return [[low, short(low, language)]]
    const marks = isLog() ? logTicks(low, high, MOST_TICKS) : ticks(low, high, MOST_TICKS).filter((mark) => mark >= low && mark <= high)
    const written = isLog() ? marks.map((mark) => short(mark, language)) : tickTexts(marks, language)
    return marks.map((mark, i) => [mark, written[i]!])
  }

  const binText = (bin: number) =>
    isWhole(found!.edges)
      ? (found!.edges[bin]! + 0.5).toLocaleString(language)
      : found!.edges[bin] === found!.edges[bin + 1]
        ? short(found!.edges[bin]!, language)
        : fill(texts.binOf, short(found!.edges[bin]!, language), short(found!.edges[bin + 1]!, language))

  function countText(one: NonNullable<Histogram['models'][number]>, bin: number): string {
    const count = one.counts[bin]!
    return `${count.toLocaleString(language)} (${share(count, one.count - one.outside, language)})`
  }

  /** Looks at a bin; by keyboard it is said too. */
  function look(bin: number | undefined, aloud = false) {
    at = bin
    const band = plot.querySelector<HTMLElement>('.band')
    if (!band || !found) return
    band.hidden = bin === undefined
    if (bin === undefined) {
      about.textContent = texts.binHint
      return
    }
    const { edges, models } = found
    const [from, to] = [bin, bin + 1].map((i) => placeOf(edges[i]!, edges, isLog())) as [number, number]
    band.style.left = `${from * 100}%`
    band.style.width = `${(to - from || 1) * 100}%`
    const each = models.flatMap((one, place) => (one ? [`${page.comparison.models[place]!.label} ${countText(one, bin)}`] : []))
    const text = `${binText(bin)}: ${new Intl.ListFormat(language, { type: 'unit' }).format(each)}`
    about.textContent = text
    if (aloud) page.say(text)
  }

  plot.addEventListener('keydown', (event) => {
    const bins = (found?.edges.length ?? 0) - 1
    if (bins < 1) return
    const moves: Readonly<Record<string, number | undefined>> = {
      ArrowRight: at === undefined ? 0 : Math.min(at + 1, bins - 1),
      ArrowLeft: at === undefined ? bins - 1 : Math.max(at - 1, 0),
      Home: 0,
      End: bins - 1,
      Escape: undefined,
    }
    if (!(event.key in moves)) return
    event.preventDefault()
    look(moves[event.key], true)
  })

  /** Made when it is opened: it says what the picture shows. */
  function drawTable() {
    if (!values.open) return
    const { edges, models } = found!
    const there = models.flatMap((one, place) => (one ? [{ one, place }] : []))
    values.querySelector('.scroll')?.remove()
    values.append(
      tableOf(
        texts.tableOfBins,
        [texts.binHead, ...there.map(({ place }) => heading(nameOf(page, place), { class: 'figure' }))],
        edges
          .slice(1)
          .map((_, bin) =>
            element(
              'tr',
              {},
              heading(binText(bin), { scope: 'row' }),
              ...there.map(({ one }) => element('td', { class: 'figure' }, countText(one, bin))),
            ),
          ),
      ),
    )
  }
  values.addEventListener('toggle', () => found && drawTable())

  return {
    element: section('histogram', texts.distribution, controls, status, chart),
    anew: (next) => {
      given = next
      anew()
    },
    again: () => questions.again(),
    stop: () => questions.stop(),
  }
}

/** Bins of one whole number each. */
const isWhole = (edges: readonly number[]) =>
  edges.length > 1 && edges.every((edge) => edge % 1 !== 0 && (edge * 2) % 1 === 0) && 1 === edges[1]! - edges[0]!
