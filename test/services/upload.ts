import type { Stores } from '../../server/storage/ports'
import type { TeamSessions, TeamWeights } from '../../server/storage/team/ports'
import { summarize } from '../../server/tracking/graph'

/** Brings all that an embedded store has to a team's store of sessions, as the spool does: parents first, epoch by epoch. */
export async function uploadSessions(local: Stores, team: TeamSessions, weights?: TeamWeights) {
  await team.prepare()
  for (const { id } of await local.sessions.sessions({ deleted: true })) {
    const record = (await local.sessions.session(id))!
    await team.putSession({ record, by: 'test', alive: record.engine !== null })
    const scope = { segments: [{ sessionId: id, from: 0, to: Number.MAX_SAFE_INTEGER }] }
    const clock = await local.sessions.clock(scope)
    for (const [i, epoch] of (await local.sessions.epochs(scope)).entries()) {
      for (const file of [epoch.weights, epoch.optimizerState]) {
        if (!file) continue
        const path = await local.weights.path(file.sha256)
        const location =
          weights && path ? await weights.put(file.sha256, path) : `gs://nowhere/weights/${file.sha256.slice(0, 2)}/${file.sha256}`
        await team.putWeights({ sha256: file.sha256, bytes: file.bytes, format: file.format, location, graphHash: epoch.graphHash })
      }
      if (epoch.graphHash !== null) {
        const graph = (await local.sessions.graph(epoch.graphHash))!
        await team.putGraph(epoch.graphHash, graph, summarize(graph))
      }
      const known = (value: number) => (Number.isNaN(value) ? null : value)
      await team.putEpoch({ ...epoch, begun: known(clock.begun[i]!), started: known(clock.started[i]!), documents: 0 })
    }
  }
}
