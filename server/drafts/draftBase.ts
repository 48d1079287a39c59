import type { JsonObject } from '../protocol/model'
import type { GraphFacts } from './planFit'

/** What a draft is measured against: how the epoch's session was trained, or what the script says. */
export interface DraftBase {
  readonly kind: 'fork' | 'train'
  /** What it is begun from, for people: `digits@30`, `train.py`. */
  readonly from: string
  readonly modelName: string
  /** The name the new session gets where the draft gives none. */
  readonly suggestedName: string
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
  /** Hyper-parameters that the script has, with values that only running it would tell. */
  readonly unknown: readonly string[]
  /** Up to which epoch is trained unless the draft says otherwise; null where only running the script would tell. */
  readonly epochs: number | null
  readonly fork: { readonly parent: string; readonly number: number; readonly graph: GraphFacts | null } | null
  readonly command: { readonly argv: readonly string[]; readonly folder: string } | null
}

/** What a draft asks for. */
export interface Wanted {
  readonly name: string | null
  readonly epochs: number | null
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
  readonly command: { readonly argv: readonly string[]; readonly folder: string } | null
}

export const FORK_KEYS = ['name', 'epochs', 'hyperparameters', 'pruningPlan'] as const
export const TRAIN_KEYS = ['name', 'command', 'folder', 'epochs', 'hyperparameters', 'pruningPlan'] as const
export const keysOf = ({ kind }: Pick<DraftBase, 'kind'>): readonly string[] => (kind === 'fork' ? FORK_KEYS : TRAIN_KEYS)

const MORE_EPOCHS = 10

/** Up to which epoch a new draft trains: as before, or some more where that would be none. */
export function suggestedEpochs({ epochs, fork }: Pick<DraftBase, 'epochs' | 'fork'>): number | null {
  return epochs !== null && fork && epochs <= fork.number ? fork.number + MORE_EPOCHS : epochs
}
