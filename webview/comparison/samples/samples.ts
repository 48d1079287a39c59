import type { SampleFields } from '../../../server/protocol/comparison'
import { element } from '../../parts/element'
import { redraw } from '../../parts/redraw'
import { asking, newAnswers } from '../asking'
import { choice } from '../controls'
import type { MakeView } from '../page'
import { confusionPart } from './confusion'
import { flipsPart } from './flips'
import { groupsPart } from './groups'
import { histogramPart } from './histogram'
import { example, type Given, type Part } from './part'

/** What came of each sample: by group, which labels were mistaken for which, what became right and what wrong, and how values lie. */
export const samples: MakeView = (page) => {
  const { texts, host } = page
  let answer: SampleFields | undefined
  const isNew = newAnswers<Given | undefined>()
  const parts: readonly Part[] = [groupsPart(page), confusionPart(page, () => anew()), flipsPart(page), histogramPart(page)]
  const controls = element('div', { class: 'controls' })
  const status = element('p', { class: 'status', role: 'status' })
  const empty = element('div', {})
  const all = element('div', { class: 'parts' }, ...parts.map((part) => part.element))
  const box = element('div', { class: 'samples' }, controls, status, empty, all)

  const given = (): Given | undefined => answer?.splits.find(({ split }) => split === page.choice('samples.split')) ?? answer?.splits[0]
  function anew() {
    const now = given()
    isNew(now)
    if (now) for (const part of parts) part.anew(now)
  }
  const questions = asking(
    async (signal) => {
      answer = await host.ask('sampleFields', null, signal)
      const differs = isNew(given())
      if (differs) {
        draw()
        anew()
        return
      }
      status.textContent = ''
      for (const part of parts) part.again()
    },
    (reason) => {
      status.textContent = reason
    },
  )

  function draw() {
    const now = given()
    status.textContent = answer ? '' : texts.asking
    all.hidden = !now
    const splits = answer?.splits ?? []
    redraw(
      controls,
      splits.length > 1
        ? choice(
            'split',
            texts.samplesSplit,
            splits.map(({ split }) => [split, split]),
            now?.split,
            (split) => {
              page.choose('samples.split', split)
              draw()
              anew()
            },
          )
        : undefined,
    )
    redraw(
      empty,
      answer && !now
        ? element(
            'section',
            {},
            element('h2', {}, texts.noSamples),
            example(page, texts.noSamplesDo, ['sample', 'label', 'prediction', 'loss'], 'val'),
          )
        : undefined,
    )
  }
  draw()
  return {
    element: box,
    shown: () => questions.anew(),
    hidden: () => {
      questions.stop()
      for (const part of parts) part.stop()
    },
    renewed: () => questions.again(),
  }
}
