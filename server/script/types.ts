import type { Tree, TreeFragment } from '@lezer/common'
import type { Json } from '../protocol/model'

/** A stretch of a document in UTF-16 code units, as LSP counts; `to` is the offset behind it. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A text and its tree; give it to the next parse, which then reads only what changed. */
export interface Parsed {
  readonly text: string
  /** What the parser read, at the same offsets. */
  readonly source: string
  /** Undefined for a document that is too long, or a notebook's cell in another language: nothing is found in it. */
  readonly tree: Tree | undefined
  readonly fragments: readonly TreeFragment[]
}

/** What Python makes of an expression; undefined elsewhere where only running the script would tell. */
export type PythonType =
  | 'str'
  | 'bytes'
  | 'bool'
  | 'int'
  | 'float'
  | 'complex'
  | 'NoneType'
  | 'dict'
  | 'list'
  | 'tuple'
  | 'set'
  | 'function'

/** What a training script says about its sessions. All ranges lie in this document (a cell, in a notebook). */
export interface ScriptModel {
  readonly imports: readonly Import[]
  readonly sessions: readonly SessionCall[]
  readonly evaluations: readonly EvaluateCall[]
  readonly references: readonly WrittenReference[]
  /** The keys of hyper-parameters and plans, where they are written: in the call or in a constant it uses, once for each call. */
  readonly settings: readonly Setting[]
  readonly metrics: readonly LoggedMetric[]
}

/** A name in the script that means the package or one of its functions. */
export interface Import extends Range {
  readonly name: string
  readonly means: 'package' | 'session' | 'evaluate'
}

/** One argument of a call; the range is the whole of it, `key="x"`. */
export interface Argument extends Range {
  /** Whether it is `*x` or `**x`, which may hold anything. */
  readonly spread: boolean
  /** The parameter's name, also where it is given by its place; undefined for a spread, those behind it, and one too many. */
  readonly parameter: string | undefined
  /** Where the parameter's name is written; undefined for one given by its place. */
  readonly nameRange: Range | undefined
  readonly valueRange: Range
  readonly type: PythonType | undefined
  /** As the journal would hold it (NaN is "NaN"); undefined where it can't be known in whole without running the script. */
  readonly value: Json | undefined
}

export interface Call extends Range {
  /** The function as written, `epochtree.session`. */
  readonly callee: Range
  readonly arguments: readonly Argument[]
  /** What it is bound to: `with ... as run`, `run = ...`. */
  readonly variable: (Range & { readonly name: string }) | undefined
}

export interface SessionCall extends Call {
  /** Counts the calls of the script or of the whole notebook, and is the same in their settings. */
  readonly number: number
  /** Undefined where it can't be known without running the script. */
  readonly modelName: string | undefined
  /** The session's own name, `name=`. */
  readonly name: string | undefined
}

export type EvaluateCall = Call

/** A reference as text, such as `resnet50@30`; the range is that of the text without its quotes. */
export interface WrittenReference extends Range {
  readonly text: string
  readonly kind: 'fork_from' | 'evaluate' | 'command' | 'comment'
  /** Whether the document holds the text as it is in this range: no escapes, not in several pieces. Only then a part of it can be replaced. */
  readonly exact: boolean
}

/** A key with its value; the range is that of the key, with its quotes. */
export interface Setting extends Range {
  readonly of: 'hyperparameters' | 'pruningPlan'
  /** The number of the call that uses it. */
  readonly call: number
  /** The model of that call. */
  readonly modelName: string | undefined
  /** As in differences and `--set`: `optimizer.lr`, `layers[0].units`, `["a.b"]`. */
  readonly path: string
  readonly key: string
  /** How many dictionaries and lists it lies in: 1 for a key of the hyper-parameters or the plan itself. */
  readonly depth: number
  readonly keyType: PythonType
  readonly valueRange: Range
  readonly type: PythonType | undefined
  readonly value: Json | undefined
}

/** A metric that the script logs; the range is that of its name, with quotes. */
export interface LoggedMetric extends Range {
  readonly name: string
  /** Undefined where it can't be known without running the script. */
  readonly split: string | undefined
  /** Of the session whose epochs log it, where that is known. */
  readonly modelName: string | undefined
}

/** What a cursor in a reference is at; the range, within the reference's text, is what a chosen completion replaces. */
export type ReferencePart = Range & {
  /** What stands between `from` and the cursor. */
  readonly typed: string
} & (
    | { readonly kind: 'session' }
    | { readonly kind: 'epoch'; readonly session: string }
    | { readonly kind: 'metric'; readonly session: string; readonly direction: 'min' | 'max' }
    /** `n` of `~n`; the epoch is as written, empty where none is. */
    | { readonly kind: 'back'; readonly session: string; readonly epoch: string }
  )

export type FindingCode = 'bad-argument' | 'bad-hyperparameters' | 'bad-plan' | 'bad-reference' | 'not-json' | 'odd-plan' | 'misspelt-key'

/** What is wrong without asking the store. */
export interface Finding extends Range {
  readonly severity: 'error' | 'warning' | 'information'
  readonly code: FindingCode
  readonly message: string
  /** Texts that may stand in the range instead, the likeliest first. */
  readonly instead: readonly string[]
}

/** A JSON document, or a part of it, read as a pruning plan; comments and trailing commas are allowed. */
export interface PlanModel {
  readonly settings: readonly Setting[]
  /** Undefined where the text is no JSON, or holds no plan (yet). */
  readonly value: Json | undefined
  readonly range: Range
}
