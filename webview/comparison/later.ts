import { element } from '../parts/element'
import { breath } from './slices'
import type { MakeView, Page, View } from './page'

/** A view whose program is loaded when it is first looked at. */
export const later =
  (load: () => Promise<MakeView>): MakeView =>
  (page: Page) => {
    const place = element('div', { 'aria-busy': 'true' })
    let view: View | undefined
    let looked = false
    load().then(
      async (make) => {
        // Its program was just begun: both together would hold the page up.
        await breath()
        view = make(page)
        place.removeAttribute('aria-busy')
        place.append(view.element)
        if (looked) view.shown()
      },
      (error: unknown) => place.append(element('p', { role: 'alert' }, String(error))),
    )
    return {
      element: place,
      shown: () => {
        looked = true
        view?.shown()
      },
      hidden: () => {
        looked = false
        view?.hidden()
      },
      renewed: (sessions) => view?.renewed(sessions),
    }
  }
