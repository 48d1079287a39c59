/** What the comparison of models asks of the server, and what is answered. Types only. */
import type { Difference, EpochName, GraphSummary, Json, JsonNumber, Status } from './model'

/** Little-endian 64-bit floats in base64: NaN and infinities survive, and thousands of values stay small. */
export type Floats = string
/** Little-endian 32-bit integers in base64. */
export type Integers = string

/** The models of a comparison, in their order: two to twelve sessions or epochs. */
export interface Compared {
  readonly dir: string
  readonly references: readonly string[]
}

export interface ComparisonModel {
  /** The session. */
  readonly id: string
  readonly name: string
  readonly modelName: string
  /** As it was asked for. */
  readonly reference: string
  /** How it is called here: the session's name, with the epoch where one was asked for. */
  readonly label: string
  readonly status: Status
  /** The epoch that it is compared at: the last of its history here. */
  readonly epoch: EpochName
  /** Epochs of its history up to there. */
  readonly epochs: number
  readonly forkedFrom: { readonly sessionId: string; readonly name: string | null; readonly number: number } | null
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly parentMissing: boolean
  /** Its session was deleted, and can still be restored. */
  readonly deleted: boolean
  readonly graph: GraphSummary | null
}
/** An unbroken piece of history, trained by one session, that the same models have: it is drawn once. */
export interface Line {
  /** Stays the same while it grows. */
  readonly id: string
  readonly sessionId: string
  readonly sessionName: string
  /** Numbers of its first and last epoch here. */
  readonly from: number
  readonly to: number
  /** Places of the models whose history it belongs to; more than one: they share it. */
  readonly models: readonly number[]
  /** Id of the line that it goes on from. */
  readonly after: string | null
}
export interface ComparisonMetric {
  /** `split/name`. */
  readonly metric: string
  readonly split: string
  readonly name: string
  /** Which way it gets better, as its name tells. */
  readonly direction: 'lower' | 'higher' | null
  /** Places of the models that have it. */
  readonly models: readonly number[]
}
/** Values that models were trained with, one a model, null where absent; those that are alike too. */
export interface ComparedSettings {
  readonly hyperparameters: readonly Difference[]
  readonly pruningPlan: readonly Difference[]
  readonly environment: readonly Difference[]
  /** The command, secrets masked, and the folder it ran in. */
  readonly command: readonly Difference[]
  /** What was said of the data, as far as hyper-parameters or the environment name a data set. */
  readonly data: readonly Difference[]
}
/** The frame of the page: who is compared, how their histories hang together, and what can be asked. */
export interface Comparison {
  readonly dir: string
  readonly models: readonly ComparisonModel[]
  readonly lines: readonly Line[]
  /** Epochs that all have in common. */
  readonly sharedEpochs: number
  readonly pairs: readonly { readonly a: number; readonly b: number; readonly shared: number; readonly at: EpochName | null }[]
  /** The metrics that matter most first. */
  readonly metrics: readonly ComparisonMetric[]
  readonly moreMetrics: number
  readonly settings: ComparedSettings
  /** The metric by which one model is called better; null where none has a direction. */
  readonly main: string | null
}

export type Axis = 'epoch' | 'step' | 'time'
export interface CurvesQuery {
  readonly metrics: readonly string[]
  /** Epoch number; global step; or seconds of training, in which a fork goes on where its parent was. */
  readonly axis: Axis
  /** The part of the axis that is looked at; null: all. */
  readonly range: readonly [from: number, to: number] | null
  /** Most points a line is reduced to within the range; one that has no more points keeps them all. */
  readonly buckets: number
  /** Only these lines; absent: all. */
  readonly lines?: readonly string[]
  /**
   * Columns that are alike are sent once, as metrics that are logged together lie at the same places: `x` and `epoch` may be
   * `=` and the place of an earlier curve in the answer, which has the same.
   */
  readonly once?: boolean
}
/**
 * A metric on one line; parallel arrays, x rising. A line without a point of the metric has no curve.
 *
 * On the axis of epochs each committed epoch is one point: its value is the one that it has everywhere, and its band is that of all
 * that was logged in it. On the axis of steps an epoch whose first step is not above the last one before goes on from that, and a
 * value without a step lies at the last step of its epoch. On that of time, what lies between a stop and a resume does not count.
 */
export interface Curve {
  readonly metric: string
  readonly line: string
  /** Points in the range before reduction; epochs, on the axis of those. */
  readonly count: number
  /** Of the first point of each bucket. The nearest point beyond either end of the range comes too, so that the line can be drawn to the edge. */
  readonly x: Floats
  /** Last value of each bucket; NaN where the value was. */
  readonly value: Floats
  /** Smallest and largest of each bucket that are numbers, NaN where none is; null where every bucket holds one value. */
  readonly low: Floats | null
  readonly high: Floats | null
  /** Number of the epoch at each x; null where x is that number. */
  readonly epoch: Floats | null
  /** Places of buckets in which a value is NaN or infinite. */
  readonly gaps: readonly number[]
  /** Of a session that is running: the epoch that is not committed yet, whose points so far are the last of the curve; not on the axis of epochs. */
  readonly open?: number
  /** In a file only: it was recorded in fewer points than were asked for, and none of them is known for itself. */
  readonly coarser?: true
}
export interface Curves {
  readonly curves: readonly Curve[]
  /** Of all lines, whatever was logged in them: where on the axis their last epoch ends, or the one that is not committed yet has come to. */
  readonly ends: readonly { readonly line: string; readonly at: number }[]
}

/** At which epoch of each model values are set against each other. */
export type Point = 'compared' | 'last' | 'best' | 'selected' | number
export interface ValuesQuery {
  readonly at: Point
  /** For `best`: by which metric, and which way. */
  readonly metric?: string
  readonly direction?: 'lower' | 'higher'
}
export interface Values {
  /** One a model; null where it has no such epoch. */
  readonly epochs: readonly (EpochName | null)[]
  readonly metrics: readonly { readonly metric: string; readonly values: readonly (JsonNumber | null)[] }[]
  readonly graphs: readonly (GraphSummary | null)[]
  /** Bytes of weights. */
  readonly weights: readonly (number | null)[]
}

export interface GraphQuery {
  /** References: any two epochs, of one model or of two. */
  readonly a: string
  readonly b: string
}
/** Places of these are sent for words. */
export type NodeChanges = readonly ['kept', 'changed', 'removed', 'added']
/** The nodes of one side, in columns. */
export interface GraphSide {
  /** Place of the shape among `shapes`; -1 where there is none. */
  readonly shape: Integers
  readonly parameters: Floats
  readonly nonzero: Floats
}
/** Two graphs as one. In columns, one entry a node: tens of thousands of nodes stay small and are read at once. */
export interface GraphPair {
  /** Of all nodes, also of those that are not sent; null where a graph is not known, and then all of the other one's count as kept. */
  readonly summary: readonly [a: GraphSummary | null, b: GraphSummary | null]
  readonly counts: Readonly<Record<NodeChanges[number], number>>
  readonly nodes: {
    readonly id: readonly string[]
    /** Empty where it is the id. */
    readonly name: readonly string[]
    /** Place among `types`; -1 where there is none. */
    readonly type: Integers
    /** Place among `NodeChanges`. */
    readonly change: Integers
    readonly a: GraphSide
    readonly b: GraphSide
  }
  readonly types: readonly string[]
  readonly shapes: readonly (readonly number[])[]
  /** Three numbers a connection: place of the node it comes from, of the one it goes to, and 1 where `a` has it, 2 where `b` has it, 3 where both have it. */
  readonly edges: Integers
  /** Of nodes that changed: place, and `NodeDifferences` as JSON, which is read when the node is looked at. */
  readonly differences: readonly (readonly [node: number, json: string])[]
  /** What is not sent. */
  readonly moreNodes: number
  readonly moreEdges: number
  /** Connections that lead to no node of their graph. */
  readonly looseEdges: number
}
export interface NodeDifferences {
  /** Paths inside the node that differ, with both values. */
  readonly differences: readonly Difference[]
  readonly more: number
}
export interface ComparedGraph extends GraphPair {
  readonly a: { readonly label: string; readonly epoch: EpochName }
  readonly b: { readonly label: string; readonly epoch: EpochName }
}
export interface LayersQuery {
  readonly reference: string
}
/** Parameters of layers in several graphs: one column a graph. */
export interface LayerSizes {
  readonly layers: readonly {
    readonly id: string
    readonly name: string
    readonly type: string | null
    /** NaN where the layer is not there, or does not tell. */
    readonly parameters: Floats
    readonly nonzero: Floats
  }[]
  /** Of all layers, also of those that are not sent. */
  readonly parameters: Floats
  readonly nonzero: Floats
  readonly moreLayers: number
}
/** Parameters of each layer over the epochs of a model: one column for each epoch whose graph is another than the one before. */
export interface LayersOverEpochs extends LayerSizes {
  readonly epochs: readonly EpochName[]
  /** The last epoch of the history. */
  readonly until: number
  /** Epochs with another graph that have no column, because there are too many. */
  readonly moreEpochs: number
}

/** `parameters`, `sparsity` (share of the model's first graph that is gone or zero), `weights` (bytes), or a metric. */
export type Cost = string
export interface TradeoffQuery {
  readonly metric: string
  readonly direction: 'lower' | 'higher'
  readonly cost: Cost
  /** Which way the cost is better: more sparsity costs less. */
  readonly costDirection: 'lower' | 'higher'
}
export interface Tradeoff {
  readonly lines: readonly { readonly line: string; readonly epoch: Floats; readonly value: Floats; readonly cost: Floats }[]
  /** Points that no other beats in both, cheapest first: line and place in it. */
  readonly front: readonly (readonly [line: string, place: number])[]
  /** Epochs that have both figures. Of very many only those are sent that show how far the points reach, and the front. */
  readonly count: number
  /** Points of the front; of very many only some are sent. */
  readonly frontCount: number
  /** Epochs that lack one of the figures, or where it is NaN. */
  readonly without: number
}

/** What became of a model's graph in the epochs that it shares with no other. */
export interface Effect {
  /** Where it went its own way, or else its first epoch; null where all its epochs are in another's history too. */
  readonly since: EpochName | null
  /** Its last epoch here. */
  readonly until: EpochName
  /** The graph that the model began with. */
  readonly first: GraphSummary | null
  readonly before: GraphSummary | null
  readonly after: GraphSummary | null
  /** Null where one of the graphs is not known. */
  readonly change: GraphEffect | null
}
export interface GraphEffect {
  /** Layers that have fewer parameters, or more that are zero; those that are gone among them. */
  readonly layers: number
  readonly removed: number
  readonly masked: number
  readonly layersRemoved: number
  readonly layersAdded: number
}
export interface Effects {
  /** One a model. */
  readonly models: readonly Effect[]
}

export interface SampleFields {
  /** Of all models together. */
  readonly splits: readonly {
    readonly split: string
    readonly fields: readonly {
      readonly name: string
      /** Whether it can be measured. */
      readonly numeric: boolean
      /** Which way it gets better, as its name tells. */
      readonly direction: 'lower' | 'higher' | null
      /** What it holds, as its name tells: what a sample is, what was predicted, or what names it. One field at most has each. */
      readonly role: 'label' | 'prediction' | 'sample' | null
    }[]
  }[]
}
/**
 * Samples of the compared epoch; where a model logged none with these fields in it, of the last epoch before that has some. One a model,
 * null where there is none.
 */
export type SampledEpochs = readonly (EpochName | null)[]
export interface SamplesQuery {
  readonly split: string
  readonly by: string
  readonly field: string
  /** Which way the field gets better; null: any change counts alike. */
  readonly better: 'lower' | 'higher' | null
}
export interface SampleGroups {
  /** Those that became worst from the first model to another first. */
  readonly groups: readonly {
    readonly group: Json
    /** One a model; null where it has no sample of the group. */
    readonly models: readonly ({
      readonly count: number
      readonly mean: JsonNumber
      readonly min: JsonNumber
      readonly max: JsonNumber
    } | null)[]
  }[]
  readonly epochs: SampledEpochs
  readonly moreGroups: number
}
export interface ConfusionQuery {
  readonly split: string
  readonly label: string
  readonly prediction: string
}
export interface Confusion {
  readonly classes: readonly Json[]
  readonly models: readonly ({
    /** Samples with a label and a prediction, and those of them that are right; of all classes. */
    readonly count: number
    readonly right: number
    /** Rows are labels, columns predictions. */
    readonly counts: readonly (readonly number[])[]
  } | null)[]
  readonly epochs: SampledEpochs
  /** Classes that are not sent; the ones that are mistaken most are. */
  readonly moreClasses: number
}
export interface FlipsQuery extends ConfusionQuery {
  /** The field that names a sample. Of documents with one name, the last counts. */
  readonly sample: string
  /** Places of the two models. */
  readonly a: number
  readonly b: number
  /** Only samples that are so now are listed, and only those with this in their name; null, empty: all. */
  readonly to: 'right' | 'wrong' | null
  readonly search: string
  readonly most: number
}
export interface FlipCounts {
  readonly bothRight: number
  readonly bothWrong: number
  readonly wrongToRight: number
  readonly rightToWrong: number
  /** Samples that only one of the two has. */
  readonly onlyA: number
  readonly onlyB: number
  /** Documents that named a sample again; the last one counts. */
  readonly repeated: number
}
export interface Flips extends FlipCounts {
  readonly samples: readonly {
    readonly sample: Json
    /** As the first of the two has it. */
    readonly label: Json
    readonly a: Json
    readonly b: Json
    readonly to: 'right' | 'wrong'
  }[]
  readonly moreSamples: number
  /** Of the two. */
  readonly epochs: SampledEpochs
}
export interface HistogramQuery {
  readonly split: string
  readonly field: string
  readonly bins: number
  /** Bins of equal ratios; what isn't above 0 is outside. */
  readonly log: boolean
}
export interface Histogram {
  /** One more than there are bins; none where there is nothing to count. The last bin holds its upper edge, each other one its lower. */
  readonly edges: readonly number[]
  readonly models: readonly ({
    readonly counts: readonly number[]
    /** Values, and those of them that are in no bin, as NaN is. */
    readonly count: number
    readonly outside: number
    /** Of what is in the bins. */
    readonly mean: JsonNumber
  } | null)[]
  readonly epochs: SampledEpochs
}

/** What a page of a comparison asks about its models. */
export interface Questions {
  curves: [CurvesQuery, Curves]
  values: [ValuesQuery, Values]
  graph: [GraphQuery, ComparedGraph]
  layers: [LayersQuery, LayersOverEpochs]
  tradeoff: [TradeoffQuery, Tradeoff]
  effects: [null, Effects]
  sampleFields: [null, SampleFields]
  samples: [SamplesQuery, SampleGroups]
  confusion: [ConfusionQuery, Confusion]
  flips: [FlipsQuery, Flips]
  histogram: [HistogramQuery, Histogram]
}
export type Question = keyof Questions
export type Asked<Name extends Question> = Questions[Name][0]
export type Answer<Name extends Question> = Questions[Name][1]

/** A question that a file has the answer to. */
export type Recorded = { [Name in Question]: { readonly question: Name; readonly asked: Asked<Name> } }[Question]
/** A comparison in a file of its own. The answers stand beside it, one for each question, so that each is read when it is asked for. */
export interface SavedComparison {
  /** Of the metrics only those whose curves are there. */
  readonly comparison: Comparison
  readonly recorded: readonly Recorded[]
  /** In the language of whoever saved it; texts that are absent are shown in English. */
  readonly texts: Readonly<Record<string, string>>
  readonly language: string
  /** Seconds since 1970. */
  readonly savedAt: number
}
export type SavedAnswer = { readonly answer: Answer<Question> } | { readonly refused: string }
export interface SaveComparison extends Compared {
  /** Path of the file; one that is there is replaced, which the user agreed to. */
  readonly file: string
  readonly texts: Readonly<Record<string, string>>
  readonly language: string
}
export interface SavedFile {
  readonly file: string
  readonly bytes: number
}

export type ComparisonRequests = {
  'epochtree/comparison': [Compared, Comparison]
  'epochtree/saveComparison': [SaveComparison, SavedFile]
} & { [Name in Question as `epochtree/comparison/${Name}`]: [Compared & { readonly asked: Asked<Name> }, Answer<Name>] }
