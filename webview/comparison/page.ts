import type { Comparison } from '../../server/protocol/comparison'
import type { Json } from '../../server/protocol/model'
import type { ComparisonTexts } from '../messages/comparisonTexts'
import type { Host } from './host'

/** What every view of the page is made from. */
export interface Page {
  /** As it is now: it is replaced when models went on. */
  readonly comparison: Comparison
  readonly texts: ComparisonTexts
  readonly language: string
  readonly trusted: boolean
  readonly host: Host
  /** What the user chose in a view, kept through a reload; undefined where nothing was chosen yet. */
  choice(name: string): Json | undefined
  choose(name: string, value: Json): void
  /** The colour of a model, or of a past that several share, as CSS and canvas take it; it changes with the theme. */
  colour(models: readonly number[]): string
  /** Calls back when the theme changed, as long as this page is shown. */
  onTheme(listener: () => void): void
  /** Shows another view. */
  go(view: ViewName): void
  /** Says something to screen readers. */
  say(text: string): void
}

export const viewNames = ['overview', 'curves', 'differences', 'graph', 'tradeoff', 'samples'] as const
export type ViewName = (typeof viewNames)[number]

/** One view of the page. It is made when it is first looked at, and asks nothing while it is hidden. */
export interface View {
  readonly element: HTMLElement
  /** It is looked at: for the first time, or again. */
  shown(): void
  hidden(): void
  /** Models went on: `page.comparison` is another, or points came in. Only called while it is shown, or before it is shown again. */
  renewed(sessions: readonly string[]): void
}
export type MakeView = (page: Page) => View
