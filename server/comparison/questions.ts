import type { Answer, Asked, Compared, Question } from '../protocol/comparison'
import type { Context } from '../requests'
import { curves } from './curves'
import { effects } from './effects'
import { graph } from './graph'
import { layers } from './layers'
import { type Model, modelsOf } from './models'
import { confusion, flips, histogram, sampleFields, samples } from './samples'
import { tradeoff } from './tradeoff'
import { values } from './values'

type Answers = {
  readonly [Name in Question]?: (
    context: Context,
    models: readonly Model[],
    asked: Asked<Name>,
    signal: AbortSignal | undefined,
  ) => Promise<Answer<Name>>
}

/** What can be asked about the models of a comparison. */
export const questions = {
  sampleFields,
  samples,
  confusion,
  flips,
  histogram,
  curves,
  values,
  effects,
  graph,
  layers,
  tradeoff,
} satisfies Answers

export async function answer<Name extends Question>(
  context: Context,
  { references }: Pick<Compared, 'references'>,
  name: Name,
  asked: Asked<Name>,
  signal?: AbortSignal,
): Promise<Answer<Name>> {
  const known: Answers = questions
  return known[name]!(context, await modelsOf(context, references), asked, signal)
}
