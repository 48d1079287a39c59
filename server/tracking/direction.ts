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
