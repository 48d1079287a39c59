/** What the editor's side and the language server say to each other, besides the Language Server Protocol itself. Types only. */
import type { ComparisonRequests } from './comparison'
import type {
  Difference,
  EpochName,
  EpochState,
  ForkedFrom,
  GraphSummary,
  Json,
  JsonNumber,
  JsonObject,
  LaunchJson,
  Status,
  WeightsJson,
} from './model'

/** Given to the server at its start. */
export interface InitializationOptions {
  /** False in a workspace that is not trusted: then the server reads, and changes nothing. */
  readonly trusted: boolean
  /** True where the client has the extension's commands, so that links and lenses may call them. */
  readonly links: boolean
  /** True where the client keeps people's secrets, and answers `epochtree/secrets`. */
  readonly secrets: boolean
  readonly settings: Settings
}
export interface Settings {
  /** The metric that lists show, `split/name`; empty: the server chooses for each model. */
  readonly mainMetric: string
  /** Seconds between looks at unfinished runs, where the file system tells nothing. */
  readonly refreshSeconds: number
  /** The `.epochtree` folder to use instead of the one that each workspace folder leads to; empty: none. */
  readonly folder: string
  readonly inlayHints: boolean
  /** `epochtree.store` as it holds, and as people set it for themselves or for this machine; null where it is not set. Looked at where it is used. */
  readonly store?: unknown
  readonly ownStore?: unknown
}
/** Where a team's servers are, as `epochtree.store` and `.epochtree/config.json` hold it. */
export interface StoreSettings {
  readonly mode?: 'local' | 'team'
  readonly mongo?: { readonly uri: string; readonly database?: string; readonly caFile?: string }
  readonly elastic?: { readonly node: string; readonly prefix?: string; readonly caFile?: string }
  readonly gcs?: { readonly bucket: string; readonly prefix?: string; readonly endpoint?: string; readonly caFile?: string }
}
/** How people get in. Such values are never logged: whoever hands them on leaves them out of every trace. */
export interface Login {
  readonly username?: string
  readonly password?: string
  readonly apiKey?: string
  /** A file with certificates that are trusted for that address. */
  readonly caFile?: string
}
/** One server of a team, to be tried before anything is kept. */
export type TriedServer =
  | { readonly server: 'mongo'; readonly settings: NonNullable<StoreSettings['mongo']>; readonly login?: Login }
  | { readonly server: 'elastic'; readonly settings: NonNullable<StoreSettings['elastic']>; readonly login?: Login }
  | { readonly server: 'gcs'; readonly settings: NonNullable<StoreSettings['gcs']> }

/** One of a team's servers, as it was last seen. */
export interface TeamServer {
  readonly name: 'MongoDB' | 'Elasticsearch' | 'Google Cloud Storage'
  /** Away: nobody answers; refused: it answers, and lets nobody in, or can't be used; reads: nothing can be written there from here. */
  readonly state: 'ok' | 'away' | 'refused' | 'reads'
  /** Seconds since 1970. */
  readonly since: number
  /** What is wrong and how to mend it, in a sentence; null where nothing is. */
  readonly message: string | null
}
/** What a folder's team is like from here. */
export interface TeamStatus {
  readonly servers: readonly TeamServer[]
  /** Epochs that others can't see yet. */
  readonly waiting: number
  /** What is wrong with what says where the servers are, in a sentence; then none of them is asked. */
  readonly trouble: string | null
}

/** A `.epochtree` folder that is followed. */
export interface FolderState {
  /** Its path; names it in every request. */
  readonly dir: string
  /** Of the workspace folder it belongs to. */
  readonly name: string
  /** Paths of the workspace folders that lead to it. */
  readonly roots: readonly string[]
  /** Sessions that are not deleted. */
  readonly sessions: number
  readonly running: number
  /** Of what is known of it, as `Changed` counts it. */
  readonly version: number
  /** Why it can't be shown, in a sentence with the remedy. */
  readonly trouble: string | null
  /** Null where the folder has none. */
  readonly team: TeamStatus | null
}

export type MetricValue = { readonly number: number; readonly value: JsonNumber }
/** What lists show of a model's main metric. */
export interface MainMetric {
  readonly metric: string
  /** Which way it gets better; null where its name doesn't tell. */
  readonly direction: 'lower' | 'higher' | null
  readonly last: MetricValue | null
  readonly best: MetricValue | null
}
export interface SessionRow {
  readonly dir: string
  readonly id: string
  readonly name: string
  readonly modelName: string
  readonly status: Status
  /** Epochs in the model's history, inherited ones included; and those that it trained itself. */
  readonly epochs: number
  readonly own: number
  readonly latest: EpochName | null
  readonly selected: EpochName | null
  /** Where a running session is: the epoch it has begun or, between two, the one it committed last. */
  readonly live: EpochName | null
  /** The epoch an interrupted or failed run had begun. */
  readonly uncommitted: EpochName | null
  readonly main: MainMetric | null
  readonly forkedFrom: (ForkedFrom & { readonly name: string | null }) | null
  /** Sessions that start at one of the epochs it trained. */
  readonly forks: number
  readonly tags: readonly string[]
  readonly deleted: boolean
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly error: string | null
  readonly parentMissing: boolean
  readonly problems: number
  /** Null where the folder has no team. */
  readonly team: {
    /** Trained on another machine: it is seen here, and can't be resumed. */
    readonly elsewhere: boolean
    /** Trained on another machine and pulled: its copy here is deleted by itself. */
    readonly copy: boolean
    /** Who brought it. */
    readonly by: string | null
    /** Own epochs that others can't see yet. */
    readonly waiting: number
  } | null
}
export type EpochMark = 'latest' | 'selected' | 'best' | 'fork' | 'pruned'
export interface EpochRow {
  readonly dir: string
  /** The model in whose history it is shown. */
  readonly session: { readonly id: string; readonly name: string }
  readonly id: string
  readonly number: number
  /** The session that trained it. */
  readonly sessionId: string
  readonly inherited: boolean
  readonly state: EpochState
  readonly marks: readonly EpochMark[]
  readonly value: JsonNumber | null
  readonly metric: string | null
  readonly weights: WeightsJson | null
  /** Seconds since 1970. */
  readonly time: number | null
  /** Ids of the sessions that start here; only where this model trained the epoch, so that each fork has one place. */
  readonly forks: readonly string[]
}
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly total: number
  /** Of the folder when the page was made; a change with a higher version makes it old. */
  readonly version: number
}

export type SessionSort = 'newest' | 'name' | 'best' | 'epochs'
export type SessionGroup = 'none' | 'model' | 'state' | 'date'
export interface SessionsQuery {
  readonly dir: string
  /** Forks lie under the epochs where they start, so only sessions without a known parent are listed; false lists all. */
  readonly nested: boolean
  readonly filter?: string
  readonly sort?: SessionSort
  /** Only those of one group, by its key. */
  readonly group?: { readonly by: SessionGroup; readonly key: string }
  readonly deleted?: boolean
  readonly offset: number
  readonly limit: number
}
export interface Group {
  readonly key: string
  readonly label: string
  readonly sessions: number
}
export interface EpochsQuery {
  readonly dir: string
  readonly session: string
  /** Place in the history, newest first. */
  readonly offset: number
  readonly limit: number
  /** Sort by a metric instead, best first. */
  readonly metric?: string
  /** Only epochs up to this number: how one jumps in a long history. */
  readonly upTo?: number
}

/** Everything about one epoch, for its view. */
export interface EpochView {
  readonly row: EpochRow
  /** How people name it: `resnet50@30`. */
  readonly reference: string
  readonly trainer: {
    readonly id: string
    readonly name: string
    readonly forkedFrom: { readonly name: string; readonly number: number } | null
  }
  readonly status: Status
  /** Epochs in the model's history, and the place of this one among them. */
  readonly epochs: number
  readonly place: number
  /** Numbers of the epochs that the curves show: this one and those around it. */
  readonly curveEpochs: readonly number[]
  readonly metrics: readonly EpochMetric[]
  /** Metrics that are not sent. */
  readonly moreMetrics: number
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
  /** Where the trainer's settings differ from those of the session it was forked from: before, and now. */
  readonly changedHyperparameters: readonly Difference[]
  readonly changedPruningPlan: readonly Difference[]
  readonly environment: JsonObject
  readonly graph: EpochGraph | null
  /** Optimizer, scheduler and random state. */
  readonly trainingState: { readonly bytes: number; readonly format: string | null } | null
  readonly forks: readonly EpochFork[]
  readonly previous: number | null
  readonly next: number | null
}
export interface EpochMetric {
  readonly metric: string
  readonly value: JsonNumber
  readonly before: JsonNumber | null
  /** Over the model's whole history; null where its name doesn't tell which way it gets better. */
  readonly best: MetricValue | null
  readonly direction: 'lower' | 'higher' | null
  /** Whether it is better or worse than in the epoch before; null where that can't be said. */
  readonly judged: 'better' | 'worse' | 'same' | null
  /** One value for each of the `curveEpochs`. */
  readonly curve: readonly (JsonNumber | null)[]
}
export interface EpochFork {
  readonly id: string
  readonly name: string
  readonly status: Status
  readonly epochs: number
  readonly main: MainMetric | null
}
export interface EpochGraph extends GraphSummary {
  readonly hash: string
  /** Parameters of the model's first graph. */
  readonly original: number | null
  /** What became of the parameters in this epoch; null where the graph of the epoch before is not known. */
  readonly pruned: { readonly layers: number; readonly removed: number; readonly masked: number } | null
  readonly layers: readonly LayerRow[]
  /** Layers that are not sent. */
  readonly moreLayers: number
}
export interface LayerTensor {
  readonly name: string
  readonly shape: readonly number[]
}
/** One row of the tree of layers: a layer, or a part of a name that others share. */
export interface LayerRow {
  readonly id: string
  readonly name: string
  /** The part of the name that this row adds to the one above it. */
  readonly label: string
  readonly depth: number
  /** True where it is only a name, and no layer itself. */
  readonly group: boolean
  /** Rows directly below it, and layers below it that are not sent. */
  readonly inside: number
  readonly hidden: number
  readonly type: string | null
  readonly shape: readonly number[] | null
  /** Its shape in the epoch before, where that was another. */
  readonly shapeBefore: readonly number[] | null
  readonly tensors: readonly LayerTensor[]
  /** Of itself and of all below it, as are the three that follow. */
  readonly parameters: number | null
  /** Parameters in the epoch before. */
  readonly before: number | null
  /** Parameters less than in the model's first graph: removed by structural pruning. */
  readonly removed: number | null
  /** Parameters that are there and zero. */
  readonly masked: number | null
  /** Against the epoch before; `gone` went earlier. */
  readonly state: 'same' | 'changed' | 'added' | 'removed' | 'gone'
}

/** A draft of a new training, in a file of its own. */
export interface Draft {
  readonly file: string
  /** The text it began with, shown beside it. */
  readonly original: string
  readonly title: string
}
export interface DraftProblem {
  readonly message: string
  /** Where in the draft, such as `pruningPlan.ratio`; empty where it is the draft as a whole. */
  readonly path: string
  /** With an error nothing is made of the draft; the others are for the reader to judge. */
  readonly severity: 'error' | 'warning' | 'information'
}
/** What would be made of a draft. */
export interface DraftPreview {
  readonly kind: 'fork' | 'train'
  readonly name: string
  /** What is trained otherwise than before, or than the script says. */
  readonly differences: readonly { readonly path: string; readonly before: Json; readonly after: Json }[]
  readonly problems: readonly DraftProblem[]
}
export interface Started {
  readonly dir: string
  readonly session: { readonly id: string; readonly name: string }
  /** How to run it; null where that is not known here, for which `notRunnable` has the reason and the remedy. */
  readonly launch: LaunchJson | null
  readonly notRunnable: string | null
  /** The command as text, secrets masked, where this user did not record it on this machine: it must be agreed to before it is run. */
  readonly foreign: string | null
  readonly runDir: string
}
/** The quick way to fork: three answers instead of a draft. */
export interface QuickEdits {
  readonly name?: string
  readonly set?: readonly string[]
  readonly planFile?: string
  readonly epochs?: number
}

/** What `gc` would free if a session were deleted. */
export interface Deletable {
  readonly bytes: number
  /** How many of them are in files younger than an hour, which `gc` spares until they are older. */
  readonly young: number
  /** Sessions that start at one of its epochs; they keep what they need. */
  readonly forks: number
}
export interface RunningRow {
  readonly session: SessionRow
  /** The number of the last epoch that the engine means to train; null where it has not said so. */
  readonly until: number | null
  /** Estimated from its recent epochs; null where there is nothing to go by. */
  readonly secondsLeft: number | null
}

type Ref = { readonly dir: string; readonly reference: string }
type One = { readonly dir: string; readonly session: string }

/** Requests of the editor's side: what is asked, and what is answered. */
export interface Requests extends ComparisonRequests {
  'epochtree/folders': [null, readonly FolderState[]]
  'epochtree/groups': [
    { readonly dir: string; readonly by: SessionGroup; readonly filter?: string; readonly deleted?: boolean },
    readonly Group[],
  ]
  'epochtree/sessions': [SessionsQuery, Page<SessionRow>]
  /** With `fresh` the run is looked at first. */
  'epochtree/session': [One & { readonly fresh?: boolean }, SessionRow]
  /** Latest, selected, best, fork points and the last pruned. */
  'epochtree/notable': [One, readonly EpochRow[]]
  'epochtree/epochs': [EpochsQuery, Page<EpochRow>]
  'epochtree/epoch': [Ref, EpochView]
  /** The metrics that a model's history has. */
  'epochtree/metrics': [One, readonly string[]]
  /** Sessions that start at an epoch. */
  'epochtree/forks': [{ readonly dir: string; readonly epoch: string }, readonly SessionRow[]]
  /** The text of `epochtree compare`, `log`, `show` or `graph`, for a document. */
  'epochtree/report': [
    { readonly dir: string; readonly kind: 'compare' | 'log' | 'show' | 'graph' | 'diff'; readonly references: readonly string[] },
    string,
  ]
  'epochtree/select': [Ref, SessionRow]
  'epochtree/float': [One, SessionRow]
  'epochtree/rename': [One & { readonly name: string }, SessionRow]
  'epochtree/tag': [One & { readonly tags: readonly string[] }, SessionRow]
  'epochtree/delete': [One, SessionRow]
  'epochtree/restore': [One, SessionRow]
  'epochtree/deletable': [One, Deletable]
  /** Bytes of an epoch's weights and state that have to be brought here before something can start there; null where none have. */
  'epochtree/missing': [Ref | { readonly file: string }, number | null]
  /** Brings them here. How far that is is told under the token. */
  'epochtree/fetch': [(Ref | { readonly file: string }) & { readonly token: string }, null]
  'epochtree/checkout': [Ref & { readonly to: string }, { readonly folder: string; readonly files: readonly string[] }]
  'epochtree/draft': [
    (
      | { readonly dir: string; readonly kind: 'fork'; readonly reference: string }
      /** `dir` may be absent: then it is the folder that the script belongs to. `model` is one of those that the script begins. */
      | {
          readonly dir?: string
          readonly kind: 'train'
          readonly script: string
          readonly python: readonly string[]
          readonly model?: string
        }
    ),
    Draft,
  ]
  /** The text a draft began with. */
  'epochtree/original': [{ readonly file: string }, string]
  'epochtree/preview': [{ readonly file: string; readonly text: string }, DraftPreview]
  /** Makes the session of a draft, and takes the draft away. */
  'epochtree/apply': [{ readonly file: string; readonly text: string }, Started]
  /** Takes a draft away; with `untouched` only if its file is still as it began. */
  'epochtree/discard': [{ readonly file: string; readonly untouched?: boolean }, null]
  /** What a quick fork would be. */
  'epochtree/forkPreview': [Ref & { readonly edits: QuickEdits }, DraftPreview & { readonly epochs: number | null }]
  'epochtree/fork': [Ref & { readonly edits: QuickEdits }, Started]
  'epochtree/resume': [One, Started]
  'epochtree/stop': [One & { readonly graceSeconds: number }, SessionRow]
  /** Where in the workspace's scripts the session's model is begun. */
  'epochtree/callSite': [One, { readonly uri: string; readonly line: number; readonly character: number } | null]
  'epochtree/sessionFiles': [One, { readonly runDir: string }]
  /** Sessions that are being trained, in all folders. */
  'epochtree/running': [null, readonly RunningRow[]]
  /** What a folder's own file says about its team; null where it says nothing. */
  'epochtree/teamFile': [{ readonly dir: string }, { readonly file: string; readonly store: StoreSettings | null }]
  /** The address as secrets are kept for it; fails where it is none, or holds what belongs elsewhere. */
  'epochtree/teamAddress': [{ readonly server: 'mongo' | 'elastic' | 'gcs'; readonly address: string }, { readonly address: string }]
  /** Opens just that server; answers with what is wrong in words, and whether it would help to log in, or null. */
  'epochtree/tryServer': [TriedServer & { readonly dir: string }, { readonly message: string; readonly login: boolean } | null]
  /** Writes a folder's own file; null takes the team out of it. */
  'epochtree/saveTeam': [{ readonly dir: string; readonly store: StoreSettings | null }, { readonly file: string }]
}
export type RequestName = keyof Requests
export type Params<Name extends RequestName> = Requests[Name][0]
export type Result<Name extends RequestName> = Requests[Name][1]

/** What changed in a folder since the version before. */
export interface Changed {
  readonly dir: string
  readonly version: number
  /** Rows of sessions that changed or came. */
  readonly sessions: readonly SessionRow[]
  readonly removed: readonly string[]
  /** Sessions came or went, or lie elsewhere now: lists are to be asked for again. */
  readonly structure: boolean
  readonly folder: FolderState
}
/** What needs a person: an engine that ended with an error. */
export interface Failed {
  readonly dir: string
  readonly session: { readonly id: string; readonly name: string }
  readonly error: string
}
export interface Fetching {
  readonly token: string
  readonly done: number
  readonly total: number
}
/** Notifications of the server. */
export interface Notifications {
  'epochtree/fetching': Fetching
  'epochtree/changed': Changed
  'epochtree/failed': Failed
}
/** Notifications of the editor's side. */
export interface ClientNotifications {
  'epochtree/settings': Settings
  'epochtree/trusted': null
  /** What `epochtree/secrets` answers may be another now. */
  'epochtree/secretsChanged': null
}
/** Requests of the server. */
export interface ServerRequests {
  /** What people gave the editor to keep for these addresses, and for no others. */
  'epochtree/secrets': [
    { readonly mongo: string; readonly elastic: string },
    { readonly mongo: Login | null; readonly elastic: Login | null },
  ]
}
export type NotificationName = keyof Notifications
