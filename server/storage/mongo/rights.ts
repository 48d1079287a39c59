import * as z from 'zod/mini'

const WRITING = ['insert', 'update', 'remove', 'createIndex']

const resource = z.object({ db: z.optional(z.string()), collection: z.optional(z.string()), anyResource: z.optional(z.boolean()) })
const status = z.object({
  authInfo: z.object({
    authenticatedUsers: z.array(z.unknown()),
    authenticatedUserPrivileges: z.array(z.object({ resource, actions: z.array(z.string()) })),
  }),
})

/** Which of the rights that writing needs whoever is logged in does not have for that database, by what `connectionStatus` says; none where it doesn't tell. */
export function missingRights(said: unknown, database: string): string[] {
  const { data } = status.safeParse(said)
  // Where nobody logs in everything is allowed.
  if (!data || data.authInfo.authenticatedUsers.length === 0) return []
  const held = new Set(
    data.authInfo.authenticatedUserPrivileges.flatMap(({ resource: { db, collection, anyResource }, actions }) =>
      // An empty name stands for all.
      anyResource === true || ((db === '' || db === database) && collection === '') ? actions : [],
    ),
  )
  return WRITING.filter((right) => !held.has(right))
}
