import assert from 'node:assert/strict'
import { Bell, delay } from '../../server/storage/team/patience'
import { Queue } from '../../server/storage/team/queue'

describe('the queue of the spool', () => {
  it('gives everyone a turn before anyone has a second one', () => {
    const queue = new Queue<string>()
    for (const id of ['a', 'b', 'c', 'a']) queue.add(id)
    const order: string[] = []
    for (let turn = 0; turn < 6; turn++) {
      const id = queue.take(0)!
      order.push(id)
      queue.done(id, true)
    }
    assert.deepEqual(order, ['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('gives one to one worker at a time, and looks again at what changed meanwhile', () => {
    const queue = new Queue<string>()
    queue.add('a')
    assert.equal(queue.take(0), 'a')
    queue.add('a')
    assert.equal(queue.take(0), undefined)
    queue.done('a', false)
    assert.equal(queue.take(0), 'a')
    queue.done('a', false)
    assert.equal(queue.take(0), undefined)
    assert.ok(queue.isIdle())
  })

  it('lets those wait who wait for a time, whatever is added meanwhile', () => {
    const queue = new Queue<string>()
    queue.add('a')
    queue.doneUntil(queue.take(0)!, 100)
    queue.add('a')
    assert.deepEqual([queue.take(99), queue.next(), queue.isIdle(), queue.has('a')], [undefined, 100, true, true])
    assert.equal(queue.take(100), 'a')
    assert.equal(queue.next(), Number.POSITIVE_INFINITY)
  })

  it('lets those wait who wait for a server, until it is back', () => {
    const queue = new Queue<string>()
    for (const id of ['a', 'b', 'c']) queue.add(id)
    queue.park(queue.take(0)!, 'mongo')
    queue.park(queue.take(0)!, 'elastic')
    queue.add('a')
    assert.equal(queue.take(0), 'c')
    assert.equal(queue.take(0), undefined)
    queue.unpark('mongo')
    assert.equal(queue.take(0), 'a')
    assert.deepEqual([...queue.parked()], [['b', 'elastic']])
  })
})

describe('patience', () => {
  it('grows, up to what was said, and is never the same for all', () => {
    assert.deepEqual(
      [0, 1, 2, 10, 99].map((failures) => delay(failures, 30_000, 500, 1)),
      [500, 1000, 2000, 30_000, 30_000],
    )
    assert.equal(delay(3, 30_000, 500, 0), 2000)
  })

  it('ends with the bell, with the time, or when nobody wants it any more', async () => {
    const bell = new Bell()
    const forever = new AbortController()
    const rung = bell.wait(Number.POSITIVE_INFINITY, forever.signal)
    bell.ring()
    await rung
    await bell.wait(1, forever.signal)
    const given = bell.wait(Number.POSITIVE_INFINITY, forever.signal)
    forever.abort()
    await given
    await bell.wait(Number.POSITIVE_INFINITY, forever.signal)
  })
})
