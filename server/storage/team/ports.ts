import type { GraphSummary, ModelGraph } from '../../protocol/model'
import type { SampleReader } from '../local/samples'
import type {
  DocumentStore,
  EpochRecord,
  Marks,
  Progress,
  Scope,
  SessionOverview,
  SessionRecord,
  SessionStore,
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
  /** The record of a weights file that lies in the bucket. */
  putWeights(file: {
    readonly sha256: string
    readonly bytes: number
    readonly format: string | null
    readonly location: string
    readonly graphHash: string | null
  }): Promise<void>
  /**
   * Makes an epoch part of its session, and so visible. Its documents, graph and weights must be there. Repeatable; in order: one whose number is
   * not above the session's last is only brought up to date.
   */
  putEpoch(epoch: EpochUpload): Promise<void>
  /** All sessions, the newest first, as pages of so many: the first is there long before the last. */
  newest(size: number, deleted?: boolean): AsyncIterable<readonly SessionOverview[]>
  /** A decision that holds only if nobody decided otherwise since `version`; undefined where somebody did. */
  decide(sessionId: string, marks: Marks, version: number): Promise<TeamDecisions | undefined>
  /** One piece of work at a time for the whole team, such as `gc`: taken for some seconds, and taken again before they are over; false where another has it. */
  takeLease(name: string, holder: string, seconds: number): Promise<boolean>
  leaveLease(name: string, holder: string): Promise<void>
  /** Drops what is kept for the next question and looks whether the server answers. */
  check(signal?: AbortSignal): Promise<void>
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
  /** Removes the documents of epochs; how many there were. */
  remove(epochIds: readonly string[], signal?: AbortSignal): Promise<number>
  check(signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface StoredObject {
  readonly sha256: string
  readonly bytes: number
  /** Changes with every write, so that only what was looked at is removed. */
  readonly generation: string
  /** Seconds since 1970, by the server's clock. */
  readonly written: number
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
  /** Bytes that are named by their hash but are no weights, such as graphs too large for a document. */
  putBytes(name: string, bytes: Uint8Array): Promise<void>
  getBytes(name: string, most: number): Promise<Uint8Array | undefined>
  /** All weights objects, page by page. */
  list(signal?: AbortSignal): AsyncIterable<readonly StoredObject[]>
  /** False where it is no longer the object that was looked at. */
  remove(object: StoredObject): Promise<boolean>
  check(signal?: AbortSignal): Promise<void>
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
