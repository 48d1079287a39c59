import type { Comparison } from '../../server/protocol/comparison'
import type { ComparisonTexts } from '../messages/comparisonTexts'
import { type Sentence, say } from './sentence'

/** How the histories hang together, in sentences. */
export function partings(
  { models, lines, sharedEpochs }: Pick<Comparison, 'models' | 'lines' | 'sharedEpochs'>,
  texts: ComparisonTexts,
): Sentence[] {
  const said: Sentence[] = []
  const roots = lines.filter(({ after }) => after === null)
  const [first] = roots
  if (roots.length > 1) said.push(apart(roots.map((line) => line.models)))
  else if (first && sharedEpochs > 1) said.push(say(texts.sharedEpochs, sharedEpochs, first.from, sharedEnd()))
  else if (first && sharedEpochs === 1) said.push(say(texts.sharedEpoch, first.from))
  for (const line of lines) {
    if (line.models.length < 2) continue
    const ways = lines.filter(({ after }) => after === line.id).map((next) => next.models)
    const ended = line.models.filter((model) => !ways.some((way) => way.includes(model)))
    if (ended.length > 1) said.push(say(texts.sameEpoch, { models: ended }))
    if (ended.length && ways.length) said.push(say(texts.inPast, { models: ended }, { models: ways.flat().sort((a, b) => a - b) }, line.to))
    if (ways.length < 2) continue
    said.push(
      ways.every((way) => way.length === 1)
        ? say(texts.partAfter, { models: ways.flat() }, line.to)
        : say(texts.partWays, line.to, ways.length, { groups: ways }),
    )
  }
  for (const [place, { parentMissing }] of models.entries()) if (parentMissing) said.push(say(texts.parentMissing, { models: [place] }))
  return said

  function apart(groups: readonly (readonly number[])[]): Sentence {
    return groups.every((group) => group.length === 1)
      ? say(texts.noneInCommon, { models: groups.flat() })
      : say(texts.noneInCommonGroups, { groups })
  }
  /** The last epoch that all have, through all pieces that all have. */
  function sharedEnd(): number {
    return Math.max(...lines.filter((line) => line.models.length === models.length).map(({ to }) => to))
  }
}
