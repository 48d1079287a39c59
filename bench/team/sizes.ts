/** What is measured; `small` only shows that it works. */
export interface Sizes {
  readonly rounds: number
  /** Metric points of one bulk ingest. */
  readonly documents: number
  readonly epochs: number
  readonly sessions: number
  readonly weightsBytes: number
  readonly forkBytes: number
  readonly idleSeconds: number
  readonly changes: number
}
export const WHOLE: Sizes = {
  rounds: 9,
  documents: 200_000,
  epochs: 1000,
  sessions: 10_000,
  weightsBytes: 2 ** 30,
  forkBytes: 2 ** 26,
  idleSeconds: 60,
  changes: 30,
}
export const SMALL: Sizes = {
  rounds: 2,
  documents: 10_000,
  epochs: 100,
  sessions: 300,
  weightsBytes: 2 ** 25,
  forkBytes: 2 ** 22,
  idleSeconds: 6,
  changes: 3,
}
