import type { GraphSummary, ModelGraph } from '../../protocol/model'
import type { SampleReader } from '../local/samples'
import type {
  Changes,
  DocumentStore,
  EpochRecord,
  Marks,
  Progress,
  Scope,
  SessionOverview,
  SessionRecord,
  SessionStore,
  StoreVersion,
  Transfer,
  WeightsStore,
} from '../ports'

export type ServerName = 'MongoDB' | 'Elasticsearch' | 'Google Cloud Storage'

/** Where a team's servers are and how to get in. Secrets come from the environment or the editor's SecretStorage, never from files of the workspace. */
export interface TeamConfig {
  readonly mongo: {
    /** Without credentials. */
    readonly uri: string
    readonly database: string
    readonly username?: string
    readonly password?: string
    /** A file with certificates that are trusted besides the system's. */
    readonly caFile?: string
  }
  readonly elastic: {
    readonly node: string
    /** Begins the names of the indices, the template and the alias. */
    readonly prefix: string
    readonly apiKey?: string
    readonly username?: string
    readonly password?: string
    readonly caFile?: string
  }
  readonly gcs: {
    readonly bucket: string
    /** Begins the names of the objects; empty, or with a slash at its end. */
    readonly prefix: string
    /** Another server than Google's; then no credentials are looked for. */
    readonly endpoint?: string
    readonly caFile?: string
  }
  /** Who brings sessions from here, for others to read. */
  readonly by: string
}

/** What the spool keeps of an epoch besides its record: others need it to draw axes without the journal. */
export interface EpochUpload extends EpochRecord {
  /** When it was begun, and the process that trained it; seconds since 1970. */
  readonly begun: number | null
  readonly started: number | null
  /** Documents that it has in the team's store, of its own journal. */
  readonly documents: number
  /** Whether the team's bucket let go of its weights, whatever lies on this machine. */
  readonly released: boolean
}

/** What people decided. The version rises with every decision, and with nothing else: what is trained meanwhile is no reason to decide anew. */
export interface TeamDecisions extends Required<Marks> {
  readonly version: number
}

/** What can be told of a session that others train or trained. */
export interface SessionUpload {
  readonly record: SessionRecord
  /** Who brought it. */
  readonly by: string
  /** False once its engine has ended, however that was seen: nobody waits for its next sign of life. */
  readonly alive: boolean
}

export interface WeightsRecord {
  readonly sha256: string
  readonly bytes: number
  readonly format: string | null
  readonly location: string
  /** The graph that they go with first. */
  readonly graphHash: string | null
}

export interface Removal {
  /** Own epochs up to this number stay, because forks need them; 0 where none does. */
  readonly above: number
  readonly epochIds: readonly string[]
  /** Whether the session goes with them. */
  readonly whole: boolean
}

/** Sessions, epochs, graphs and weights records of a team, in MongoDB. */
export interface TeamSessions extends SessionStore {
  /** Makes indexes, brings older documents forward, checks that the server can do what is needed. Repeatable; called before the first write. */
  prepare(signal?: AbortSignal): Promise<void>
  /** Tells one team from another, so that nobody takes an emptied or another database for the one they brought their sessions to. */
  identity(): Promise<string>
  /**
   * Makes a session, or brings what its trainer tells up to date: all but its epochs and what people decided. A name that is taken by another
   * session is numbered. Answers with what the team has decided about it.
   */
  putSession(upload: SessionUpload, signal?: AbortSignal): Promise<TeamDecisions>
  /** Writes a graph once. What is too large for a document goes to the bucket, by `large`. */
  putGraph(hash: string, graph: ModelGraph, summary: GraphSummary, signal?: AbortSignal): Promise<void>
  /**
   * The record of a weights or state file that lies in the bucket; no one takes the file away then before an hour is over. False where nothing was
   * known of it: then look once more whether the bucket has it, because whoever removed it before may just have been at it. Fails with `team-busy`
   * while it is being removed.
   */
  putWeights(file: WeightsRecord): Promise<boolean>
  /**
   * Makes an epoch part of its session, and so visible. Its documents, graph and weights must be there. Repeatable; in order: one whose number is
   * not above the session's last is only brought up to date.
   */
  putEpoch(epoch: EpochUpload): Promise<void>
  /** So many of the newest sessions, the newest first: they are there long before all are. */
  newest(limit: number, deleted?: boolean): Promise<readonly SessionOverview[]>
  /** As of every store; where all sessions would be told, their ids are left out without `ids`. */
  changes(since?: StoreVersion, ids?: boolean): Promise<Changes>
  /** A decision that holds only if nobody decided otherwise since `version`; undefined where somebody did. */
  decide(sessionId: string, marks: Marks, version: number): Promise<TeamDecisions | undefined>
  /** One piece of work at a time for the whole team, such as `gc`: taken for some seconds, and taken again before they are over; false where another has it. */
  takeLease(name: string, holder: string, seconds: number): Promise<boolean>
  leaveLease(name: string, holder: string): Promise<void>
  /**
   * First step of removing a session for good, if it was deleted no later than that (seconds since 1970, as the deletion tells): nobody can restore
   * it from here on. Answers with those of its own epochs that no fork needs, whose documents are to be removed before `finishRemoval`;
   * undefined where it is not to be removed. Repeatable; sessions whose removal was begun are deleted ones in `sessions`.
   */
  startRemoval(sessionId: string, deletedBefore: number): Promise<readonly string[] | undefined>
  /**
   * What removing a session comes to, or would come to if these other sessions were gone already; nothing is written. Undefined where it is not to
   * be removed, or where there is nothing left to remove.
   */
  removal(sessionId: string, deletedBefore: number, gone?: ReadonlySet<string>): Promise<Removal | undefined>
  /** Removes the epochs that `startRemoval` told of, and the session with its last one. */
  finishRemoval(sessionId: string): Promise<void>
  /**
   * Those of the files that no epoch names as weights or state, or only such as are taken for gone, and that nobody has brought for so many seconds,
   * which are at least 3600.
   */
  unneededWeights(
    sha256s: readonly string[],
    idleSeconds: number,
    signal?: AbortSignal,
    gone?: ReadonlySet<string>,
  ): Promise<readonly string[]>
  /** The same, claimed: nobody can bring them until `dropWeights`, which must come within half an hour, after they were removed from the bucket. */
  claimWeights(sha256s: readonly string[], idleSeconds: number, signal?: AbortSignal): Promise<readonly string[]>
  dropWeights(sha256s: readonly string[]): Promise<void>
  /** What somebody claimed and did not drop. */
  claimedWeights(signal?: AbortSignal): Promise<readonly string[]>
  /** Those of the graphs that no epoch names, and that nobody has brought for so many seconds; also such as the team has no document of. */
  unneededGraphs(
    hashes: readonly string[],
    idleSeconds: number,
    signal?: AbortSignal,
    gone?: ReadonlySet<string>,
  ): Promise<readonly string[]>
  /** Removes the documents of graphs that nobody needs. What lies in the bucket stays there. With `gone` it only tells what would be removed without those epochs. */
  removeGraphs(
    idleSeconds: number,
    signal?: AbortSignal,
    gone?: ReadonlySet<string>,
  ): AsyncIterable<{ readonly hash: string; readonly bytes: number }>
  /** Drops what is kept for the next question and looks whether the server answers. */
  check(signal?: AbortSignal): Promise<void>
  /** What whoever asks may not do, of what bringing something needs; none where the server does not tell. */
  missingRights(signal?: AbortSignal): Promise<readonly string[]>
  close(): Promise<void>
}

/** Documents of one epoch and source, as columns. Each row becomes one document, whose identity is fixed by what stands here. */
export type DocumentColumns = MetricColumns | SampleColumns
interface ColumnsOf {
  readonly epochId: string
  readonly sessionId: string
  /** The epoch's number. */
  readonly number: number
  /** Empty for the epoch's own journal, else the id of the evaluation's run. */
  readonly source: string
}
export interface MetricColumns extends ColumnsOf {
  readonly kind: 'metric'
  readonly split: string
  readonly name: string
  /** 1: epoch-level values, which have no step. */
  readonly level: 0 | 1
  /** How many rows of this curve (epoch, source, split, name, level) came before the first one here. */
  readonly from: number
  readonly steps: Float64Array | null
  readonly values: Float64Array
  /** Seconds since 1970. */
  readonly times: Float64Array
}
export interface SampleColumns extends ColumnsOf {
  readonly kind: 'samples'
  readonly split: string
  /** Of the line among the epoch's document lines from that source. */
  readonly ordinal: number
  /** Row of the first one here within its line. */
  readonly from: number
  /** As in the journal: NaN and infinities are texts. */
  readonly fields: ReadonlyMap<string, readonly unknown[]>
}

export interface OwnEpochs {
  readonly sessionId: string
  readonly above: number
}

/** Metric points and sample documents of a team, in Elasticsearch. */
export interface TeamDocuments extends DocumentStore {
  /** Makes the template and the alias, and checks that they are ours. Repeatable. */
  prepare(signal?: AbortSignal): Promise<void>
  /** Writes each document once, however often it is called; when it resolves, whoever asks finds them. */
  write(
    columns: Iterable<DocumentColumns> | AsyncIterable<DocumentColumns>,
    options?: { readonly signal?: AbortSignal; readonly progress?: (progress: Progress) => void },
  ): Promise<{ readonly written: number; readonly known: number }>
  /** All documents of epochs as they were written, epoch by epoch; rows of one curve or line in order, though perhaps in several parts. */
  read(epochIds: readonly string[], signal?: AbortSignal): AsyncIterable<DocumentColumns>
  /** What these scopes have of sample documents with all of the fields, read for reductions that look at each: only these fields come along. */
  samples(scopes: readonly Scope[], split: string, fields: readonly string[], signal?: AbortSignal): Promise<SampleReader>
  /** How many documents each epoch has. */
  count(epochIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Removes the documents of epochs, or those of a session's own epochs above a number, whether anybody sees them or not; how many there were. */
  remove(epochs: readonly string[] | OwnEpochs, signal?: AbortSignal): Promise<number>
  /** How many there are of a session's own epochs above a number. */
  countAbove(epochs: OwnEpochs, signal?: AbortSignal): Promise<number>
  /** What one takes up on the servers' disks, on average; 0 where there is none. */
  bytesEach(): Promise<number>
  check(signal?: AbortSignal): Promise<void>
  /** What whoever asks may not do, of what bringing something needs; none where the server does not tell. */
  missingRights(signal?: AbortSignal): Promise<readonly string[]>
  close(): Promise<void>
}

export interface StoredObject {
  readonly kind: 'weights' | 'graph'
  /** Of a weights file, or the graph's own. */
  readonly sha256: string
  readonly bytes: number
  /** Changes with every write, so that only what was looked at is removed. */
  readonly generation: string
  /** When it was brought, or brought again; seconds since 1970, by the server's clock. */
  readonly written: number
  /** Seconds between that and when it was listed, by the same clock. */
  readonly age: number
}
export type { Transfer } from '../ports'

/** Weights files of a team, in a bucket, and those of them that were brought here. */
export interface TeamWeights extends WeightsStore {
  prepare(signal?: AbortSignal): Promise<void>
  /** Whether the bucket has it, of that size. */
  has(sha256: string, bytes: number): Promise<boolean>
  /** Brings a file into the bucket, unless it is there; goes on where an earlier try was cut off. Its bytes are hashed on the way. Answers with its location, `gs://...`. */
  put(sha256: string, file: string, transfer?: Transfer): Promise<string>
  /** Brings a file here, verified; where it then lies. */
  fetch(sha256: string, transfer?: Transfer): Promise<string>
  /** Graphs too large for a document, as `graphs/<2 hex>/<hash>` or by their hash alone. */
  putBytes(name: string, bytes: Uint8Array): Promise<void>
  getBytes(name: string, most: number): Promise<Uint8Array | undefined>
  /** All weights objects, or graphs, page by page. */
  list(signal?: AbortSignal, kind?: StoredObject['kind']): AsyncIterable<readonly StoredObject[]>
  /** False where it is no longer the object that was looked at. */
  remove(object: StoredObject): Promise<boolean>
  check(signal?: AbortSignal): Promise<void>
  /** What whoever asks may not do, of what bringing something needs; none where the server does not tell. */
  missingRights(signal?: AbortSignal): Promise<readonly string[]>
  close(): Promise<void>
}

/** A team's three servers. */
export interface Team {
  readonly config: TeamConfig
  readonly sessions: TeamSessions
  readonly documents: TeamDocuments
  readonly weights: TeamWeights
  close(): Promise<void>
}
