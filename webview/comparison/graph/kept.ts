import * as z from 'zod/mini'
import type { Json } from '../../../server/protocol/model'
import type { Page } from '../page'

/** So much is kept at most: hundreds of groups that were opened one by one, whatever they are called. */
const MOST_GROUPS = 200
const LONGEST_KEY = 1000

const key = z.string().check(z.maxLength(LONGEST_KEY))
const opened = z.object({
  open: z.enum(['some', 'all', 'none']),
  toggled: z.array(z.tuple([key, z.boolean()])).check(z.maxLength(MOST_GROUPS)),
})
/** Which groups are open. */
export interface Opened {
  /** Where nobody said otherwise. */
  readonly open: 'some' | 'all' | 'none'
  /** What somebody opened or closed, by its key. */
  readonly toggled: ReadonlyMap<string, boolean>
}

const place = z.object({ key, held: z.boolean(), x: z.number(), y: z.number(), scale: z.number() })
/** What is looked at, and how large: told by a box, so that it is found again where other boxes came in before it. */
export interface Place {
  /** Of the box's item. */
  readonly key: string
  /** Whether it is the one in hand. */
  readonly held: boolean
  /** From the middle of the picture to the box, in pixels. */
  readonly x: number
  readonly y: number
  readonly scale: number
}

/** What was opened, looked at and moved to in this page before; each as at first where nothing is kept. */
export function keptOf(page: Page): { readonly opened: Opened; readonly looked: string | undefined; readonly place: Place | undefined } {
  const { open, toggled } = opened.safeParse(page.choice('graph.opened')).data ?? { open: 'some', toggled: [] }
  return {
    opened: { open, toggled: new Map(toggled) },
    looked: key.safeParse(page.choice('graph.looked')).data,
    place: place.safeParse(page.choice('graph.place')).data,
  }
}

export function keepOpened(page: Page, { open, toggled }: Opened) {
  // What was opened first holds what was opened later.
  const some = [...toggled].filter(([one]) => one.length <= LONGEST_KEY).slice(0, MOST_GROUPS)
  page.choose('graph.opened', { open, toggled: some })
}

export function keepLooked(page: Page, id: string | undefined) {
  page.choose('graph.looked', id === undefined || id.length > LONGEST_KEY ? null : id)
}

export function keepPlace(page: Page, now: Place | undefined) {
  page.choose('graph.place', now === undefined || now.key.length > LONGEST_KEY ? null : ({ ...now } satisfies Json))
}
