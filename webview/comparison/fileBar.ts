import type { SavedComparison } from '../../server/protocol/comparison'
import type { ComparisonTexts } from '../messages/comparisonTexts'
import { element } from '../parts/element'
import { fill, moment } from '../parts/format'

const themes = ['light', 'dark'] as const

/** When it was saved and what it lacks; and the theme, which in the editor is the editor's. */
export function fileBar({ comparison: { moreMetrics }, savedAt, language }: SavedComparison, texts: ComparisonTexts): HTMLElement {
  const said = [
    fill(texts.savedAt, moment(savedAt, language)),
    ...(moreMetrics > 0 ? [fill(texts.metricsLeftOut, moreMetrics.toLocaleString(language))] : []),
  ]
  const system = matchMedia('(prefers-color-scheme: dark)')
  let chosen: (typeof themes)[number] | undefined
  const turn = element('button', { type: 'button' })
  const apply = () => {
    const now = chosen ?? (system.matches ? 'dark' : 'light')
    document.body.classList.toggle('vscode-dark', now === 'dark')
    document.body.classList.toggle('vscode-light', now === 'light')
    turn.textContent = now === 'dark' ? texts.lightTheme : texts.darkTheme
  }
  turn.addEventListener('click', () => {
    chosen = document.body.classList.contains('vscode-dark') ? 'light' : 'dark'
    apply()
  })
  system.addEventListener('change', apply)
  apply()
  return element('aside', { class: 'file-bar', 'aria-label': texts.aboutFile }, element('p', {}, said.join(' ')), turn)
}
