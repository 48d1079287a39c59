/** JSON values as they travel; NaN and infinities travel as the strings "NaN", "Infinity", "-Infinity". */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }
/** A number, or one of "NaN", "Infinity", "-Infinity". */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity'

export type Status = 'created' | 'running' | 'interrupted' | 'completed' | 'stopped' | 'failed'
export type EpochState = 'ok' | 'verifying'

export interface EpochName {
  readonly id: string
  readonly number: number
}
export interface ForkedFrom {
  readonly sessionId: string
  readonly epochId: string
  readonly epochNumber: number
}
export interface Connection {
  readonly [key: string]: Json
}
/** One operation or layer of a model graph, as in the source design. */
export interface GraphNode {
  readonly id: string
  readonly name?: string
  readonly data?: JsonObject
  readonly inputs?: Readonly<Record<string, Connection>>
  readonly outputs?: Readonly<Record<string, Connection>>
  readonly pruning_plan_id?: string
  readonly wrapper?: Json
}
export interface ModelGraph {
  readonly id?: string
  readonly nodes: Readonly<Record<string, GraphNode>>
}
/** Counts of a graph; parameters and nonzero are null where the graph does not tell them. */
export interface GraphSummary {
  readonly nodes: number
  readonly parameters: number | null
  readonly nonzero: number | null
}

/** One row of `epochtree sessions --json`. */
export interface SessionJson {
  readonly id: string
  readonly name: string
  readonly modelName: string
  readonly status: Status
  readonly forkedFrom: ForkedFrom | null
  /** Epochs in the model's history, inherited ones included. */
  readonly epochs: number
  /** Epochs that this session trained itself. */
  readonly own: number
  readonly latest: EpochName | null
  readonly selected: EpochName | null
  readonly live: (EpochName & { readonly metrics: Readonly<Record<string, JsonNumber>> }) | null
  readonly uncommitted: (EpochName & { readonly metrics: Readonly<Record<string, JsonNumber>> }) | null
  readonly createdAt: number
  readonly tags: readonly string[]
  readonly deleted: boolean
  readonly error: string | null
  /** True when the session it was forked from is not known here (yet): only own epochs are shown. */
  readonly parentMissing: boolean
  readonly problems: number
}
export interface WeightsJson {
  readonly sha256: string
  readonly bytes: number
  readonly format: string | null
  readonly released: boolean
}
export interface EpochJson {
  readonly id: string
  readonly number: number
  /** The session that trained the epoch. */
  readonly sessionId: string
  readonly inherited: boolean
  readonly state: EpochState
  readonly graphHash: string | null
  readonly weights: WeightsJson | null
  readonly pruned: boolean
  readonly time: number | null
  readonly metrics: Readonly<Record<string, JsonNumber>>
}
export interface LogJson {
  readonly session: SessionJson
  readonly epochs: readonly EpochJson[]
}
export interface ForkHere {
  readonly id: string
  readonly name: string
}
export interface ShowJson extends EpochJson {
  readonly session: { readonly id: string; readonly name: string }
  readonly graph: GraphSummary | null
  readonly forks: readonly ForkHere[]
  readonly weightsPath: string | null
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
}
export interface LaunchJson {
  readonly argv: readonly string[]
  readonly cwd: string
  /** What the command needs to find its session, to be added to the environment. */
  readonly env: Readonly<Record<string, string>>
}
export interface PlannedSession {
  readonly id: null
  readonly name: string
  readonly modelName: string
  readonly overrides: JsonObject
}
export interface StartedJson {
  /** With `--dry-run` what it would be: its id is null. */
  readonly session: SessionJson | PlannedSession
  readonly runDir: string | null
  readonly forkedFrom: ForkedFrom | null
  readonly launch: LaunchJson | null
  readonly exitCode?: number
}
/** A value that differs between models: where, and one value a model (null where absent). */
export interface Difference {
  readonly path: string
  readonly values: readonly Json[]
}
export interface NodeChange {
  readonly id: string
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Paths inside the node that differ, with both values. */
  readonly differences: readonly Difference[]
  /** Parameters on both sides; null where the node or the figure is absent. */
  readonly parameters: readonly [number | null, number | null]
}
export interface GraphDifference {
  readonly summary: readonly [GraphSummary | null, GraphSummary | null]
  readonly added: number
  readonly removed: number
  readonly changed: number
  readonly kept: number
  readonly nodes: readonly NodeChange[]
}
export interface ComparedModel {
  readonly id: string
  readonly name: string
  readonly reference: string
  readonly epoch: EpochName
  readonly epochs: number
  readonly status: Status
  readonly graph: GraphSummary | null
}
export interface MetricComparison {
  /** The value at the compared epoch, one a model. */
  readonly values: readonly (JsonNumber | null)[]
  /** Per epoch of each model's history: parallel arrays of epoch numbers and values. */
  readonly curves: readonly { readonly epochs: readonly number[]; readonly values: readonly (JsonNumber | null)[] }[]
  /** With `--points`: one a model. */
  readonly points?: readonly ReducedCurve[]
}
/** Parallel arrays: the values of a metric over a model's epochs; null where an epoch has none. */
export interface MetricCurve {
  readonly epochs: readonly number[]
  readonly values: readonly (JsonNumber | null)[]
  readonly points?: ReducedCurve
}
/** All points of a curve in at most so many buckets, each with its smallest and largest value, so that no peak is lost. */
export interface ReducedCurve {
  /** Points before reduction. */
  readonly count: number
  /** Index of the first point of each bucket; -1 where a bucket has none. */
  readonly start: readonly number[]
  readonly low: readonly JsonNumber[]
  readonly high: readonly JsonNumber[]
}
export interface GroupJson {
  readonly group: Json
  readonly count: number
  readonly mean: JsonNumber
  readonly min: JsonNumber
  readonly max: JsonNumber
}
export interface QueryJson {
  readonly session: { readonly id: string; readonly name: string }
  readonly epoch: EpochName
  readonly metrics?: Readonly<Record<string, MetricCurve>>
  readonly groups?: Readonly<Record<string, readonly GroupJson[]>>
}
export interface BestJson {
  readonly best: EpochName & { readonly value: JsonNumber; readonly sessionId: string }
  readonly metric: string
  readonly direction: 'min' | 'max'
  readonly pareto?: readonly (EpochName & { readonly value: JsonNumber; readonly parameters: number })[]
}
/** What others can see now, and what of it they could not before. */
export interface PushedJson {
  readonly sessions: number
  readonly epochs: number
  readonly documents: number
  /** Of weights that were not there yet. */
  readonly bytes: number
  /** What could not be handed on, and why. */
  readonly left: readonly { readonly sessionId: string; readonly name: string; readonly epochs: number; readonly why: string }[]
}
/** A session that was brought here, and what came with it that was not here before. */
export interface PulledJson {
  readonly session: SessionJson
  readonly sessions: number
  readonly epochs: number
  readonly documents: number
  /** Of weights. */
  readonly bytes: number
}
export interface CheckoutJson {
  readonly session: { readonly id: string; readonly name: string }
  readonly epoch: EpochName
  readonly graph: string | null
  readonly weights: string | null
  readonly state: string | null
}
export interface CollectedJson {
  /** What was, or would be, removed. */
  readonly items: readonly {
    readonly kind: 'session' | 'epochs' | 'documents' | 'weights' | 'graph' | 'leftover'
    readonly what: string
    readonly bytes: number
  }[]
  readonly bytes: number
  readonly dryRun: boolean
  /** On the team's servers, and not in the folder. */
  readonly team?: true
}
export interface ProblemJson {
  readonly sessionId: string
  readonly file: string
  readonly line: number | null
  readonly message: string
}
export interface IngestJson {
  readonly sessions: number
  readonly problems: readonly ProblemJson[]
}
export interface DoctorJson {
  readonly version: string
  readonly node: string
  readonly sqlite: string | null
  readonly dir: string
  readonly store: { readonly file: string; readonly state: 'ok'; readonly bytes: number; readonly rebuilt: boolean }
  readonly sessions: number
  readonly problems: readonly ProblemJson[]
  /** Null where the folder has none. */
  readonly team: TeamJson | null
}
/** How a folder's team is, as seen from here. */
export interface TeamJson {
  /** What is wrong with what says where the servers are; then none was asked. */
  readonly trouble: string | null
  readonly servers: readonly {
    readonly name: string
    /** Where it is, without anything that is secret. */
    readonly address: string
    /** Away: nobody answers; refused: it answers, and lets nobody in, or can't be used; reads: nothing can be written there from here. */
    readonly state: 'ok' | 'away' | 'refused' | 'reads'
    /** Seconds since 1970: since when that is known to be so. */
    readonly since: number
    /** What is wrong and how to mend it. */
    readonly message: string | null
  }[]
  /** Epochs that others can't see yet. */
  readonly waiting: number
  /** What still works, and what has to wait, while not all of them can be used. */
  readonly works: readonly string[]
}
export interface CompareJson {
  readonly models: readonly ComparedModel[]
  /** Epochs that all models have in common. */
  readonly sharedEpochs: number
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly shared: number; readonly at: EpochName | null }[]
  readonly metrics: Readonly<Record<string, MetricComparison>>
  readonly hyperparameters: readonly Difference[]
  readonly pruningPlan: readonly Difference[]
  /** The first model against each other one. */
  readonly graph: readonly (GraphDifference & { readonly a: string; readonly b: string })[]
}
