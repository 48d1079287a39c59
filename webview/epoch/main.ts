import { fromPage, type FromPage, pageState, type PageState, toPage } from '../messages/epoch'
import { epochTexts } from '../messages/epochTexts'
import { element } from '../parts/element'
import { redraw, watchPointer } from '../parts/redraw'
import { forks } from './forks'
import { graph } from './graph'
import { header } from './header'
import { metrics } from './metrics'
import type { Page } from './page'
import { environment, hyperparameters, pruningPlan } from './settings'

declare function acquireVsCodeApi(): {
  postMessage(message: FromPage): void
  getState(): unknown
  setState(state: PageState): void
}
const host = acquireVsCodeApi()
const main = document.querySelector('main')!
const trouble = document.querySelector('#trouble')!
const kept = pageState.safeParse(host.getState())
const state = { toggled: [] as string[], onlyChanged: false, ...(kept.success ? kept.data : {}) }

const send = (message: FromPage) => host.postMessage(fromPage.parse(message))

function show(page: Omit<Page, 'state' | 'send' | 'arrange'>) {
  const { row } = page.view
  const place = { dir: row.dir, reference: `${row.session.id}@${row.id}` }
  const draw = () => {
    host.setState({ ...place, toggled: [...state.toggled], onlyChanged: state.onlyChanged })
    const whole: Page = {
      ...page,
      state,
      send,
      arrange: (change) => {
        Object.assign(state, change)
        draw()
      },
    }
    const aside = element('div', { class: 'columns' }, hyperparameters(whole), pruningPlan(whole), environment(whole))
    redraw(main, header(whole), metrics(whole), graph(whole), aside, forks(whole))
    main.setAttribute('aria-busy', 'false')
  }
  document.documentElement.lang = page.language
  document.title = page.view.reference
  draw()
}

window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  const parsed = toPage.safeParse(data)
  if (!parsed.success) return
  const message = parsed.data
  trouble.textContent = message.type === 'trouble' ? message.message : ''
  trouble.toggleAttribute('hidden', message.type !== 'trouble')
  if (message.type === 'show') show({ ...message, texts: { ...epochTexts, ...message.texts } })
})
watchPointer()
send({ type: 'ready' })
