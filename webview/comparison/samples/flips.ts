import type { Flips, FlipsQuery } from '../../../server/protocol/comparison'
import { element, heading, table as tableOf } from '../../parts/element'
import { fill, share, valueText } from '../../parts/format'
import { redraw } from '../../parts/redraw'
import { asking, newAnswers } from '../asking'
import { button, choice, searchField } from '../controls'
import { csv, rawText } from '../csv'
import { nameOf } from '../names'
import type { Page } from '../page'
import { fieldOf } from './fields'
import { epochNotes, example, fieldOptions, type Given, note, type Part, section } from './part'

/** Samples that are asked for at once, and shown at once. */
const MOST_ASKED = 1000
const MOST_ROWS = 50
/** Samples that are saved. */
const MOST_SAVED = 100_000
const TYPING_MS = 200

type Flipped = Flips['samples'][number]

/** Which samples one model has right and another wrong. */
export function flipsPart(page: Page): Part {
  const { texts, host, language } = page
  let given: Given = { split: '', fields: [] }
  /** All that changed, as far as it was sent; and, where that isn't all, what was searched for. */
  let found: Flips | undefined
  let searched: { readonly of: string; readonly flips: Flips } | undefined
  let rowsShown = MOST_ROWS
  let isNew = newAnswers<Flips>()
  const controls = element('div', { class: 'controls' })
  const status = element('div', { class: 'status', role: 'status' })
  const counts = element('div', { class: 'counts' })
  const tools = element('div', { class: 'controls tools' })
  const about = element('p', { class: 'quiet', role: 'status' })
  const list = element('div', { class: 'list' })

  const chosen = (role: 'label' | 'prediction' | 'sample') => fieldOf(given.fields, role, page.choice(`samples.${role}`))
  const to = (): FlipsQuery['to'] => {
    const kept = page.choice('samples.to')
    return kept === 'right' || kept === 'wrong' ? kept : null
  }
  const pair = (): readonly [number, number] => {
    const kept = page.choice('samples.pair')
    const { length } = page.comparison.models
    if (Array.isArray(kept)) {
      const [a, b] = kept as readonly unknown[]
      if (typeof a === 'number' && typeof b === 'number' && a !== b && a < length && b < length) return [a, b]
    }
    return [0, 1]
  }
  const labels = () => pair().map((place) => page.comparison.models[place]!.label) as [string, string]

  function query(more: Pick<FlipsQuery, 'to' | 'search' | 'most'>): FlipsQuery | undefined {
    const [label, prediction, sample] = [chosen('label'), chosen('prediction'), chosen('sample')]
    if (label === undefined || prediction === undefined || sample === undefined) return undefined
    const [a, b] = pair()
    return { split: given.split, label, prediction, sample, a, b, ...more }
  }
  const questions = asking(
    async (signal) => {
      const all = query({ to: null, search: '', most: MOST_ASKED })
      if (!all) return
      const answer = await host.ask('flips', all, signal)
      found = answer
      if (!isNew(answer)) return
      draw()
      if (answer.moreSamples) searching.again()
    },
    (reason) => {
      found = undefined
      isNew = newAnswers()
      draw(reason)
    },
  )
  /** Only where not all that changed is here already. */
  const searching = asking(
    async (signal) => {
      const [asked, of] = [query({ to: to(), search: search(), most: MOST_ASKED }), searchKey()]
      if (!asked || !found?.moreSamples || (asked.to === null && asked.search === '')) return
      searched = { of, flips: await host.ask('flips', asked, signal) }
      drawList()
    },
    (reason) => {
      isNew = newAnswers()
      about.textContent = reason
    },
  )
  const searchKey = () => `${to()} ${search()}`
  let typing: ReturnType<typeof setTimeout> | undefined
  const input = searchField(page, 'samples.search', texts.searchSamples, () => {
    rowsShown = MOST_ROWS
    drawList()
    clearTimeout(typing)
    typing = setTimeout(() => searching.anew(), TYPING_MS)
  })
  const search = () => input.value.trim()

  function anew() {
    found = undefined
    searched = undefined
    rowsShown = MOST_ROWS
    isNew = newAnswers()
    drawControls()
    draw()
    questions.anew()
  }

  function drawControls() {
    const { models } = page.comparison
    const [a, b] = pair()
    const model = (key: string, label: string, at: number, changed: (place: number) => void) =>
      choice(
        key,
        label,
        models.map((one, place) => [String(place), one.label]),
        String(at),
        (value) => changed(Number(value)),
      )
    const choose = (from: number, other: number) => {
      page.choose('samples.pair', [from, other])
      anew()
    }
    const sample = chosen('sample')
    const known = chosen('label') !== undefined && chosen('prediction') !== undefined
    redraw(
      controls,
      ...(known
        ? [
            // One can't be set against itself: then they change places.
            model('from', texts.flipsFrom, a, (place) => choose(place, place === b ? a : b)),
            model('to', texts.flipsTo, b, (place) => choose(place === a ? b : a, place)),
            choice(
              'sample',
              texts.sampleName,
              [...(sample === undefined ? [['', texts.chooseField] as const] : []), ...fieldOptions(given.fields)],
              sample,
              (value) => {
                page.choose('samples.sample', value)
                anew()
              },
            ),
          ]
        : []),
    )
  }

  function draw(reason?: string) {
    const known = chosen('label') !== undefined && chosen('prediction') !== undefined
    const named = chosen('sample') !== undefined
    const whole = known && named
    status.replaceChildren(...(whole ? notes(reason) : []))
    const compared = whole && found && joined(found) > 0
    redraw(
      counts,
      compared ? crossTable(found!) : undefined,
      whole ? undefined : known ? example(page, texts.noNames, ['sample', 'label', 'prediction'], given.split) : missing(),
    )
    const changed = compared && found!.rightToWrong + found!.wrongToRight > 0
    tools.hidden = !changed
    if (!changed) {
      about.textContent = compared ? texts.noFlips : ''
      return redraw(list)
    }
    if (!tools.hasChildNodes()) tools.append(toChoice(), input, ...savers())
    drawList()
  }
  /** The part above says how to log them. */
  const missing = () => note(texts.noLabels)

  function notes(reason: string | undefined): HTMLElement[] {
    if (reason !== undefined) return [note(reason, 'trouble')]
    if (!found) return [note(texts.asking)]
    const [a, b] = labels()
    return [
      ...epochNotes(page, found.epochs, [...pair()]),
      ...(joined(found) === 0 && !found.epochs.includes(null) ? [note(texts.noneInBoth)] : []),
      ...(found.onlyA ? [note(fill(texts.onlyIn, found.onlyA.toLocaleString(language), a))] : []),
      ...(found.onlyB ? [note(fill(texts.onlyIn, found.onlyB.toLocaleString(language), b))] : []),
      ...(found.repeated ? [note(fill(texts.namedTwice, found.repeated.toLocaleString(language)))] : []),
    ]
  }

  function crossTable(flips: Flips): HTMLElement {
    const { bothRight, rightToWrong, wrongToRight, bothWrong } = flips
    const [a, b] = pair()
    const all = joined(flips)
    const cell = (count: number, text: string, kind: string) =>
      element(
        'td',
        { class: `count ${kind}` },
        element('span', { class: 'big' }, count.toLocaleString(language)),
        element('span', { class: 'quiet' }, share(count, all, language)),
        element('div', { class: 'what' }, text),
      )
    const total = (count: number) =>
      element(
        'td',
        { class: 'total' },
        count.toLocaleString(language),
        element('span', { class: 'quiet' }, ` ${share(count, all, language)}`),
      )
    const head = (text: string, place: number) => {
      const [before, after] = text.split('{0}')
      return element('span', { class: 'of-model' }, before ?? '', nameOf(page, place), after ?? '')
    }
    return tableOf(
      labels().join(' → '),
      [element('td', {}), heading(head(texts.rightIn, b)), heading(head(texts.wrongIn, b)), heading(texts.allSamples)],
      [
        element(
          'tr',
          {},
          heading(head(texts.rightIn, a), { scope: 'row' }),
          cell(bothRight, texts.staysRight, 'same'),
          cell(rightToWrong, texts.becameWrong, 'became-wrong'),
          total(bothRight + rightToWrong),
        ),
        element(
          'tr',
          {},
          heading(head(texts.wrongIn, a), { scope: 'row' }),
          cell(wrongToRight, texts.becameRight, 'became-right'),
          cell(bothWrong, texts.staysWrong, 'same'),
          total(wrongToRight + bothWrong),
        ),
        element(
          'tr',
          {},
          heading(texts.allSamples, { scope: 'row' }),
          total(bothRight + wrongToRight),
          total(rightToWrong + bothWrong),
          total(all),
        ),
      ],
      { class: 'cross' },
    )
  }

  const toChoice = () =>
    choice(
      'flipped',
      texts.showFlips,
      [
        ['', texts.bothFlips],
        ['wrong', texts.becameWrong],
        ['right', texts.becameRight],
      ],
      to() ?? '',
      (value) => {
        page.choose('samples.to', value || null)
        rowsShown = MOST_ROWS
        drawList()
        searching.anew()
      },
    )

  const savers = () => [
    button(
      'copy flips',
      texts.copyCsv,
      () => void rows().then((content) => (host.copy(content.text), page.say(fill(texts.copied, content.count)))),
    ),
    button('save flips', texts.saveCsv, () => void rows().then(({ text }) => host.save('changed-samples.csv', text))),
  ]

  /** Those that match, also beyond what is shown. */
  async function rows(): Promise<{ text: string; count: number }> {
    const { samples, more } = matching()
    const asked = query({ to: to(), search: search(), most: MOST_SAVED })
    const all = more > 0 && asked ? (await host.ask('flips', asked)).samples : samples
    const head = ['sample', 'label', ...labels(), 'now']
    return {
      text: csv([head, ...all.map((one) => [rawText(one.sample), rawText(one.label), rawText(one.a), rawText(one.b), one.to])]),
      count: all.length,
    }
  }

  /** From what is here, where that is all; else what the server found, once it has. */
  function matching(): { readonly samples: readonly Flipped[]; readonly more: number; readonly waiting: boolean } {
    const wanted = search().toLocaleLowerCase()
    if (found && found.moreSamples > 0 && (to() !== null || wanted !== '')) {
      if (searched?.of === searchKey()) return { samples: searched.flips.samples, more: searched.flips.moreSamples, waiting: false }
      return { samples: [], more: 0, waiting: true }
    }
    const samples = (found?.samples ?? []).filter(
      (one) => (to() === null || one.to === to()) && (wanted === '' || valueText(one.sample).toLocaleLowerCase().includes(wanted)),
    )
    return { samples, more: found?.moreSamples ?? 0, waiting: false }
  }

  function drawList() {
    const { samples, more, waiting } = matching()
    const count = samples.length + more
    about.textContent = waiting
      ? texts.asking
      : count === 0
        ? texts.noFlipMatches
        : more > 0
          ? fill(texts.moreFlips, samples.length.toLocaleString(language), count.toLocaleString(language))
          : count === 1
            ? texts.oneFlip
            : fill(texts.flipCount, count.toLocaleString(language))
    const left = samples.length - rowsShown
    redraw(
      list,
      samples.length
        ? tableOf(
            `${texts.showFlips}: ${texts.bothFlips}`,
            [
              texts.sampleHead,
              texts.labelField,
              ...pair().map((place) => {
                const [before, after] = texts.predictedBy.split('{0}')
                return element('span', { class: 'of-model' }, before ?? '', nameOf(page, place), after ?? '')
              }),
              texts.nowHead,
            ],
            samples.slice(0, rowsShown).map(flipRow),
          )
        : undefined,
      left > 0
        ? button(
            'more flips',
            fill(texts.showMore, Math.min(left, MOST_ROWS)),
            () => {
              rowsShown += MOST_ROWS
              drawList()
            },
            'link',
          )
        : undefined,
    )
  }

  function flipRow({ sample, label, a, b, to: now }: Flipped): HTMLTableRowElement {
    const value = (one: Flipped['a'], wrong: boolean) =>
      element('td', { class: wrong ? 'missed' : null, title: valueText(one) }, valueText(one))
    return element(
      'tr',
      { 'data-sample': valueText(sample) },
      element('th', { scope: 'row', class: 'value', title: valueText(sample) }, valueText(sample)),
      value(label, false),
      value(a, now === 'right'),
      value(b, now === 'wrong'),
      element('td', {}, element('span', { class: now === 'right' ? 'better' : 'worse' }, texts[now])),
    )
  }

  return {
    element: section('flips', texts.whatFlipped, controls, status, counts, tools, about, list),
    anew: (next) => {
      given = next
      anew()
    },
    again: () => questions.again(),
    stop: () => {
      questions.stop()
      searching.stop()
    },
  }
}

const joined = ({ bothRight, bothWrong, rightToWrong, wrongToRight }: Flips) => bothRight + bothWrong + rightToWrong + wrongToRight
