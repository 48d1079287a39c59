import assert from 'node:assert/strict'
import { packFloats } from '../../server/tracking/packed'
import type { SessionStore } from '../../server/storage/ports'
import { CHILD, hashOf, id, PARENT } from './fixture'

/** What any store of sessions must do; `store` gives one that has taken in the runs of the fixture. */
export function sessionStoreContract(store: () => SessionStore) {
  const numbers = async (session: string) => (await store().epochs(await store().history(session))).map((epoch) => [epoch.id, epoch.number])

  it('lists sessions oldest first, with their own epochs and where they come from', async () => {
    const all = await store().sessions()
    assert.deepEqual(
      all.map(({ id: one, name, own, latest, open, forkPoint }) => [one, name, own, latest, open, forkPoint]),
      [
        [PARENT, 'net', 3, { id: id(13), number: 3 }, null, null],
        [CHILD, 'net-2', 1, { id: id(23), number: 3 }, { id: id(24), number: 4 }, { sessionId: PARENT, number: 2 }],
      ],
    )
  })

  it('names all sessions', async () => {
    assert.deepEqual(await store().names(), [
      { id: PARENT, name: 'net' },
      { id: CHILD, name: 'net-2' },
    ])
  })

  it('finds a session by id and by name, and nothing where there is none', async () => {
    assert.equal((await store().session(CHILD))?.name, 'net-2')
    assert.deepEqual((await store().session(CHILD))?.attempt?.hyperparameters, { lr: 20 })
    assert.equal((await store().sessionByName('net'))?.id, PARENT)
    assert.equal(await store().session(id(99)), undefined)
    assert.equal(await store().sessionByName('none'), undefined)
  })

  it("gives a fork its parent's epochs up to the fork, then its own; an open epoch is no history", async () => {
    assert.deepEqual(await numbers(PARENT), [
      [id(11), 1],
      [id(12), 2],
      [id(13), 3],
    ])
    assert.deepEqual(await numbers(CHILD), [
      [id(11), 1],
      [id(12), 2],
      [id(23), 3],
    ])
    const { segments } = await store().history(CHILD)
    assert.equal(await store().count(segments), 3)
  })

  it('tells when epochs were trained', async () => {
    const { number, started, begun, committed } = await store().clock(await store().history(CHILD))
    assert.deepEqual([...number], [1, 2, 3])
    assert.deepEqual([...started], [1, 1, 1])
    assert.deepEqual([...begun], [11, 12, 23])
    assert.deepEqual([...committed], [11, 12, 23])
  })

  it('gives epochs by their ids in the order asked for, with weights and graph', async () => {
    const epochs = await store().epochs({ epochIds: [id(23), id(11), id(99)] })
    assert.deepEqual(
      epochs.map((epoch) => [epoch.id, epoch.sessionId, epoch.weights?.sha256]),
      [
        [id(23), CHILD, hashOf(23)],
        [id(11), PARENT, hashOf(11)],
      ],
    )
    assert.deepEqual((await store().graph(epochs[1]!.graphHash!))?.nodes['a']?.data, { parameters: { w: [1, 2] } })
    assert.equal(await store().graph('0'.repeat(64)), undefined)
    assert.deepEqual(await store().graphSummary(epochs[1]!.graphHash!), { nodes: 1, parameters: 2, nonzero: null })
    assert.equal(await store().graphSummary('0'.repeat(64)), undefined)
    assert.equal((await store().epoch(id(12)))?.number, 2)
    assert.equal(await store().epoch(id(99)), undefined)
  })

  it('gives a page of a history, newest first, also across the fork', async () => {
    const of = async (session: string, offset: number, limit: number, pruned = false) =>
      (await store().page(await store().history(session), { offset, limit, ...(pruned ? { pruned } : {}) })).map(({ id: one }) => one)
    assert.deepEqual(await of(CHILD, 0, 2), [id(23), id(12)])
    assert.deepEqual(await of(CHILD, 1, 10), [id(12), id(11)])
    assert.deepEqual(await of(CHILD, 2, 1), [id(11)])
    assert.deepEqual(await of(CHILD, 3, 1), [])
    assert.deepEqual(await of(PARENT, 0, 10, true), [id(12)])
  })

  it('pairs two graphs, also where one is not known', async () => {
    const [a, b] = (await store().epochs({ epochIds: [id(11), id(12)] })).map(({ graphHash }) => graphHash)
    const pair = await store().graphPair(a!, b!)
    assert.deepEqual([pair.nodes.id, pair.counts], [['a'], { kept: 0, changed: 1, removed: 0, added: 0 }])
    assert.deepEqual(
      pair.summary.map((one) => one?.parameters),
      [2, 4],
    )
    assert.deepEqual((await store().graphPair(null, b!)).summary[0], null)
    assert.deepEqual((await store().graphPair(null, null)).nodes.id, [])
  })

  it('tells where the graph of a history became another, and how large its layers were', async () => {
    const history = await store().history(CHILD)
    const { epochs, more } = await store().graphChanges(history, 10)
    assert.deepEqual([epochs.map(({ number }) => number), more], [[1, 2, 3], 0])
    const few = await store().graphChanges(history, 2)
    assert.deepEqual([few.epochs.map(({ number }) => number), few.more], [[1, 3], 1])
    const sizes = await store().layerSizes(
      epochs.map(({ graphHash }) => graphHash),
      10,
    )
    assert.deepEqual([sizes.layers.map(({ id: one }) => one), sizes.moreLayers], [['a'], 0])
    assert.equal(sizes.parameters, packFloats([2, 4, 6]))
    assert.equal(sizes.layers[0]!.nonzero, packFloats([null, null, null]))
  })

  it('tells what changed after a version, each session once', async () => {
    const all = await store().changes()
    assert.deepEqual([all.all, all.sessionIds.toSorted()], [true, [PARENT, CHILD]])
    assert.deepEqual(await store().changes(all.at), { at: all.at, sessionIds: [], all: false })
    await store().mark(CHILD, { tags: ['seen'] })
    await store().mark(CHILD, { tags: [] })
    const after = await store().changes(all.at)
    assert.deepEqual([after.all, after.sessionIds], [false, [CHILD]])
    assert.ok(after.at.version > all.at.version)
    assert.deepEqual((await store().changes({ store: 'another', version: 99 })).sessionIds.toSorted(), [PARENT, CHILD])
    assert.deepEqual(
      (await store().sessions({ ids: after.sessionIds })).map(({ id: one }) => one),
      [CHILD],
    )
  })

  it('tells which sessions start at an epoch', async () => {
    assert.deepEqual(
      (await store().forks(id(12))).map((fork) => fork.id),
      [CHILD],
    )
    assert.deepEqual(await store().forks(id(11)), [])
  })

  it('keeps what people decide, and takes it back', async () => {
    const marked = await store().mark(PARENT, { name: 'best', selected: id(12), tags: ['x'], deleted: 5 })
    assert.deepEqual([marked.name, marked.selected, marked.tags, marked.deletedAt], ['best', { id: id(12), number: 2 }, ['x'], 5])
    assert.deepEqual(
      (await store().sessions()).map(({ id: one }) => one),
      [CHILD],
    )
    assert.equal((await store().sessions({ deleted: true })).length, 2)
    assert.deepEqual(await numbers(CHILD), [
      [id(11), 1],
      [id(12), 2],
      [id(23), 3],
    ])
    const back = await store().mark(PARENT, { selected: null, deleted: null })
    assert.deepEqual([back.name, back.selected, back.tags, back.deletedAt], ['best', null, ['x'], null])
    await assert.rejects(store().mark(CHILD, { name: 'best' }), { code: 'bad-name' })
  })

  it('has no problems to report', async () => assert.deepEqual(await store().problems(), []))
}
