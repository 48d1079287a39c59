import { type Figure, toNumber } from '../json'

export type Better = 'lower' | 'higher'

const lower = new Set([
  'loss',
  'error',
  'err',
  'perplexity',
  'ppl',
  'latency',
  'rmse',
  'mse',
  'mae',
  'mape',
  'nll',
  'wer',
  'cer',
  'fid',
  'regret',
])
const higher = new Set([
  'accuracy',
  'acc',
  'f1',
  'auc',
  'auroc',
  'precision',
  'recall',
  'iou',
  'miou',
  'map',
  'bleu',
  'rouge',
  'r2',
  'dice',
  'psnr',
  'ssim',
  'score',
  'reward',
  'mrr',
  'ndcg',
])

const said = (word: string): Better | null => (lower.has(word) ? 'lower' : higher.has(word) ? 'higher' : null)

/** `mAP50` and `top5` carry numbers that are no part of the word; `f1` and `r2` carry some that are. */
const ofWord = (word: string) => {
  const small = word.toLowerCase()
  return said(small) ?? said(small.replace(/\d+$/, ''))
}

/** Which way a metric gets better, as its name tells: the last word that tells, so `accuracy_loss` is a loss. */
export function directionOf(metric: string): Better | null {
  for (const word of metric
    .slice(-256)
    .split(/[^\p{L}\p{N}]+/u)
    .reverse()) {
    const direct = ofWord(word)
    if (direct) return direct
    for (const part of word.split(/(?<=[a-z\d])(?=[A-Z])/).reverse()) {
      const found = ofWord(part)
      if (found) return found
    }
  }
  return null
}

/** How the change from one value to another is to be judged, where it can be. */
export function judge(metric: string, from: Figure, to: Figure): 'better' | 'worse' | 'same' | null {
  const [a, b] = [toNumber(from), toNumber(to)]
  const direction = directionOf(metric)
  if (Number.isNaN(a) || Number.isNaN(b)) return null
  if (a === b) return 'same'
  return direction && ((direction === 'lower') === b < a ? 'better' : 'worse')
}

/** The place of the best value; null if the name tells no direction, fewer than two values are there, or the best are level. */
export function placeOfBest(metric: string, values: readonly Figure[]): number | null {
  const known = values.map((value, index) => ({ index, value: toNumber(value) })).filter(({ value }) => !Number.isNaN(value))
  const direction = directionOf(metric)
  if (!direction || known.length < 2) return null
  const [first, second] = known.sort((a, b) => (a.value === b.value ? 0 : (direction === 'lower') === a.value < b.value ? -1 : 1))
  return first && first.value !== second?.value ? first.index : null
}

const heldOut = /^(val|valid|validation|test|eval|dev)\b/i

/** The metrics that matter most first: of held-out data before training, those with a direction before others. */
export function mainMetrics(names: Iterable<string>, count = 6): readonly string[] {
  const rank = (name: string) => (directionOf(name) ? 0 : 2) + (heldOut.test(name) ? 0 : 1)
  return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).slice(0, count)
}
