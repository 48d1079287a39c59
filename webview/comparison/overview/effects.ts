import type { Effect } from '../../../server/protocol/comparison'
import type { GraphSummary } from '../../../server/protocol/model'
import type { ComparisonTexts } from '../../messages/comparisonTexts'
import { type Sentence, say } from '../sentence'

/** What a model did to its graph since it went its own way. */
export function effectSentences({ since, until, before, after, change }: Effect, texts: ComparisonTexts): Sentence[] {
  if (!since) return [say(texts.noOwnEpochs)]
  if (!before || !after) return [say(texts.graphMissing, before ? until.number : since.number)]
  if (!change) return [say(texts.graphUntold)]
  const { layers, removed, masked, layersRemoved, layersAdded } = change
  const [from, to, all] = [since.number, until.number, before.parameters]
  const said: Sentence[] = []
  if (removed && masked) said.push(say(texts.removedAndMasked, from, to, removed, all ?? '?', masked, layers))
  else if (removed) said.push(say(texts.removedFrom, from, to, removed, all ?? '?', layers))
  else if (masked) said.push(say(texts.maskedIn, from, to, masked, all ?? '?', layers))
  else if (all !== null && after.parameters === all) said.push(say(texts.keptAll, from, to, all))
  else said.push(say(texts.keptGraph, from, to))
  if (layersRemoved) said.push(say(texts.removedLayers, layersRemoved))
  if (layersAdded && after.parameters !== null) said.push(say(texts.addedLayers, layersAdded, after.parameters))
  return said
}

/** What became of the parameters that a model had at first; undefined where the graphs do not tell. */
export interface Shares {
  readonly kept: number
  readonly masked: number
  /** Since it went its own way, and before. */
  readonly removed: number
  readonly earlier: number
  readonly all: number
}

export function shares({ first, before, after }: Effect): Shares | undefined {
  const [all, then, now] = [first, before, after].map((graph) => graph?.parameters ?? null)
  if (!all || typeof now !== 'number') return undefined
  const masked = now - ((after as GraphSummary).nonzero ?? now)
  const gone = Math.max(0, all - now)
  const earlier = Math.min(gone, Math.max(0, all - (then ?? now)))
  return { kept: now - masked, masked, removed: gone - earlier, earlier, all: now + gone }
}
