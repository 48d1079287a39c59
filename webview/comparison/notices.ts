import { element } from '../parts/element'
import { fill } from '../parts/format'
import type { Page } from './page'

/** What became of the sessions since they were shown first, by the names they had then; undefined where nothing did. */
export function notices({ comparison, texts, host, trusted }: Page, names: ReadonlyMap<string, string>): HTMLElement | undefined {
  const sessions = new Map(comparison.models.map((model) => [model.id, model]))
  const told = [...sessions.values()].flatMap(({ id, name, deleted }) => {
    const before = names.get(id) ?? name
    const renamed = before === name ? [] : [element('li', {}, fill(texts.wasRenamed, before, name))]
    if (!deleted) return renamed
    const restore = element('button', { type: 'button' }, texts.restore)
    restore.addEventListener('click', () => host.act?.('restore', id))
    return [...renamed, element('li', {}, fill(texts.wasDeleted, name), host.act && trusted ? restore : null)]
  })
  return told.length > 0 ? element('ul', { class: 'notices', role: 'status' }, ...told) : undefined
}
