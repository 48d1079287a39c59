import type { Node } from './sessionTree/nodes'

/** What a command is about: a session, or an epoch in its history. */
export interface Target {
  readonly dir: string
  readonly reference: string
  /** How people name it; the reference itself where it is absent. */
  readonly name?: string
}

/** What the tree, the epoch's page, a hover or a link hand to a command; undefined where it comes from the palette. */
export function targetOf(given: Node | Target | undefined): Target | undefined {
  if (!given) return undefined
  if (!('kind' in given)) return given
  if (given.kind === 'session') return { dir: given.row.dir, reference: given.row.id, name: given.row.name }
  if (given.kind === 'epoch') {
    const { dir, session, id, number } = given.row
    return { dir, reference: `${session.id}@${id}`, name: `${session.name}@${number}` }
  }
  return undefined
}
