import type { EpochView } from '../../server/protocol/editor'
import type { FromPage, PageState } from '../messages/epoch'
import type { EpochTexts } from '../messages/epochTexts'

/** What every part of the page is made from. */
export interface Page {
  readonly view: EpochView
  readonly texts: EpochTexts
  readonly language: string
  readonly trusted: boolean
  readonly state: Pick<PageState, 'toggled' | 'onlyChanged'>
  readonly send: (message: FromPage) => void
  /** Keeps how the layers are shown, and shows them so. */
  readonly arrange: (change: Partial<PageState>) => void
}
