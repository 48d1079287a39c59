import type { Difference, Json, JsonObject } from '../../server/protocol/model'
import { element, section } from '../parts/element'
import { fill, settings, valueText } from '../parts/format'
import type { Page } from './page'

export const hyperparameters = ({ view, texts }: Page) =>
  settingTable('hyperparameters', texts.hyperparameters, view.hyperparameters, view.changedHyperparameters, texts.noHyperparameters, texts)

export const pruningPlan = ({ view, texts }: Page) =>
  settingTable('plan', texts.pruningPlan, view.pruningPlan ?? {}, view.changedPruningPlan, texts.noPlan, texts)

export const environment = ({ view, texts }: Page) =>
  settingTable('environment', texts.environment, view.environment, [], texts.noEnvironment, texts)

/** Of a long hash its beginning; all of it is in the title. */
const shortened = (text: string) => (/^[0-9a-f]{40,}$/.test(text) ? `${text.slice(0, 12)}…` : text)

/** Settings by their paths, each beside what it was before the fork where that was another value. */
function settingTable(
  id: string,
  title: string,
  values: JsonObject,
  changes: readonly Difference[],
  none: string,
  texts: Page['texts'],
): HTMLElement {
  const all = settings(values)
  const paths = new Set(all.map(([path]) => path))
  const before = (path: string) => changes.find((change) => change.path === path)
  const changedInside = (path: string) => changes.find((change) => change.path.startsWith(`${path}[`))
  const row = (path: string, value: Json | undefined, change: Difference | undefined) =>
    element(
      'tr',
      { 'data-path': path, class: change ? 'differs' : null },
      element('th', { scope: 'row' }, path),
      element(
        'td',
        {},
        value === undefined
          ? element('span', { class: 'quiet' }, fill(texts.taken, valueText(change?.values[0])))
          : element('span', { class: 'value', title: valueText(value) }, shortened(valueText(value))),
        value !== undefined && change && element('span', { class: 'quiet beside' }, fill(texts.was, valueText(change.values[0]))),
      ),
    )
  const gone = changes.filter(({ path, values: [, now] }) => now === null && !paths.has(path))
  const rows = [
    ...all.map(([path, value]) => row(path, value, before(path) ?? changedInside(path))),
    ...gone.map((change) => row(change.path, undefined, change)),
  ]
  if (!rows.length) return section(id, title, element('p', { class: 'quiet' }, none))
  return section(id, title, element('table', { class: 'settings', 'aria-labelledby': id }, element('tbody', {}, ...rows)))
}
