import type { EpochRow, FolderState, Group, SessionRow } from '../../server/protocol/editor'

/** What the tree shows; each node knows how to be found again after its list was asked for anew. */
export type Node =
  | { readonly kind: 'folder'; readonly id: string; readonly folder: FolderState }
  | { readonly kind: 'group'; readonly id: string; readonly dir: string; readonly group: Group; readonly parent: Node | undefined }
  | { readonly kind: 'session'; readonly id: string; readonly row: SessionRow; readonly parent: Node | undefined }
  | { readonly kind: 'epoch'; readonly id: string; readonly row: EpochRow; readonly parent: Node | undefined }
  /** A stretch of a history, newest first: opened only when someone looks at it. */
  | {
      readonly kind: 'epochs'
      readonly id: string
      readonly session: SessionRow
      readonly offset: number
      readonly count: number
      readonly parent: Node | undefined
    }
  /** The rest of a long list. */
  | { readonly kind: 'more'; readonly id: string; readonly dir: string; readonly left: number; readonly parent: Node | undefined }
  /** That not all of a team's servers can be used. */
  | { readonly kind: 'team'; readonly id: string; readonly folder: FolderState; readonly parent: Node | undefined }
  | { readonly kind: 'message'; readonly id: string; readonly text: string; readonly parent: Node | undefined }

export type SessionNode = Extract<Node, { kind: 'session' }>
export type EpochNode = Extract<Node, { kind: 'epoch' }>

/** At most so many epochs stand in one list. */
export const EPOCHS_SHOWN = 100

/** Splits a stretch of a history into at most a hundred parts, so that any epoch of a hundred thousand is a few steps away. */
export function stretches(offset: number, count: number): { readonly offset: number; readonly count: number }[] {
  let size = EPOCHS_SHOWN
  while (Math.ceil(count / size) > EPOCHS_SHOWN) size *= EPOCHS_SHOWN
  const parts = []
  for (let at = 0; at < count; at += size) parts.push({ offset: offset + at, count: Math.min(size, count - at) })
  return parts
}
