import type { EpochRow } from '../../server/protocol/editor'
import type { Action } from '../messages/epoch'
import { element, unseen } from '../parts/element'
import { bytes, fill, moment } from '../parts/format'
import { icon } from '../parts/icons'
import type { Page } from './page'

/** Which epoch it is, what it is known for, and what can be done with it. */
export function header(page: Page): HTMLElement {
  const { view, texts } = page
  const { row, status } = view
  return element(
    'header',
    {},
    element(
      'div',
      { class: 'top' },
      element(
        'p',
        { class: 'where' },
        element('span', { class: `dot ${status}`, 'aria-hidden': 'true' }),
        row.session.name,
        element('span', { class: 'quiet' }, texts[status]),
      ),
      neighbours(page),
    ),
    element(
      'div',
      { class: 'title' },
      element('h1', {}, fill(texts.epoch, row.number)),
      element('span', { class: 'quiet' }, fill(texts.ofEpochs, view.epochs)),
      element('ul', { class: 'marks' }, ...row.marks.map((mark) => element('li', { class: mark }, texts[mark]))),
    ),
    element('p', { class: 'facts' }, facts(page).join(' · ')),
    toolbar(page),
  )
}

function facts({ view: { row, trainer, trainingState }, texts, language }: Page): string[] {
  const { weights } = row
  const found = []
  if (row.time !== null) found.push(fill(texts.committed, moment(row.time, language)))
  if (row.inherited) found.push(fill(texts.inherited, trainer.name))
  if (trainer.forkedFrom) found.push(fill(texts.forkedFrom, trainer.name, trainer.forkedFrom.name, trainer.forkedFrom.number))
  found.push(
    weights
      ? fill(texts.weights, [bytes(weights.bytes, language), weights.format, weightsState(row, texts)].filter(Boolean).join(', '))
      : texts.noWeights,
  )
  if (trainingState) found.push(fill(texts.trainingState, bytes(trainingState.bytes, language)))
  return found
}

const weightsState = ({ weights, state }: EpochRow, texts: Page['texts']) =>
  weights?.released ? texts.released : state === 'verifying' ? texts.verifying : texts.verified

function neighbours({ view: { previous, next }, texts, send }: Page): HTMLElement {
  const go = (number: number | null, which: 'previous' | 'next') => {
    const button = element(
      'button',
      {
        class: 'plain',
        type: 'button',
        'data-key': which,
        disabled: number === null,
        title: number === null ? null : fill(texts[which], number),
      },
      which === 'previous' && icon(which),
      number === null
        ? element('span', { 'aria-hidden': 'true' }, '–')
        : element('span', {}, unseen(fill(texts[which], '')), String(number)),
      which === 'next' && icon(which),
    )
    if (number !== null) button.addEventListener('click', () => send({ type: 'go', number }))
    return button
  }
  return element('nav', { 'aria-label': texts.neighbours }, go(previous, 'previous'), go(next, 'next'))
}

function toolbar({ view: { row }, texts, trusted, send }: Page): HTMLElement {
  const canStart = row.weights !== null && !row.weights.released && row.state === 'ok'
  const button = (action: Action, text: string, options: { readonly primary?: boolean; readonly refused?: string | false } = {}) => {
    const made = element(
      'button',
      {
        type: 'button',
        'data-key': action,
        class: options.primary ? 'primary' : 'secondary',
        // Not `disabled`: why it can't be done must be reachable by keyboard.
        'aria-disabled': options.refused ? 'true' : null,
        title: options.refused || null,
      },
      icon(action),
      text,
      options.refused && unseen(options.refused),
    )
    if (!options.refused) made.addEventListener('click', () => send({ type: 'act', action }))
    return made
  }
  const untrusted = !trusted && texts.notTrusted
  return element(
    'div',
    { class: 'actions', role: 'group', 'aria-label': texts.actions },
    button('fork', texts.forkFromHere, { primary: true, refused: untrusted || (!canStart && texts.cannotFork) }),
    row.marks.includes('selected')
      ? button('float', texts.float, { refused: untrusted })
      : button('select', texts.select, { refused: untrusted }),
    button('compare', texts.compare),
    button('checkout', texts.checkout, { refused: untrusted || (!canStart && texts.cannotFork) }),
    button('copyReference', texts.copyReference),
    button('openScript', texts.openScript),
  )
}
