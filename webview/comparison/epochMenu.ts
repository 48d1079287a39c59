import type { MenuPart } from './menu'
import type { Page } from './page'

/** What can be done with an epoch; in a folder that is not trusted, only what looks. `reference` is asked for when something is done. */
export function epochMenu({ host: { act }, texts, trusted }: Page, reference: () => string): MenuPart[] {
  if (!act) return []
  const offered = trusted
    ? (['openEpoch', 'fork', 'select', 'checkout', 'copyReference'] as const)
    : (['openEpoch', 'copyReference'] as const)
  return offered.map((action) => ({ kind: 'act', text: texts[action], act: () => act(action, reference()) }))
}
