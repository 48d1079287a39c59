import assert from 'node:assert/strict'
import { timeLeft } from '../../server/tracking/timeLeft'

describe('the time left of a training', () => {
  for (const [what, training, now, left] of [
    ['is not told where the last epoch is not known', { startedAt: 0, commits: [10, 20], latest: 2, until: null }, 20, null],
    ['is not told before an epoch has ended', { startedAt: 0, commits: [], latest: 0, until: 40 }, 5, null],
    ['goes by the first epoch while there is no other', { startedAt: 0, commits: [10], latest: 1, until: 4 }, 10, 30],
    ['goes on between two epochs', { startedAt: 0, commits: [10], latest: 1, until: 4 }, 14, 26],
    ['stands still while an epoch takes longer than usual', { startedAt: 0, commits: [10], latest: 1, until: 4 }, 100, 20],
    ['leaves out the first epoch, which also loads the data', { startedAt: 0, commits: [60, 70, 80], latest: 3, until: 6 }, 80, 30],
    ['is not led astray by one odd epoch', { startedAt: 0, commits: [10, 20, 30, 400, 410], latest: 5, until: 7 }, 410, 20],
    ['forgets what was committed before it was resumed', { startedAt: 1000, commits: [10, 20, 1005], latest: 3, until: 5 }, 1005, 10],
    ['is nothing at the last epoch', { startedAt: 0, commits: [10], latest: 4, until: 4 }, 10, 0],
    ['can do without the time of the start', { startedAt: null, commits: [10, 20], latest: 2, until: 4 }, 20, 20],
    ['is not told when clocks went back', { startedAt: 100, commits: [50, 40], latest: 2, until: 4 }, 20, null],
  ] as const)
    it(what, () => assert.equal(timeLeft(training, now), left))
})
