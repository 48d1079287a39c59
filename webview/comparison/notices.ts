import { element } from '../parts/element'
import { fill } from '../parts/format'
import { redrawWhen } from '../parts/redraw'
import type { Page } from './page'

/** Tells in a box what became of the sessions since they were shown first, by the names they had then. */
export function tellNotices(box: HTMLElement, { comparison, texts, host, trusted }: Page, names: ReadonlyMap<string, string>) {
  const sessions = new Map(comparison.models.map((model) => [model.id, model]))
  const told = [...sessions.values()]
    .map(({ id, name, deleted }) => ({ id, name, deleted, before: names.get(id) ?? name }))
    .filter(({ name, deleted, before }) => deleted || before !== name)
  const restore = (id: string) => {
    const button = element('button', { type: 'button' }, texts.restore)
    button.addEventListener('click', () => host.act?.('restore', id))
    return button
  }
  redrawWhen(box, told, () =>
    told.length === 0
      ? []
      : [
          element(
            'ul',
            { class: 'notices', role: 'status' },
            ...told.flatMap(({ id, name, deleted, before }) => [
              before !== name && element('li', {}, fill(texts.wasRenamed, before, name)),
              deleted && element('li', {}, fill(texts.wasDeleted, name), host.act && trusted ? restore(id) : null),
            ]),
          ),
        ],
  )
}
