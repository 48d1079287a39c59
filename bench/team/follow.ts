import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Changed, FolderState, Page, SessionRow } from '../../server/protocol/editor'
import { openTeam } from '../../server/storage/team/open'
import { freshTeam } from '../../test/services/servers'
import { teamEnvironment } from '../../test/services/support'
import { at, figure, text } from '../figures'
import { Server } from '../server'
import { median, timed } from '../turns'
import { countingTeam } from './counting'
import { ownFolder, sessionId, writeSessions } from './sessions'
import type { Sizes } from './sizes'

/** Changes are looked for ten seconds more after the last one, and some seconds more where there was none before. */
const SETTLED_MS = 15_000
/** The test server looks at each session to answer which of them changed, where MongoDB asks an index. */
const SESSIONS_WITH_CHANGES = 200

/** What it costs to follow a team in which nothing happens, and how soon what others do is seen. */
export async function measureFollow({ sessions, idleSeconds, changes }: Sizes) {
  await idle(sessions, idleSeconds)
  await delay(changes)
}

async function following(workspace: string, env: NodeJS.ProcessEnv, total: number) {
  const server = new Server(workspace, { env })
  await server.initialize()
  for (;;) {
    const [folder] = await server.ask<FolderState[]>('epochtree/folders', null)
    const page = await server.ask<Page<SessionRow>>('epochtree/sessions', { dir: folder!.dir, nested: true, offset: 0, limit: 1 })
    if (folder!.sessions === total && page.rows.length === 1) return server
    await wait(50)
  }
}

async function idle(sessions: number, seconds: number) {
  const config = await freshTeam()
  const { client } = await writeSessions(config, sessions)
  const lines = await countingTeam(config)
  const [team, alone] = [await ownFolder(), await ownFolder()]
  const server = await following(team.workspace, { ...team.env, ...teamEnvironment(lines.config) }, sessions + 1)
  // In the same minutes, so that both meet the same machine.
  const local = await following(alone.workspace, { ...alone.env, EPOCHTREE_STORE: 'local' }, 1)
  await wait(SETTLED_MS)
  const look = () => {
    const { mongo, elastic, gcs, bytes } = lines.counted()
    return {
      team: server.processorOfThreads(),
      local: local.processorOfThreads(),
      requests: mongo + elastic + gcs,
      bytes,
      at: performance.now(),
    }
  }
  const before = look()
  await wait(seconds * 1000)
  const after = look()
  const took = (after.at - before.at) / 1000
  const share = (whose: 'team' | 'local') => (100 * (after[whose] - before[whose])) / took
  const what = `following a team of ${text(sessions)} sessions in which nothing changes`
  figure(`${what}: share of a core`, share('team'), '%', 0.5, `${text(share('local'))} % in local mode`)
  figure(`${what}: requests`, (after.requests - before.requests) / took, 'a second', 2, `one look in 1.5 s is ${text(1 / 1.5)}`)
  figure(
    `${what}: bytes, both ways`,
    (after.bytes - before.bytes) / took,
    'a second',
    2000,
    `${text((after.bytes - before.bytes) / (after.requests - before.requests))} a request`,
  )
  await Promise.all([server.end(), local.end(), client.close()])
  await lines.close()
  for (const { workspace } of [team, alone]) rmSync(workspace, { recursive: true })
}

async function delay(changes: number) {
  const config = await freshTeam()
  const { client, db } = await writeSessions(config, SESSIONS_WITH_CHANGES)
  const { workspace, env } = await ownFolder()
  const server = await following(workspace, { ...env, ...teamEnvironment(config) }, SESSIONS_WITH_CHANGES + 1)
  const other = openTeam(config, { cache: mkdtempSync(join(tmpdir(), 'epochtree-bench-')), cacheBytes: 0 })
  let seen: { readonly tag: string; readonly done: () => void } | undefined
  server.connection.onNotification('epochtree/changed', ({ sessions }: Changed) => {
    if (seen && sessions.some(({ tags }) => tags.includes(seen!.tag))) seen.done()
  })
  const times: number[] = []
  const floor: number[] = []
  for (let n = 1; n <= changes; n++) {
    // At any moment between two looks.
    await wait(Math.random() * 1500)
    const tag = `change-${n}`
    const shown = new Promise<void>((done) => (seen = { tag, done }))
    await other.sessions.mark(sessionId(1 + (n % SESSIONS_WITH_CHANGES)), { tags: [tag] })
    const begun = performance.now()
    await shown
    times.push(performance.now() - begun)
    floor.push(
      await timed(async () => {
        const { n: last } = (await db.collection<{ _id: string; n: number }>('Counter').findOne({ _id: 'changes' }))!
        await db
          .collection('TrainingSession')
          .find({ change: { $gt: last - 1 } })
          .toArray()
      }),
    )
  }
  times.sort((a, b) => a - b)
  figure(
    'from what others change to its notification, longest',
    times.at(-1)!,
    'ms',
    2000,
    `${text(at(times, 0.5))} ms in the middle; looked for every 1,500 ms, and ${text(median(floor))} ms for the question what changed`,
  )
  await Promise.all([server.end(), other.close(), client.close()])
  rmSync(workspace, { recursive: true })
}
