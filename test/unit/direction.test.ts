import assert from 'node:assert/strict'
import { directionOf, judge, mainMetrics, placeOfBest } from '../../server/tracking/direction'

describe('metrics', () => {
  it('tell by their names which way is better, and which matter most', () => {
    for (const name of ['loss', 'val/loss', 'top1_error', 'perplexity', 'latency_ms', 'RMSE', 'mae', 'accuracy_loss', 'valLoss'])
      assert.equal(directionOf(name), 'lower', name)
    for (const name of ['val/accuracy', 'acc', 'f1', 'auc', 'precision', 'recall', 'mIoU', 'mAP', 'mAP50', 'bleu', 'r2', 'testAcc'])
      assert.equal(directionOf(name), 'higher', name)
    for (const name of ['lr', 'epoch', 'glossary', '', 'sparsity']) assert.equal(directionOf(name), null, name)
    assert.equal(placeOfBest('loss', [3, 1, 2]), 1)
    assert.equal(placeOfBest('loss', ['NaN', 1, null]), null)
    assert.equal(placeOfBest('acc', [1, 1]), null)
    assert.equal(placeOfBest('acc', ['NaN', 0.1, 'Infinity']), 2)
    assert.equal(judge('acc', 0.1, 0.2), 'better')
    assert.equal(judge('lr', 0.1, 0.2), null)
    assert.deepEqual(mainMetrics(['lr', 'loss', 'val/acc', 'val/foo'], 3), ['val/acc', 'loss', 'val/foo'])
  })
})
