import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { agree, baseOf, type Decisions, isNoted, readDecisions } from '../../server/storage/team/decisions'

const E = (n: number) => n.toString(16).padStart(24, '0')
const made: Decisions = { name: 'net', selected: null, tags: ['a'], deleted: null }
const decisions: fc.Arbitrary<Decisions> = fc.record({
  name: fc.constantFrom('net', 'other', 'third'),
  selected: fc.constantFrom(null, E(1), E(2)),
  tags: fc.subarray(['a', 'b', 'c']),
  deleted: fc.constantFrom(null, 1, 2),
})

describe('decisions on both sides', () => {
  it('go by field, and what was decided here counts where both decided', () => {
    const here = { ...made, selected: E(1), tags: ['b'] }
    const there = { ...made, selected: E(2), name: 'renamed' }
    assert.deepEqual(agree(here, made, there), {
      there: { selected: E(1), tags: ['b'] },
      here: { name: 'renamed' },
      agreed: { name: 'renamed', selected: E(1), tags: ['b'], deleted: null },
    })
  })

  it('keep the tags that either side added, without those that either took away', () => {
    const here = { ...made, tags: ['mine', 'a'] }
    const there = { ...made, tags: ['b', 'theirs'] }
    const tags = ['mine', 'theirs']
    assert.deepEqual(agree(here, { ...made, tags: ['a', 'b'] }, there), { there: { tags }, here: { tags }, agreed: { ...made, tags } })
  })

  it('agree once each has done its part, whatever they were', () => {
    fc.assert(
      fc.property(decisions, decisions, decisions, (here, before, there) => {
        const found = agree(here, before, there)
        assert.deepEqual({ ...here, ...found.here }, found.agreed)
        assert.deepEqual({ ...there, ...found.there }, found.agreed)
        for (const field of ['name', 'selected', 'deleted'] as const) {
          const [mine, base, theirs] = [here, before, there].map((one) => JSON.stringify(one[field]))
          assert.equal(JSON.stringify(found.agreed[field]), mine === base ? theirs : mine)
        }
        for (const tag of ['a', 'b', 'c']) {
          const [mine, base, theirs] = [here, before, there].map(({ tags }) => tags.includes(tag))
          assert.equal(found.agreed.tags.includes(tag), mine === base ? theirs : mine)
        }
        // Nothing is left to be done.
        assert.deepEqual(agree(found.agreed, found.agreed, found.agreed), { there: {}, here: {}, agreed: found.agreed })
      }),
    )
  })

  it('that were never agreed on count where somebody decided here', () => {
    const decided = { ...made, tags: ['mine'], selected: E(1) }
    const base = baseOf({ decisions: decided, before: {}, made: ['a'], decided: new Set(['tags', 'selected']) })
    assert.deepEqual(agree(decided, base, { ...made, name: 'net-2', tags: ['a', 'theirs'] }), {
      there: { tags: ['mine', 'theirs'], selected: E(1) },
      here: { name: 'net-2', tags: ['mine', 'theirs'] },
      agreed: { name: 'net-2', selected: E(1), tags: ['mine', 'theirs'], deleted: null },
    })
  })

  it('are noted without a word where nothing was ever decided', () => {
    const untouched = { decisions: made, before: {}, made: ['a'], decided: new Set<keyof Decisions>() }
    assert.ok(isNoted(untouched, made))
    assert.ok(!isNoted(untouched, { ...made, deleted: 1 }))
    assert.ok(!isNoted({ ...untouched, decided: new Set(['name'] as const) }, made))
    assert.ok(isNoted({ ...untouched, before: { ...made, deleted: 1 } }, { ...made, deleted: 1 }))
  })

  it('that a server makes up are not taken', () => {
    const evil = { name: '', selected: '../../x', tags: [1], deleted: Number.NaN } as unknown as Decisions
    assert.deepEqual(readDecisions(evil, made), made)
    assert.deepEqual(readDecisions({ ...evil, name: 'x'.repeat(20_000), tags: 'no' } as unknown as Decisions, made), made)
    const fine = { name: 'b', selected: E(3), tags: [], deleted: 5 }
    assert.deepEqual(readDecisions(fine, made), fine)
  })
})
