import { element } from '../parts/element'
import { nameOf } from './names'
import type { Page } from './page'

/** A word of a sentence: a text, models by their places, or groups of them. */
export type Word = string | number | { readonly models: readonly number[] } | { readonly groups: readonly (readonly number[])[] }
/** A text of the page and what its braces are filled with. */
export interface Sentence {
  readonly text: string
  readonly words: readonly Word[]
}

export const say = (text: string, ...words: readonly Word[]): Sentence => ({ text, words })

/** Pieces of a sentence: texts, and places of models. */
export function pieces({ text, words }: Sentence, language: string): (string | { readonly model: number })[] {
  return text.split(/(\{\d\})/).flatMap((part) => {
    const place = /^\{(\d)\}$/.exec(part)?.[1]
    const word = place === undefined ? part : (words[Number(place)] ?? part)
    if (typeof word === 'number') return [word.toLocaleString(language)]
    if (typeof word === 'string') return word === '' ? [] : [word]
    if ('models' in word) return listed(word.models, language)
    return word.groups.flatMap((models, i) => [...(i ? ['; '] : []), ...listed(models, language)])
  })
}

const listed = (models: readonly number[], language: string) =>
  new Intl.ListFormat(language)
    .formatToParts(models.map(String))
    .map(({ type, value }) => (type === 'element' ? { model: Number(value) } : value))

/** As plain text, for those who hear it and where it is copied. */
export const spoken = (sentence: Sentence, { comparison, language }: Page) =>
  pieces(sentence, language)
    .map((piece) => (typeof piece === 'string' ? piece : comparison.models[piece.model]!.label))
    .join('')

export const written = (sentence: Sentence, page: Page) =>
  element(
    'p',
    { class: 'sentence' },
    ...pieces(sentence, page.language).map((piece) => (typeof piece === 'string' ? piece : nameOf(page, piece.model))),
  )
