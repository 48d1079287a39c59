import type { Axis, Line } from '../../../server/protocol/comparison'
import type { Page } from '../page'
import type { Group } from './groups'
import type { Look } from './paint'
import type { Paced } from './paced'
import type { Range } from './points'
import type { Series } from './tree'

/** What all charts have in common: they look at the same part of the same axis. */
export interface Shared {
  readonly page: Page
  readonly look: Look
  readonly paced: Paced
  readonly axis: Axis
  /** From 0, none, to below 1. */
  readonly smoothing: number
  /** Where the cursor is, on the axis. */
  readonly cursor: number | null
  readonly isLog: (name: string) => boolean
  setLog(name: string, log: boolean): void
  readonly isPinned: (name: string) => boolean
  setPinned(name: string, pinned: boolean): void
  readonly isTableShown: (name: string) => boolean
  setTableShown(name: string, shown: boolean): void
  readonly dash: (group: Group, split: string) => readonly number[]
  /** Where a line ends on the axis, whatever was logged in it; undefined until that is answered. */
  readonly endOf: (line: Line) => number | undefined
  readonly view: () => Range
  readonly whole: () => Range
  /** Looks at a part of the axis; null: at all. */
  zoom(range: Range | null): void
  point(at: number | null): void
  readonly xTicks: (range: Range, most: number) => { readonly at: readonly number[]; readonly texts: readonly string[] }
  /** What the axis shows, with its unit. */
  readonly axisText: () => string
  /** A place on the axis, in words. */
  readonly placeText: (x: number) => string
  /** A place on the axis, as a number in the unit that is shown. */
  readonly placeNumber: (x: number) => number
  /** What went wrong, for the reader. */
  readonly failed: (error: unknown) => void
  /** Every value of a chart in a part of the axis, or in all of it: none stands for several. */
  readonly everything: (group: Group, range: Range | null) => Promise<readonly Series[]>
  /** They, for a file. */
  readonly csv: (group: Group) => Promise<string>
}
