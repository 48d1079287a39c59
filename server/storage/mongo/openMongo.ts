import type { TeamConfig, TeamSessions } from '../team/ports'
import { ByHand } from './byHand'
import { Follower, identity } from './changes'
import { Connection } from './connection'
import * as epochs from './epochs'
import * as graphs from './graphs'
import * as leases from './leases'
import { prepare } from './migration'
import { type Large, Mongo } from './mongo'
import * as removal from './removal'
import { missingRights } from './rights'
import * as sessions from './sessions'
import { Writes } from './writes'
import { EpochtreeError } from '../../errors'

export interface MongoOptions {
  readonly large?: Large
  /** Milliseconds within which a server is looked for; no question lasts longer than ten times that. */
  readonly patience?: number
}

/** A team's sessions in MongoDB. Nothing is connected before the first question. */
export function openMongo(config: TeamConfig['mongo'], { large, patience }: MongoOptions = {}): TeamSessions {
  const connection = new Connection(config, patience)
  const mongo = new Mongo(connection, large)
  const byHand = new ByHand(mongo)
  const follower = new Follower(mongo, byHand)
  const writes = new Writes(mongo, byHand)
  return {
    sessions: (options) => sessions.sessions(mongo, byHand, options),
    newest: (limit, deleted) => sessions.newest(mongo, byHand, limit, deleted),
    changes: (since, ids) => follower.changes(since, ids),
    names: () => sessions.names(mongo, byHand),
    session: (id) => sessions.session(mongo, byHand, id),
    sessionByName: (name) => sessions.sessionByName(mongo, byHand, name),
    history: (id) => sessions.history(mongo, byHand, id),
    forks: (epochId) => sessions.forks(mongo, byHand, epochId),
    epochs: (scope, signal) => epochs.epochs(mongo, byHand, scope, signal),
    page: (history, page, signal) => epochs.page(mongo, byHand, history, page, signal),
    epoch: (id) => epochs.epoch(mongo, byHand, id),
    clock: (scope) => epochs.clock(mongo, byHand, scope),
    count: (segments) => epochs.count(mongo, byHand, segments),
    graph: (hash) => graphs.graph(mongo, hash),
    graphSummary: (hash) => graphs.graphSummary(mongo, hash),
    graphPair: (a, b) => graphs.graphPair(mongo, a, b),
    graphChanges: (history, most, signal) => epochs.graphChanges(mongo, byHand, history, most, signal),
    layerSizes: (hashes, most, signal) => graphs.layerSizes(mongo, hashes, most, signal),
    problems: (sessionId) => sessions.problems(mongo, byHand, sessionId),
    mark: async (sessionId, marks) => {
      await writes.mark(sessionId, marks)
      byHand.forget()
      const found = await sessions.session(mongo, byHand, sessionId)
      if (!found) throw new EpochtreeError('unknown-session', `The team has no session ${sessionId}. It may have been removed.`)
      return found
    },
    prepare: (signal) => prepare(mongo, signal),
    identity: () => identity(mongo),
    putSession: (upload, signal) => writes.putSession(upload, signal),
    putGraph: (hash, graph, summary, signal) => graphs.putGraph(mongo, hash, graph, summary, signal),
    putWeights: (file) => writes.putWeights(file),
    putEpoch: (epoch) => writes.putEpoch(epoch),
    decide: async (sessionId, marks, version) => {
      const decided = await writes.decide(sessionId, marks, version)
      byHand.forget()
      return decided
    },
    takeLease: (name, holder, seconds) => leases.takeLease(mongo, name, holder, seconds),
    leaveLease: (name, holder) => leases.leaveLease(mongo, name, holder),
    startRemoval: (sessionId, deletedBefore) => removal.startRemoval(mongo, sessionId, deletedBefore),
    removal: (sessionId, deletedBefore, gone = new Set()) => removal.removal(mongo, sessionId, deletedBefore, gone),
    finishRemoval: (sessionId) => removal.finishRemoval(mongo, sessionId),
    unneededWeights: (sha256s, idle, signal, gone) => removal.unneededWeights(mongo, sha256s, idle, signal, gone),
    claimWeights: (sha256s, idle, signal) => removal.claimWeights(mongo, sha256s, idle, signal),
    dropWeights: (sha256s) => removal.dropWeights(mongo, sha256s),
    claimedWeights: (signal) => removal.claimedWeights(mongo, signal),
    unneededGraphs: (hashes, idle, signal, gone) => removal.unneededGraphs(mongo, hashes, idle, signal, gone),
    removeGraphs: (idle, signal, gone) => removal.removeGraphs(mongo, idle, signal, gone),
    check: async (signal) => {
      mongo.forget()
      byHand.forget()
      await connection.check(signal)
    },
    missingRights: async (signal) =>
      missingRights(await connection.ask((db) => db.command({ connectionStatus: 1, showPrivileges: true }), { signal }), config.database),
    close: () => connection.close(),
  }
}
