import '@vscode-elements/elements/dist/vscode-tab-header/index.js'
import '@vscode-elements/elements/dist/vscode-tab-panel/index.js'
import '@vscode-elements/elements/dist/vscode-tabs/index.js'
import type { SavedComparison } from '../../server/protocol/comparison'
import type { Json } from '../../server/protocol/model'
import { comparisonTexts } from '../messages/comparisonTexts'
import { contentOf } from '../parts/contentOf'
import { element } from '../parts/element'
import { redraw, watchPointer } from '../parts/redraw'
import { colourOf, coloursOf, paint, watchTheme } from './colours'
import { curves } from './curves/curves'
import { differences } from './differences/differences'
import { type Header, header } from './header'
import { fileHost } from './fileHost'
import { editorHost, type Host, type Listener, type Shown } from './host'
import { layoutProgram } from './graph/program'
import { later } from './later'
import { tellNotices } from './notices'
import { overview } from './overview/overview'
import { type MakeView, type Page, type View, type ViewName, viewNames } from './page'
import { tradeoff } from './tradeoff/tradeoff'

const makers: Readonly<Record<ViewName, MakeView>> = {
  overview,
  curves,
  differences,
  graph: later(async () => {
    // What takes longest comes first: it is large, and begins slowly. Where it does not come the view says so.
    layoutProgram().catch(() => {})
    return (await import('./graph/graph')).graph
  }),
  tradeoff,
  samples: later(async () => (await import('./samples/samples')).samples),
}

/** Choices that name models by their places. */
const BY_PLACE = ['graph.sides', 'differences.sort', 'samples.pair', 'samples.sort']

const main = document.querySelector('main')!
const trouble = document.querySelector('#trouble')!
const spoken = element('div', { class: 'unseen', 'aria-live': 'polite' })
const wrapping = new CSSStyleSheet()
wrapping.replaceSync('.tablist { flex-wrap: wrap }')
const themed = new Set<() => void>()

interface Drawn {
  readonly page: Page & { comparison: Shown['comparison'] }
  readonly header: Header
  readonly notices: HTMLElement
  /** What the sessions were called when they were shown first. */
  readonly names: ReadonlyMap<string, string>
  /** Those that were looked at. */
  readonly views: Map<ViewName, View>
  /** Sessions that went on while a view was hidden. */
  readonly stale: Map<ViewName, Set<string>>
  at: ViewName
}
let drawn: Drawn | undefined

function show({ comparison, changed, texts, language, trusted }: Shown) {
  document.documentElement.lang = language
  document.title = comparison.models.map(({ label }) => label).join(', ')
  // What may be done with them is part of every view.
  const same = drawn?.page.trusted === trusted && sameModels(drawn.page.comparison, comparison)
  if (same && drawn) {
    drawn.page.comparison = comparison
    drawn.header.renew()
    tellNotices(drawn.notices, drawn.page, drawn.names)
    renewed(changed)
    return
  }
  drawn?.views.get(drawn.at)?.hidden()
  themed.clear()
  draw({ comparison, texts: { ...comparisonTexts, ...texts }, language, trusted })
  main.setAttribute('aria-busy', 'false')
}

const sameModels = (a: Shown['comparison'], b: Shown['comparison']) =>
  a.dir === b.dir && a.models.length === b.models.length && a.models.every(({ reference }, i) => reference === b.models[i]!.reference)

function draw(given: Pick<Page, 'comparison' | 'texts' | 'language' | 'trusted'>) {
  const { dir, models } = given.comparison
  const references = models.map(({ reference }) => reference)
  const before = lastKept?.dir === dir ? lastKept : undefined
  const choices: Record<string, Json> = { ...before?.choices }
  // With other models, or in another order, these would mean others.
  if (String(before?.references) !== String(references)) for (const name of BY_PLACE) delete choices[name]
  const colours = coloursOf(references, before)
  paint(main, colours)
  const keep = () => host.keep((lastKept = { dir, references, colours, view: drawn?.at ?? 'overview', choices }))
  const page: Drawn['page'] = {
    ...given,
    host,
    choice: (name) => (Object.hasOwn(choices, name) ? choices[name] : undefined),
    choose: (name, value) => {
      choices[name] = value
      keep()
    },
    colour: colourOf,
    onTheme: (listener) => void themed.add(listener),
    go: (view) => go(view),
    say: (text) => (spoken.textContent = text),
  }
  const names = new Map(models.map(({ id, name }) => [id, name]))
  const top = header(page)
  const notices = element('div')
  tellNotices(notices, page, names)
  const panels = new Map(viewNames.map((name) => [name, element('vscode-tab-panel', { 'data-view': name })]))
  const tabs = element(
    'vscode-tabs',
    {},
    ...viewNames.map((name) => element('vscode-tab-header', { slot: 'header', 'data-view': name }, page.texts[name])),
    ...panels.values(),
  )
  const views = new Map<ViewName, View>()
  const stale = new Map<ViewName, Set<string>>()
  const first = viewNames.find((name) => name === before?.view) ?? viewNames[0]
  drawn = { page, header: top, notices, names, views, stale, at: first }
  function look(name: ViewName) {
    const before = drawn!.at
    if (before !== name) views.get(before)?.hidden()
    drawn!.at = name
    keep()
    let view = views.get(name)
    if (!view) {
      views.set(name, (view = makers[name](page)))
      panels.get(name)!.append(view.element)
    } else if (stale.get(name)?.size) view.renewed([...stale.get(name)!])
    stale.delete(name)
    view.shown()
  }
  function go(name: ViewName) {
    tabs.selectedIndex = viewNames.indexOf(name)
    look(name)
  }
  tabs.addEventListener('vsc-tabs-select', ({ detail }) => look(viewNames[detail.selectedIndex]!))
  redraw(main, element('header', {}, top.element, notices), tabs, spoken)
  // Where the page is narrow, its tabs stand in two rows.
  tabs.shadowRoot!.adoptedStyleSheets.push(wrapping)
  go(first)
}

function renewed(sessions: readonly string[]) {
  if (!drawn) return
  for (const [name, view] of drawn.views) {
    if (name === drawn.at) view.renewed(sessions)
    else drawn.stale.set(name, new Set([...(drawn.stale.get(name) ?? []), ...sessions]))
  }
}

watchPointer()
watchTheme(() => {
  for (const listener of themed) listener()
})

const listener: Listener = {
  show,
  trouble: (message) => {
    trouble.textContent = message ?? ''
    trouble.toggleAttribute('hidden', message === undefined)
  },
}
const host: Host = document.getElementById('saved') ? fileHost(contentOf('saved') as SavedComparison, listener) : editorHost(listener)
let lastKept = host.kept
