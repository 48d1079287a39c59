import type { EpochName, JsonNumber } from '../../../server/protocol/model'
import type { ComparisonTexts } from '../../messages/comparisonTexts'
import { bytes, share, short } from '../../parts/format'
import { numberOf } from '../figures'
import type { Direction } from '../judging'
import { type Sentence, say } from '../sentence'

/** Figures of the models at an epoch each; one a model. */
export interface Figures {
  readonly epochs: readonly (EpochName | null)[]
  readonly values: readonly (JsonNumber | null)[]
  readonly parameters: readonly (number | null)[]
  readonly weights: readonly (number | null)[]
}

/** The places of the models that have a number, the best first; undefined where none can be called better. */
export function ranked(values: readonly (JsonNumber | null)[], direction: Direction): number[] | undefined {
  if (direction === null) return undefined
  return values
    .map((_, place) => place)
    .filter((place) => !Number.isNaN(numberOf(values[place])))
    .sort((a, b) => {
      const [x, y] = [numberOf(values[a]), numberOf(values[b])]
      return x === y ? a - b : (direction === 'higher') === x > y ? -1 : 1
    })
}

/** The place of the one model that is ahead of all others. */
export function leader(values: readonly (JsonNumber | null)[], direction: Direction): number | undefined {
  const [first, second] = ranked(values, direction) ?? []
  return first !== undefined && second !== undefined && numberOf(values[first]) !== numberOf(values[second]) ? first : undefined
}

/** Which is better by a metric, by how much, and at what cost; and of which nothing can be said, and why. */
export function verdict(metric: string, figures: Figures, direction: Direction, texts: ComparisonTexts, language: string): Sentence[] {
  const { values } = figures
  return [...best(metric, figures, direction, texts, language), ...unknown(metric, figures, texts, values.every(isNan))]
}

const isNan = (value: JsonNumber | null) => value === 'NaN'

function best(metric: string, figures: Figures, direction: Direction, texts: ComparisonTexts, language: string): Sentence[] {
  const { values } = figures
  const known = values.flatMap((value, place) => (Number.isNaN(numberOf(value)) ? [] : [place]))
  const text = (place: number) => short(values[place]!, language)
  if (!known.length) return [say(values.some(isNan) && values.every(isNan) ? texts.allNan : texts.noValues, metric)]
  if (known.length === 1) return [say(texts.onlyOne, { models: known }, metric, text(known[0]!))]
  const order = ranked(values, direction)
  if (!order) return [say(texts.unjudged, metric)]
  const first = order[0]!
  const level = order.filter((place) => numberOf(values[place]) === numberOf(values[first]))
  if (level.length > 1) return [say(texts.level, { models: level.sort((a, b) => a - b) }, metric, text(first))]
  const second = order[1]!
  const by = numberOf(values[first]) - numberOf(values[second])
  return [
    say(
      by > 0 ? texts.reachesMore : texts.reachesLess,
      { models: [first] },
      metric,
      text(first),
      short(Number.isFinite(by) ? Math.abs(by) : 'Infinity', language),
      { models: [second] },
    ),
    ...costs(figures, first, second, texts, language),
  ]
}

/** What the better one costs, against the next. */
function costs({ parameters, weights }: Figures, first: number, second: number, texts: ComparisonTexts, language: string): Sentence[] {
  const than = { models: [second] }
  const [mine, other] = [parameters[first] ?? null, parameters[second] ?? null]
  const [heavy, light] = [weights[first] ?? null, weights[second] ?? null]
  const count = (value: number) => value.toLocaleString(language)
  const differ = (a: number, b: number) => (b === 0 ? count(Math.abs(a - b)) : share(Math.abs(a - b), b, language))
  const said: Sentence[] = []
  if (mine === null || other === null) said.push(say(texts.costUnknown))
  else if (mine === other) said.push(say(texts.costsSame, mine))
  else said.push(say(mine > other ? texts.costsMore : texts.costsLess, count(mine), differ(mine, other), than, count(other)))
  if (heavy === null || light === null) return said
  if (heavy === light) return [...said, say(texts.weighsSame, bytes(heavy, language))]
  const text = heavy > light ? texts.weighsMore : texts.weighsLess
  return [...said, say(text, bytes(heavy, language), differ(heavy, light), than, bytes(light, language))]
}

/** Of whom there is nothing to say. */
function unknown(metric: string, { epochs, values }: Figures, texts: ComparisonTexts, allNan: boolean): Sentence[] {
  const places = values.map((_, place) => place)
  const [absent, missing, nan] = [
    places.filter((place) => epochs[place] === null),
    places.filter((place) => epochs[place] !== null && values[place] === null),
    places.filter((place) => values[place] === 'NaN'),
  ]
  return [
    ...(absent.length ? [say(texts.noSuchEpoch, { models: absent })] : []),
    ...(missing.length && missing.length < places.length ? [say(texts.isMissing, { models: missing }, metric)] : []),
    ...(nan.length && !allNan ? [say(texts.isNan, { models: nan }, metric)] : []),
  ]
}
