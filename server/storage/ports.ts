import type { FlipCounts, GraphPair, LayerSizes } from '../protocol/comparison'
import type { ForkedFrom, GraphSummary, JsonObject, ModelGraph } from '../protocol/model'
import type { Direction } from '../tracking/best'
import type { History } from '../tracking/lineage'

/** What lists and trees show of a session; ten thousand of them are read at once. */
export interface SessionOverview {
  readonly id: string
  readonly name: string
  readonly modelName: string
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly forkedFrom: ForkedFrom | null
  /** The committed epoch it was forked from, as its trainer has it; null while that is not known here. */
  readonly forkPoint: { readonly sessionId: string; readonly number: number } | null
  readonly key: string | null
  readonly tags: readonly string[]
  readonly selected: { readonly id: string; readonly number: number } | null
  readonly deletedAt: number | null
  /** Whether an engine ever had it, and the last one while it has not said how it ended. */
  readonly started: boolean
  readonly engine: Engine | null
  /** How the last attempt ended; null while it has not said so. */
  readonly finished: {
    readonly status: 'completed' | 'stopped' | 'failed'
    readonly error: string | null
    readonly time: number | null
  } | null
  /** Own epochs in the history, and the last of them. */
  readonly own: number
  readonly latest: { readonly id: string; readonly number: number } | null
  /** An epoch begun and not committed. */
  readonly open: { readonly id: string; readonly number: number } | null
  readonly problems: number
  /** What the team's servers have to do with it; absent where the folder has no team. */
  readonly team?: TeamState
}
export interface TeamState {
  /** Trained on another machine: there is no run folder of it here. */
  readonly elsewhere: boolean
  /** Trained on another machine and pulled: this machine has a copy, which is deleted by itself. */
  readonly copy?: true
  /** Who brought it to the team, as that machine told. */
  readonly by: string | null
  /** Own committed epochs that others can't see yet. */
  readonly waiting: number
  /** Of one that is elsewhere: up to then, in seconds since 1970 by this machine's clock, its engine counts as living unless it said how it ended. */
  readonly aliveUntil: number | null
}
/** A session as stored; what the engine told comes from the journal, the rest from session.json and marks.json. */
export interface SessionRecord extends SessionOverview {
  readonly overrides: JsonObject
  readonly command: JsonObject | null
  readonly attempt: Attempt | null
}
/** The process that trains, as it told itself. */
export interface Engine {
  readonly time: number | null
  readonly pid: number | null
  readonly host: string | null
  readonly bootId: string | null
}
export interface Attempt extends Engine {
  readonly id: string | null
  readonly restored: string | null
  /** The number of the last epoch that the engine means to train; absent where it has not said so. */
  readonly until?: number | null
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
  readonly environment: JsonObject
}
export interface FileRecord {
  readonly sha256: string
  readonly bytes: number
  readonly format: string | null
  /** Path as the journal names it, relative to the run folder. */
  readonly file: string
}
export interface EpochRecord {
  readonly id: string
  readonly sessionId: string
  readonly number: number
  readonly state: 'ok' | 'verifying'
  readonly graphHash: string | null
  readonly weights: FileRecord | null
  readonly optimizerState: FileRecord | null
  readonly released: boolean
  readonly pruned: boolean
  /** Seconds since 1970, as the engine wrote it. */
  readonly time: number | null
}
/** Own epochs `from` to `to` (numbers, both included) of one session. */
export interface Segment {
  readonly sessionId: string
  readonly from: number
  readonly to: number
}
/**
 * The epochs that a question is asked of: a model's history as segments, or single epochs by id. Questions about documents
 * take along, at its end, one that is begun and not committed, where it is named.
 */
export type Scope = { readonly segments: readonly Segment[]; readonly open?: string } | { readonly epochIds: readonly string[] }
export interface MetricName {
  readonly split: string
  readonly name: string
}
export interface Problem {
  readonly sessionId: string
  readonly file: string
  readonly line: number | null
  readonly message: string
}
/** The value of a metric at an epoch: its last epoch-level value, else that of the highest step, last logged first. */
export interface LastValue extends MetricName {
  readonly epochId: string
  readonly value: number
}
export interface BestValue {
  readonly epochId: string
  readonly number: number
  readonly value: number
}
/** At most n buckets; each with the smallest and the largest value of its points, so that no peak is lost. */
export interface Envelope {
  readonly count: number
  /** Index of the first point of each bucket in the whole curve. */
  readonly start: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}
/** Every point of a curve in history order; `step` is NaN for an epoch-level value, `epoch` indexes `epochIds`. */
export interface Points {
  readonly epochIds: readonly string[]
  readonly epoch: Uint32Array
  readonly step: Float64Array
  readonly value: Float64Array
  /** Seconds since 1970. */
  readonly time: Float64Array
}
/** When epochs were trained, in history order; parallel arrays, seconds since 1970, NaN where the journal does not tell. */
export interface Clock {
  readonly number: Float64Array
  /** When the process that trained the epoch was started; an epoch of another start comes after a pause. */
  readonly started: Float64Array
  readonly begun: Float64Array
  readonly committed: Float64Array
}
/** What epochs take up with what their own journal logged, in history order; parallel arrays, NaN where nothing was. */
export interface Spans {
  readonly number: Float64Array
  readonly firstStep: Float64Array
  readonly lastStep: Float64Array
  /** Seconds since 1970. */
  readonly firstTime: Float64Array
  readonly lastTime: Float64Array
}
/**
 * Where epochs lie on an axis, in history order; parallel arrays. A point lies at its step or time, shifted, but not outside
 * its epoch: a value without a step lies at the end of the epoch, and so does one that another journal logged later.
 */
export interface Places {
  readonly number: Float64Array
  readonly first: Float64Array
  readonly last: Float64Array
  readonly shift: Float64Array
}
export interface CurvesQuery {
  readonly metrics: readonly MetricName[]
  /** On the axis of epochs each is one point at its number; on the others `places` says where they lie. */
  readonly axis: { readonly of: 'epoch' } | { readonly of: 'step' | 'time'; readonly places: Places }
  /** Both ends included. The nearest point beyond either end comes too, so that a line can be drawn to the edge. */
  readonly range: readonly [from: number, to: number]
  /** A curve of more points in the range is reduced to buckets of one width, at most so many. */
  readonly buckets: number
}
/**
 * A metric of a scope, as points or buckets of points; parallel arrays, x rising. On the axis of epochs the value is that of the
 * epoch, and the band is that of all its points. An epoch narrower than a bucket lies in one as a whole.
 */
export interface ReducedCurve extends MetricName {
  /** Points in the range before reduction; epochs, on the axis of those. */
  readonly count: number
  /** Of the first point. */
  readonly x: Float64Array
  /** Of the last point. */
  readonly value: Float64Array
  /** Smallest and largest of those that are numbers; NaN where none is. */
  readonly low: Float64Array
  readonly high: Float64Array
  /** Number of the epoch at x. */
  readonly epoch: Float64Array
  /** Places in which a value is NaN or infinite. */
  readonly gaps: Uint32Array
}
/** A value of a sample field. NaN and infinities are texts, as in the journal; lists and objects are their JSON. */
export type SampleValue = string | number | boolean | null
export interface SampleField extends MetricName {
  /** Whether there are numbers among its values in the last epoch that has it. */
  readonly numeric: boolean
}
export interface SampledEpoch {
  readonly id: string
  readonly number: number
}
export interface Statistics {
  readonly count: number
  readonly mean: number
  readonly min: number
  readonly max: number
}
export interface GroupsQuery {
  readonly split: string
  readonly by: string
  readonly field: string
  /** Which way the field gets better; null: any change counts alike. */
  readonly better: 'lower' | 'higher' | null
  readonly most: number
}
export interface Groups {
  /** Those that became worst from the first scope to another first, then in the order in which they came. */
  readonly groups: readonly {
    readonly group: SampleValue
    /** One a scope; null where it has no document of the group. */
    readonly scopes: readonly (Statistics | null)[]
  }[]
  /** Groups beyond the most that were asked for. */
  readonly more: number
}
export interface ConfusionQuery {
  readonly split: string
  readonly label: string
  readonly prediction: string
  /** Classes; of more, those that are mistaken most. */
  readonly most: number
}
export interface ConfusionTable {
  /** Numbers by their size, then texts. */
  readonly classes: readonly SampleValue[]
  /** One a scope. `count` and `right` are of all classes. */
  readonly models: readonly {
    readonly count: number
    readonly right: number
    /** By label, then prediction. */
    readonly counts: Float64Array
  }[]
  readonly more: number
}
export interface FlipsQuery {
  readonly split: string
  /** The field that names a sample, and those that tell what it is and what was predicted. */
  readonly sample: string
  readonly label: string
  readonly prediction: string
  /** Only those that are so now are listed; null: both. */
  readonly to: 'right' | 'wrong' | null
  /** Part of the names of those that are listed, in whatever case. */
  readonly search: string
  readonly most: number
}
export interface FlippedSample {
  readonly sample: SampleValue
  /** As the first scope has it. */
  readonly label: SampleValue
  readonly a: SampleValue
  readonly b: SampleValue
  readonly to: 'right' | 'wrong'
}
export interface Flips extends FlipCounts {
  /** What became wrong first, each in the order in which the first scope has it. */
  readonly samples: readonly FlippedSample[]
  /** Beyond the most that were asked for. */
  readonly more: number
}
export interface HistogramQuery {
  readonly split: string
  readonly field: string
  readonly bins: number
  /** Bins of equal ratios instead of equal widths; what isn't above 0 is outside. */
  readonly log: boolean
}
export interface Histogram {
  /** One more than there are bins; empty where there is nothing to count. The last bin holds its upper edge, each other one its lower. */
  readonly edges: readonly number[]
  /** One a scope. */
  readonly scopes: readonly {
    readonly counts: Float64Array
    /** Values that are not null, and those of them that are in no bin, as NaN is. */
    readonly count: number
    readonly outside: number
    /** Of what is in the bins. */
    readonly mean: number
  }[]
}

export interface SessionName {
  readonly id: string
  readonly name: string
}
/** A state of one store; a store that was built anew is another. */
export interface StoreVersion {
  readonly store: string
  readonly version: number
}
export interface Changes {
  readonly at: StoreVersion
  readonly sessionIds: readonly string[]
  /** True when these are all sessions there are, and any other is gone. */
  readonly all: boolean
}
/** A part of a history, newest epoch first. */
export interface EpochPage {
  readonly offset: number
  readonly limit: number
  /** Only epochs whose commit said that the plan changed the graph. */
  readonly pruned?: boolean
}

/** Epochs whose graph is another than that of the epoch before in a history, oldest first. */
export interface GraphChanges {
  readonly epochs: readonly { readonly id: string; readonly number: number; readonly graphHash: string }[]
  /** How many are left out. */
  readonly more: number
}

/** Sessions, epochs, graphs and weights records. */
export interface SessionStore {
  /** All sessions, or those of the ids; deleted ones only on request; oldest first. */
  sessions(options?: { readonly deleted?: boolean; readonly ids?: readonly string[] }): Promise<readonly SessionOverview[]>
  /** Ids of the sessions that came, went or changed after a version; of all where the version is none of this store's. */
  changes(since?: StoreVersion): Promise<Changes>
  /** Only what references need of all sessions, deleted ones among them. */
  names(): Promise<readonly SessionName[]>
  session(id: string): Promise<SessionRecord | undefined>
  sessionByName(name: string): Promise<SessionRecord | undefined>
  /** A model's whole history, through all that it was forked from. */
  history(sessionId: string): Promise<History>
  /** Sessions that start at an epoch. */
  forks(epochId: string): Promise<readonly SessionRecord[]>
  /** Committed epochs in history order; a page of them newest first. */
  epochs(scope: Scope, signal?: AbortSignal): Promise<readonly EpochRecord[]>
  page(history: History, page: EpochPage, signal?: AbortSignal): Promise<readonly EpochRecord[]>
  epoch(id: string): Promise<EpochRecord | undefined>
  clock(scope: Scope): Promise<Clock>
  /** How many epochs the segments hold, without reading them. */
  count(segments: readonly Segment[]): Promise<number>
  graph(hash: string): Promise<ModelGraph | undefined>
  /** The counts of a graph, without opening it. */
  graphSummary(hash: string): Promise<GraphSummary | undefined>
  /** Two graphs as one. Done where they lie, because large ones are long under way. */
  graphPair(a: string | null, b: string | null): Promise<GraphPair>
  /** Of very many at most so many, evenly: the first and the last always among them. */
  graphChanges(history: History, most: number, signal?: AbortSignal): Promise<GraphChanges>
  /** Parameters of the layers in graphs, one column each; of very many layers so many of the largest. */
  layerSizes(hashes: readonly string[], most: number, signal?: AbortSignal): Promise<LayerSizes>
  problems(sessionId?: string): Promise<readonly Problem[]>
  /** Records what people decided; what is not named stays. */
  mark(sessionId: string, marks: Marks): Promise<SessionRecord>
}
/** What people decide about a session after it was made; null takes a decision back. */
export interface Marks {
  readonly name?: string
  readonly selected?: string | null
  readonly tags?: readonly string[]
  /** Seconds since 1970. */
  readonly deleted?: number | null
}
/** Metric points and sample documents, asked by epoch-scoped queries. */
export interface DocumentStore {
  metrics(scope: Scope): Promise<readonly MetricName[]>
  last(scope: Scope, metrics?: readonly MetricName[], signal?: AbortSignal): Promise<readonly LastValue[]>
  /** The epoch with the best value of a metric; the earliest of equal ones, and never one that is NaN. */
  best(scope: Scope, metric: MetricName, direction: Direction, signal?: AbortSignal): Promise<BestValue | undefined>
  /** The highest step of the last epoch that has any. */
  lastStep(scope: Scope): Promise<number | null>
  envelope(scope: Scope, metric: MetricName, buckets: number, signal?: AbortSignal): Promise<Envelope>
  points(scope: Scope, metric: MetricName, signal?: AbortSignal): Promise<Points>
  spans(scope: Scope): Promise<Spans>
  /** One for each metric that has a point in the range or beside it, in the order asked for. */
  curves(scope: Scope, query: CurvesQuery, signal?: AbortSignal): Promise<readonly ReducedCurve[]>
  sampleFields(scope: Scope): Promise<readonly SampleField[]>
  /** The last epoch that has sample documents with each of the fields. */
  lastSampled(scope: Scope, split: string, fields: readonly string[]): Promise<SampledEpoch | undefined>
  /** Statistics of a field over sample documents, for each value of another; documents that lack one of the two are passed over. */
  groupBy(scopes: readonly Scope[], query: GroupsQuery, signal?: AbortSignal): Promise<Groups>
  /** How often each prediction was made for each label; documents in which one of the two is null are passed over. */
  confusion(scopes: readonly Scope[], query: ConfusionQuery, signal?: AbortSignal): Promise<ConfusionTable>
  /** Which samples are right in one scope and wrong in the other, joined by their names. */
  flips(a: Scope, b: Scope, query: FlipsQuery, signal?: AbortSignal): Promise<Flips>
  histogram(scopes: readonly Scope[], query: HistogramQuery, signal?: AbortSignal): Promise<Histogram>
}
export interface Transfer {
  readonly signal?: AbortSignal
  /** Bytes that are over, and all of them. */
  readonly progress?: (done: number, total: number) => void
}
/** Content-addressed weights files. */
export interface WeightsStore {
  /** Where the file lies on this machine; undefined if it is not here. */
  path(sha256: string): Promise<string | undefined>
  /** Whether it is here, or can be brought here. */
  has(sha256: string, bytes: number): Promise<boolean>
  /** Brings the file here where it is not, verified; where it then lies. */
  fetch(sha256: string, transfer?: Transfer): Promise<string>
  /** Places the file at `to` without reading it where the file system can link or clone. */
  placeAt(sha256: string, to: string, signal?: AbortSignal): Promise<'linked' | 'cloned' | 'copied'>
}
/** The three ports of one `.epochtree` folder. */
export interface Stores {
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore
  /** Reads the journals that changed. */
  ingest(options?: IngestOptions): Promise<void>
  /** Tells when something changed that no file of the folder tells of, as what others bring to a team; absent where there is no such thing. */
  readonly listen?: (changed: () => void) => void
  close(): Promise<void>
}
export interface IngestOptions {
  /** Only these sessions. */
  readonly only?: readonly string[]
  /** Also notices a session.json or marks.json that was edited in place and not replaced, at the cost of a look at each. */
  readonly closely?: boolean
  /** False leaves new weights unverified, for whoever can't wait. */
  readonly verify?: boolean
  readonly progress?: (progress: Progress) => void
  readonly signal?: AbortSignal
}
export interface Progress {
  readonly what: string
  readonly done: number
  readonly total: number
}
