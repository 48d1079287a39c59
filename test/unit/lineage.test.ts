import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ForkedFrom } from '../../server/protocol/model'
import type { Segment } from '../../server/storage/ports'
import { history, inheritedCounts, sharedSegments, upTo, type LineageLookup } from '../../server/tracking/lineage'

const open = Number.MAX_SAFE_INTEGER

interface Epoch {
  readonly id: string
  readonly sessionId: string
  readonly number: number
}
interface Session {
  readonly id: string
  readonly forkedFrom: ForkedFrom | null
  readonly own: readonly Epoch[]
  /** The naive model: every session keeps a copy of all its epochs, as the source design did. */
  readonly all: readonly Epoch[]
}

/** A fork names the session whose history it was chosen from, which need not have trained the epoch. */
function session(id: string, gaps: readonly number[], from?: { parent: Session; at: number }): Session {
  const inherited = from ? from.parent.all.slice(0, from.at + 1) : []
  const point = inherited.at(-1)
  let number = point?.number ?? 0
  const own = gaps.map((gap) => ({ id: `${id}.${(number += gap)}`, sessionId: id, number }))
  return {
    id,
    forkedFrom: from && point ? { sessionId: from.parent.id, epochId: point.id, epochNumber: point.number } : null,
    own,
    all: [...inherited, ...own],
  }
}

function lookup(sessions: readonly Session[]): LineageLookup {
  const byId = new Map(sessions.map((one) => [one.id, one]))
  const owners = new Map(sessions.flatMap(({ own }) => own.map((epoch) => [epoch.id, epoch])))
  return { session: (id) => byId.get(id), epochOwner: (id) => owners.get(id) }
}

const idsIn = (segments: readonly Segment[], sessions: readonly Session[]) =>
  segments.flatMap(({ sessionId, from, to }) =>
    sessions
      .find(({ id }) => id === sessionId)!
      .own.filter(({ number }) => number >= from && number <= to)
      .map(({ id }) => id),
  )
const ids = (epochs: readonly Epoch[]) => epochs.map(({ id }) => id)

const plan = fc.record({
  gaps: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 5 }),
  parent: fc.nat(),
  at: fc.nat(),
  root: fc.nat(9),
})
const forest = fc.array(plan, { minLength: 1, maxLength: 12 }).map((plans) => {
  const sessions: Session[] = []
  for (const { gaps, parent, at, root } of plans) {
    const chosen = root > 0 && sessions.length > 0 ? sessions[parent % sessions.length]! : undefined
    sessions.push(
      session(`s${sessions.length}`, gaps, chosen && chosen.all.length > 0 ? { parent: chosen, at: at % chosen.all.length } : undefined),
    )
  }
  return sessions
})
const two = forest.chain((sessions) =>
  fc.record({ sessions: fc.constant(sessions), a: fc.constantFrom(...sessions), b: fc.constantFrom(...sessions) }),
)

const day1 = session('day1', Array<number>(60).fill(1))
const day2 = session('day2', Array<number>(30).fill(1), { parent: day1, at: 29 })
const day3 = session('day3', [1], { parent: day2, at: 39 })
const early = session('early', [1], { parent: day2, at: 9 })
const known = lookup([day1, day2, day3, early])

describe("a model's history", () => {
  it("is a session's own epochs where it was not forked", () => {
    assert.deepEqual(history('day1', known), { segments: [{ sessionId: 'day1', from: 1, to: open }], parentMissing: false })
  })

  it('of a fork of epoch 30 is the parent up to 30, then its own', () => {
    assert.deepEqual(history('day2', known).segments, [
      { sessionId: 'day1', from: 1, to: 30 },
      { sessionId: 'day2', from: 31, to: open },
    ])
  })

  it('goes through forks of forks', () => {
    assert.deepEqual(history('day3', known).segments, [
      { sessionId: 'day1', from: 1, to: 30 },
      { sessionId: 'day2', from: 31, to: 40 },
      { sessionId: 'day3', from: 41, to: open },
    ])
  })

  it('holds nothing of a parent that had only inherited the epoch', () => {
    assert.deepEqual(history('early', known).segments, [
      { sessionId: 'day1', from: 1, to: 10 },
      { sessionId: 'early', from: 11, to: open },
    ])
  })

  it('equals the one that copies every epoch, for any tree of forks', () => {
    fc.assert(
      fc.property(forest, (sessions) => {
        for (const { id, all } of sessions) {
          const { segments, parentMissing } = history(id, lookup(sessions))
          assert.deepEqual(idsIn(segments, sessions), ids(all))
          assert.equal(parentMissing, false)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('of a fork whose parent is not known is its own, and heals when the parent comes', () => {
    for (const sessions of [[day2], [day2, { ...day1, own: [] }]]) {
      assert.deepEqual(history('day2', lookup(sessions)), { segments: [{ sessionId: 'day2', from: 1, to: open }], parentMissing: true })
    }
    assert.equal(history('day2', lookup([day2, day1])).parentMissing, false)
  })

  it('tells that its beginning is missing, however far back', () => {
    assert.deepEqual(history('day3', lookup([day2, day3])), {
      segments: [
        { sessionId: 'day2', from: 1, to: 40 },
        { sessionId: 'day3', from: 41, to: open },
      ],
      parentMissing: true,
    })
  })

  it('of a session that is not known is empty', () => {
    assert.deepEqual(history('nobody', known), { segments: [], parentMissing: true })
  })

  it('ends where forks go round in a circle', () => {
    const fork = (id: string, parent: string): Session => ({
      id,
      forkedFrom: { sessionId: parent, epochId: `${parent}.1`, epochNumber: 1 },
      own: [{ id: `${id}.1`, sessionId: id, number: 1 }],
      all: [],
    })
    for (const circle of [[fork('a', 'a')], [fork('a', 'b'), fork('b', 'a')], [fork('a', 'b'), fork('b', 'c'), fork('c', 'b')]]) {
      const { segments, parentMissing } = history('a', lookup(circle))
      assert.equal(parentMissing, true)
      assert.equal(segments.at(-1)?.sessionId, 'a')
      assert.equal(new Set(segments.map(({ sessionId }) => sessionId)).size, segments.length)
    }
  })

  it('may be ten thousand forks deep', () => {
    const sessions = [session('s0', [1])]
    for (let i = 1; i < 10_000; i++) {
      const own = [{ id: `s${i}.${i + 1}`, sessionId: `s${i}`, number: i + 1 }]
      sessions.push({ id: `s${i}`, forkedFrom: { sessionId: `s${i - 1}`, epochId: `s${i - 1}.${i}`, epochNumber: i }, own, all: [] })
    }
    const { segments, parentMissing } = history('s9999', lookup(sessions))
    assert.equal(segments.length, 10_000)
    assert.equal(parentMissing, false)
    assert.deepEqual(segments[5000], { sessionId: 's5000', from: 5001, to: 5001 })
  })
})

describe('a shared history', () => {
  const shared = (a: string, b: string) => sharedSegments(history(a, known).segments, history(b, known).segments)

  it('ends where a fork parts from its parent', () => {
    assert.deepEqual(shared('day1', 'day2'), { segments: [{ sessionId: 'day1', from: 1, to: 30 }], at: { sessionId: 'day1', number: 30 } })
    assert.deepEqual(shared('day3', 'day2').at, { sessionId: 'day2', number: 40 })
    assert.deepEqual(shared('early', 'day3').at, { sessionId: 'day1', number: 10 })
  })

  it('of a session with itself is all of it', () => {
    assert.deepEqual(shared('day2', 'day2').segments, history('day2', known).segments)
  })

  it('of strangers is empty', () => {
    const stranger = session('stranger', [1])
    assert.deepEqual(sharedSegments(history('day1', known).segments, history('stranger', lookup([stranger])).segments), {
      segments: [],
      at: undefined,
    })
    assert.deepEqual(sharedSegments([], history('day1', known).segments), { segments: [], at: undefined })
  })

  it('is what two copies begin with alike, for any two of any tree, either way round', () => {
    fc.assert(
      fc.property(two, ({ sessions, a, b }) => {
        const find = lookup(sessions)
        const [mine, other] = [history(a.id, find).segments, history(b.id, find).segments]
        let n = 0
        while (n < a.all.length && a.all[n]!.id === b.all[n]?.id) n++
        assert.deepEqual(idsIn(sharedSegments(mine, other).segments, sessions), ids(a.all.slice(0, n)))
        assert.deepEqual(sharedSegments(mine, other), sharedSegments(other, mine))
        const { at } = sharedSegments(mine, other)
        const last = a.all[n - 1]
        if (a === b) assert.deepEqual(at, { sessionId: a.id, number: open })
        else assert.deepEqual(at, last && { sessionId: last.sessionId, number: last.number })
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a history up to an epoch', () => {
  it('holds that epoch and what came before, for any epoch of any tree', () => {
    fc.assert(
      fc.property(forest, (sessions) => {
        for (const { id, all } of sessions) {
          const whole = history(id, lookup(sessions))
          for (const [i, epoch] of all.entries()) assert.deepEqual(idsIn(upTo(whole, epoch).segments, sessions), ids(all.slice(0, i + 1)))
        }
      }),
    )
  })

  it('is empty for an epoch that is not in it', () => {
    assert.deepEqual(upTo(history('day1', known), { sessionId: 'day2', number: 40 }).segments, [])
  })
})

describe('counts of inherited epochs', () => {
  const counted = (one: Session, sessions: readonly Session[]) => ({
    id: one.id,
    forkedFrom: one.forkedFrom,
    forkPoint: (one.forkedFrom && lookup(sessions).epochOwner(one.forkedFrom.epochId)) ?? null,
    own: one.own.length,
    latest: one.own.at(-1) ?? null,
  })
  const askIn = (sessions: readonly Session[]) => (id: string, number: number) =>
    Promise.resolve(sessions.find((one) => one.id === id)!.own.filter((epoch) => epoch.number <= number).length)

  it('are the lengths of the copies less their own, for any tree in any order', async () => {
    const shuffled = forest.chain((sessions) => fc.shuffledSubarray(sessions, { minLength: sessions.length }))
    await fc.assert(
      fc.asyncProperty(shuffled, async (sessions) => {
        const counts = await inheritedCounts(
          sessions.map((one) => counted(one, sessions)),
          askIn(sessions),
        )
        for (const { id, all, own } of sessions) assert.equal(counts.get(id), all.length - own.length, id)
      }),
      { numRuns: 500 },
    )
  })

  it('ask nothing of sessions that number their epochs without a gap', async () => {
    const sessions = [day1, day2, day3, early]
    const counts = await inheritedCounts(
      sessions.map((one) => counted(one, sessions)),
      () => assert.fail('asked'),
    )
    assert.deepEqual(
      counts,
      new Map([
        ['day1', 0],
        ['day2', 30],
        ['day3', 40],
        ['early', 10],
      ]),
    )
  })

  it('are 0 while the parent is not known, and end where forks go round in a circle', async () => {
    const circle = ['a', 'b'].map((id, i) => ({
      id,
      forkedFrom: null,
      forkPoint: { sessionId: 'ba'[i]!, number: 1 },
      own: 1,
      latest: { number: 1 },
    }))
    assert.equal((await inheritedCounts(circle, () => Promise.resolve(1))).size, 2)
    assert.equal((await inheritedCounts([counted(day2, [day2])], () => Promise.resolve(1))).get('day2'), 0)
  })
})
