import type { SessionRecord } from '../../server/storage/ports'
import type { EpochUpload } from '../../server/storage/team/ports'
import { hashOf, id } from '../contract/fixture'

/** A session as its trainer tells it, without anything that need not be. */
export const aSession = (sessionId: string, more: Partial<SessionRecord> = {}): SessionRecord => ({
  id: sessionId,
  name: 'net',
  modelName: 'net',
  createdAt: parseInt(sessionId.slice(0, 8), 16),
  forkedFrom: null,
  forkPoint: null,
  key: null,
  tags: [],
  selected: null,
  deletedAt: null,
  started: true,
  engine: null,
  finished: { status: 'completed', error: null, time: 5 },
  own: 0,
  latest: null,
  open: null,
  problems: 0,
  overrides: {},
  command: null,
  attempt: null,
  ...more,
})

/** An epoch without a graph, with weights of its own. */
export const anEpoch = (sessionId: string, number: number, base: number, more: Partial<EpochUpload> = {}): EpochUpload => ({
  id: id(base + number),
  sessionId,
  number,
  state: 'ok',
  graphHash: null,
  weights: { sha256: hashOf(base + number), bytes: 5, format: 'bin', file: `weights/${number}.bin` },
  optimizerState: null,
  released: false,
  pruned: false,
  time: number,
  begun: number - 1,
  started: 0,
  documents: 0,
  ...more,
})

export const aFile = (n: number) => ({
  sha256: hashOf(n),
  bytes: 5,
  format: 'bin',
  location: `gs://bucket/weights/${hashOf(n)}`,
  graphHash: null,
})
