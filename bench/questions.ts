import { listSessions } from '../server/requests'
import type { Stores } from '../server/storage/ports'
import { id } from './fixtures'

const LONG = id(0xa, 1)

/** What is timed, alike in the process that has just asked it and in a fresh one. */
export const questions: Readonly<Record<string, (stores: Stores, dir: string) => Promise<unknown>>> = {
  envelope: async ({ sessions, documents }) => {
    const scope = await sessions.history(LONG)
    for (const name of ['loss', 'accuracy']) await documents.envelope(scope, { split: 'train', name }, 1000)
  },
  points: async ({ sessions, documents }) => {
    const { value } = await documents.points(await sessions.history(LONG), { split: 'train', name: 'loss' })
    if (value.length !== 2_000_000) throw new Error(`${value.length} points`)
  },
  last: async ({ sessions, documents }) => {
    const values = await documents.last(await sessions.history(id(0xb, 1)))
    if (values.length !== 200 * 50) throw new Error(`${values.length} values`)
  },
  groups: async ({ sessions, documents }) => {
    const scope = await sessions.history(id(0xc, 1))
    const { groups } = await documents.groupBy([scope], { split: 'val', by: 'label', field: 'loss', better: null, most: 1000 })
    if (groups.length !== 10) throw new Error(`${groups.length} groups`)
  },
  history: async ({ sessions }) => {
    const { segments } = await sessions.history(id(0xd, 100))
    const count = await sessions.count(segments)
    if (count !== 100_000) throw new Error(`${count} epochs`)
  },
  sessions: async (stores, dir) => {
    const all = await listSessions({ stores, dir })
    if (all.length !== 10_000) throw new Error(`${all.length} sessions`)
  },
}
