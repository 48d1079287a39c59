import type { ComparedGraph, LayersOverEpochs } from '../../../server/protocol/comparison'
import { element } from '../../parts/element'
import { fill, whole } from '../../parts/format'
import { arrange, redrawWhen } from '../../parts/redraw'
import { newAnswers } from '../asking'
import { button } from '../controls'
import type { MakeView } from '../page'
import { type Bars, bars } from './bars'
import { changeText, signs } from './boxes'
import { keepLooked, keepOpened, keepPlace, keptOf, type Opened } from './kept'
import { Layouts } from './layout'
import { list } from './list'
import { countSeen, type Item, openAtFirst, outline, seen } from './outline'
import { panel } from './panel'
import { changes, type Graph, type Node, readGraph } from './read'
import { search } from './search'
import { type Choice, chosenSides, epochOf, referenceOf, type SidePicker, sidePicker } from './sides'
import { breath } from '../slices'
import { boxesOf, type Scene, Stage } from './stage'

/** More boxes or connections than these take the layout many seconds. */
const MOST_BOXES = 5000
const MOST_EDGES = 12_000
/** Shorter waits need no word. */
const PATIENCE_MS = 150

/** How the graphs of two epochs differ, layer by layer, and how the layers became what they are. */
export const graph: MakeView = (page) => {
  const { texts, language, host } = page
  const layouts = new Layouts()
  let sides = chosenSides(page.choice('graph.sides'), page.comparison)
  const kept = keptOf(page)
  let isNew = newAnswers<ComparedGraph>()
  /** Whether the last question was. */
  let refused = false
  let known: Graph | undefined
  let top: readonly Item[] = []
  let { open } = kept.opened
  let first: ReadonlySet<string> = new Set()
  const toggled = new Map(kept.opened.toggled)
  let scene: Scene | undefined
  /** Id of the node that is looked at, also while the graphs that are shown have none of it. */
  let { looked } = kept
  let hidden = true
  let drawing = new AbortController()
  /** Whether what is to be seen was not drawn to its end, as when another view is gone to meanwhile. */
  let unfinished = false
  let asking = false
  let askAgain = false
  const layersOf = new Map<number, LayersOverEpochs>()
  /** Models whose layers are known as they are now, or are asked for. */
  const fresh = new Set<number>()
  const awaited = new Set<number>()
  const shownBars = new Map<number, Bars>()

  const isOpen = ({ key }: Item) => toggled.get(key) ?? (open === 'some' ? first.has(key) : open === 'all')
  const note = element('p', { class: 'note', role: 'status' })
  const about = element('p', { class: 'quiet about' })
  const legend = element('div', { class: 'legend', role: 'group', 'aria-label': texts.graphLegend })
  const aside = element('div', { class: 'beside' })
  const differingCount = element('summary', {})
  const rows = list(page, (node) => void go(node))
  const differing = element('details', { class: 'differing-list', hidden: true }, differingCount, rows.element)
  const barsPlace = element('div', { class: 'bars-place' })
  const pickers: readonly [SidePicker, SidePicker] = [
    sidePicker(page, 'a', sides[0], (choice) => choose(0, choice)),
    sidePicker(page, 'b', sides[1], (choice) => choose(1, choice)),
  ]
  const stage = new Stage(page, { look, toggle, back, moved: (place) => keepPlace(page, place) }, kept.place)
  const box = element(
    'div',
    { class: 'graph-view' },
    element('div', { class: 'sides' }, pickers[0].element, pickers[1].element),
    element(
      'div',
      { class: 'tools' },
      legend,
      search(
        page,
        () => known,
        (node) => void go(node),
      ),
      element(
        'span',
        { class: 'buttons' },
        button('expand', texts.graphExpand, () => openAll('all'), 'plain'),
        button('collapse', texts.graphCollapse, () => openAll('none'), 'plain'),
      ),
    ),
    note,
    element('div', { class: 'picture' }, stage.element, aside),
    element('p', { class: 'quiet keys', id: 'graph-keys' }, texts.graphKeys),
    about,
    differing,
    element('h2', {}, texts.graphBars),
    barsLegend(page),
    barsPlace,
  )

  function choose(which: 0 | 1, choice: Choice) {
    sides = which === 0 ? [choice, sides[1]] : [sides[0], choice]
    page.choose(
      'graph.sides',
      sides.map(({ model, epoch }) => [model, epoch]),
    )
    showSides()
    loadLayers()
    void ask()
  }

  function showSides() {
    for (const which of [0, 1] as const)
      pickers[which].update(
        sides[which],
        (layersOf.get(sides[which].model)?.epochs ?? []).map(({ number }) => number),
      )
    drawBars()
  }

  function loadLayers() {
    if (!hidden) for (const { model } of sides) void askLayers(model)
  }

  /** The last pair that was chosen; those passed over on the way to it are not asked for. */
  async function ask() {
    askAgain = true
    if (asking) return
    asking = true
    try {
      while (askAgain) {
        askAgain = false
        const asked = { a: referenceOf(sides[0], page.comparison), b: referenceOf(sides[1], page.comparison) }
        const answer = await host.ask('graph', asked)
        await breath()
        refused = false
        // Most of what a training logs changes no graph.
        if (!isNew(answer)) continue
        known = readGraph(answer)
        await breath()
        top = outline(known)
        first = openAtFirst(top)
        tell('')
        tellAbout()
        // Before the picture, which has the room that is left.
        showPanel()
        // What was opened in another graph may be too much in this one.
        if ((open !== 'some' || toggled.size > 0) && !fits()) reopen({ open: 'some', toggled: new Map() })
        await draw()
      }
    } catch (error) {
      refused = true
      isNew = newAnswers()
      fail(error)
    } finally {
      asking = false
    }
  }

  async function askLayers(model: number) {
    if (awaited.has(model)) return
    awaited.add(model)
    try {
      // Again where it went on meanwhile.
      while (!fresh.has(model)) {
        fresh.add(model)
        const answer = await host.ask('layers', { reference: page.comparison.models[model]!.reference })
        layersOf.set(model, answer)
        shownBars.get(model)?.update(answer)
        showSides()
      }
    } catch (error) {
      fresh.delete(model)
      fail(error)
    } finally {
      awaited.delete(model)
    }
  }

  function tell(text: string) {
    note.textContent = text
    note.hidden = text === ''
  }

  function fail(error: unknown) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) tell(error instanceof Error ? error.message : String(error))
  }

  function tellAbout() {
    const { a, b, summary, counts, moreNodes, moreEdges, looseEdges } = known!.about
    redrawWhen(legend, [counts], () =>
      changes.map((change) => {
        const content = [
          element('span', { class: `sign ${change}`, 'aria-hidden': 'true' }, signs[change]),
          `${whole(counts[change], language)} ${changeText(texts, change)}`,
        ]
        if (change === 'kept') return element('span', { class: 'entry' }, ...content)
        const made = element(
          'button',
          {
            type: 'button',
            class: 'plain entry',
            'data-key': `next ${change}`,
            'data-next': change,
            title: texts.graphNextOf,
            disabled: counts[change] === 0,
          },
          ...content,
        )
        made.addEventListener('click', () => {
          const all = known!.nodes.filter((node) => node.change === change)
          const at = lookedNode()
          void go(all.find(({ place }) => at !== undefined && place > at.place) ?? all[0]!)
        })
        return made
      }),
    )
    const absent = [a, b].filter((_, i) => summary[i] === null).map(({ label }) => fill(texts.graphNone, label))
    about.textContent = [
      ...absent,
      moreNodes > 0 && fill(texts.graphNotSent, whole(moreNodes, language)),
      moreEdges > 0 && fill(texts.graphEdgesNotSent, whole(moreEdges, language)),
      looseEdges > 0 && fill(texts.graphLoose, whole(looseEdges, language)),
    ]
      .filter(Boolean)
      .join(' ')
    about.hidden = about.textContent === ''
    const count = counts.changed + counts.removed + counts.added
    differingCount.textContent = fill(texts.graphDifferingCount, whole(count, language))
    differing.hidden = false
    tellDiffering()
  }

  function tellDiffering() {
    if (known && differing.open) rows.update(known)
  }
  differing.addEventListener('toggle', tellDiffering)

  /** Draws what is to be seen; false when something else is to be drawn by now, or when it waits until the view is looked at again. */
  async function draw(): Promise<boolean> {
    drawing.abort()
    unfinished = true
    if (hidden) return false
    const { signal } = (drawing = new AbortController())
    const next = seen(known!, top, isOpen)
    await breath()
    const boxes = await boxesOf(next, page, signal)
    if (!boxes) return false
    const waiting = setTimeout(() => box.setAttribute('aria-busy', 'true'), PATIENCE_MS)
    try {
      const made = sameStructure(scene, next, boxes) ?? {
        seen: next,
        boxes,
        layout: await layouts.layout({
          widths: Float32Array.from(boxes, ({ width }) => width),
          heights: Float32Array.from(boxes, ({ height }) => height),
          edges: next.edges.filter((_, i) => i % 3 !== 2),
        }),
      }
      if (signal.aborted) return false
      await stage.show(made, signal)
      if (signal.aborted) return false
      scene = made
      unfinished = false
      return true
    } catch (error) {
      fail(error)
      return false
    } finally {
      clearTimeout(waiting)
      if (!signal.aborted) {
        box.removeAttribute('aria-busy')
        box.dataset['boxes'] = String(scene?.boxes.length ?? 0)
      }
    }
  }

  /** Whether so much can be drawn; says so where it can't. */
  function fits(): boolean {
    if (countSeen(top, isOpen, MOST_BOXES) > MOST_BOXES || seen(known!, top, isOpen).edges.length / 3 > MOST_EDGES) {
      tell(fill(texts.graphTooMany, whole(MOST_BOXES, language)))
      return false
    }
    tell('')
    return true
  }

  function openAll(which: 'all' | 'none') {
    if (!known) return
    const before = { open, toggled: new Map(toggled) }
    reopen({ open: which, toggled: new Map() })
    if (fits()) void draw()
    else reopen(before)
  }

  function reopen(to: Opened) {
    open = to.open
    toggled.clear()
    for (const [key, value] of to.toggled) toggled.set(key, value)
    keepOpened(page, to)
  }

  function toggle(item: Item) {
    const before = isOpen(item)
    toggled.set(item.key, !before)
    if (!fits()) {
      toggled.set(item.key, before)
      return
    }
    keepOpened(page, { open, toggled })
    page.say(fill(before ? texts.graphClosed : texts.graphOpened, item.title))
    void draw().then((drawn) => {
      if (!drawn) return
      const inside = scene!.seen.opened.find((one) => one.item.key === item.key)
      stage.focus(inside ? inside.from : scene!.seen.items.findIndex(({ key }) => key === item.key))
    })
  }

  function look(item: Item, byKey: boolean) {
    lookAt(item.node?.id)
    showPanel()
    if (byKey) aside.querySelector<HTMLElement>('.node-panel')?.focus()
  }

  function back(): boolean {
    const node = lookedNode()
    if (!node) return false
    const place = scene?.seen.items.findIndex((item) => item.node?.id === node.id) ?? -1
    lookAt(undefined)
    showPanel()
    if (place >= 0) stage.focus(place, false)
    return true
  }

  function lookAt(id: string | undefined) {
    looked = id
    keepLooked(page, id)
  }

  const lookedNode = () => (looked === undefined ? undefined : known?.nodes.find(({ id }) => id === looked))

  function showPanel() {
    const node = lookedNode()
    const within = aside.contains(document.activeElement)
    const { a, b } = known?.about ?? {}
    redrawWhen(aside, node ? [node, known!.differences.get(node.place), a, b] : [], () => (node ? [panel(page, known!, node, back)] : []))
    if (within && !aside.contains(document.activeElement)) stage.enter()
  }

  /** Opens what a node lies in, and goes to it. */
  async function go({ id: wanted }: Node) {
    // What was found may be from before a training went on.
    const node = known?.nodes.find(({ id }) => id === wanted)
    if (!node) return
    const way: Item[] = []
    for (let level = top; ;) {
      const around = level.find((item) => item.nodes.includes(node))
      if (!around || around.node) break
      way.push(around)
      level = around.children
    }
    const closed = way.filter((item) => !isOpen(item))
    for (const { key } of closed) toggled.set(key, true)
    if (!fits()) {
      for (const { key } of closed) toggled.delete(key)
      return
    }
    if (closed.length > 0) keepOpened(page, { open, toggled })
    lookAt(node.id)
    if (closed.length > 0 && !(await draw())) return
    showPanel()
    stage.focus(scene!.seen.items.findIndex((item) => item.node?.id === node.id))
  }

  function drawBars() {
    const models = [...new Set(sides.map(({ model }) => model))]
    for (const model of shownBars.keys()) if (!models.includes(model)) shownBars.delete(model)
    for (const model of models) {
      const answer = layersOf.get(model)
      const which = sides[1].model === model ? 1 : 0
      const epoch = epochOf(sides[which], page.comparison)
      if (!answer) continue
      if (answer.epochs.length === 0) continue
      if (!shownBars.has(model))
        shownBars.set(
          model,
          bars(page, answer, model, epoch, (to) => choose(sides[1].model === model ? 1 : 0, { model, epoch: to })),
        )
      shownBars.get(model)!.mark(epoch)
    }
    arrange(barsPlace, ...models.flatMap((model) => shownBars.get(model)?.element ?? []))
  }

  tell('')
  about.hidden = true
  return {
    element: box,
    shown: () => {
      hidden = false
      layouts.warm()
      showSides()
      // The picture first: the bars below it are looked at later.
      const shown = !known ? ask() : !scene || unfinished ? draw() : Promise.resolve()
      void shown.then(loadLayers)
    },
    hidden: () => {
      hidden = true
      drawing.abort()
      layouts.close()
      stage.settle()
    },
    renewed: (sessions) => {
      const wentOn = new Set(page.comparison.lines.flatMap(({ models, sessionId }) => (sessions.includes(sessionId) ? models : [])))
      for (const model of wentOn) fresh.delete(model)
      showSides()
      void (!known || refused || sides.some(({ model }) => wentOn.has(model)) ? ask() : Promise.resolve()).then(loadLayers)
    },
  }
}

/** What is shown already with other values in it: it need not be laid out again, and nothing jumps. */
function sameStructure(scene: Scene | undefined, next: Scene['seen'], boxes: Scene['boxes']): Scene | undefined {
  const same =
    scene?.boxes.length === boxes.length &&
    next.items.every(({ key }, i) => key === scene.seen.items[i]!.key) &&
    boxes.every(({ width, height }, i) => width <= scene.boxes[i]!.width && height <= scene.boxes[i]!.height) &&
    next.edges.length === scene.seen.edges.length &&
    next.edges.every((value, i) => i % 3 === 2 || value === scene.seen.edges[i])
  if (!same) return undefined
  return {
    seen: next,
    boxes: boxes.map((box, i) => ({ ...box, width: scene.boxes[i]!.width, height: scene.boxes[i]!.height })),
    layout: scene.layout,
  }
}

function barsLegend({ texts }: Parameters<MakeView>[0]): HTMLElement {
  return element(
    'p',
    { class: 'bars-legend' },
    ...(
      [
        ['left', texts.graphLeft],
        ['masked', texts.graphMaskedName],
        ['removed', texts.graphRemovedParameters],
      ] as const
    ).map(([kind, text]) => element('span', {}, element('span', { class: `key ${kind}`, 'aria-hidden': 'true' }), text)),
  )
}
