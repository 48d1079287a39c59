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
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const contrast = matchMedia('(prefers-contrast: more)')
  let chosen: (typeof themes)[number] | undefined
  const now = () => chosen ?? (dark.matches ? 'dark' : 'light')
  const turn = element('button', { type: 'button' })
  const apply = () => {
    const theme = now()
    const more = contrast.matches
    const { classList } = document.body
    classList.toggle('vscode-dark', theme === 'dark' && !more)
    classList.toggle('vscode-light', theme === 'light' && !more)
    classList.toggle('vscode-high-contrast', more)
    classList.toggle('vscode-high-contrast-light', theme === 'light' && more)
    turn.textContent = theme === 'dark' ? texts.lightTheme : texts.darkTheme
  }
  turn.addEventListener('click', () => {
    chosen = now() === 'dark' ? 'light' : 'dark'
    apply()
  })
  for (const wish of [dark, contrast]) wish.addEventListener('change', apply)
  apply()
  return element('aside', { class: 'file-bar', 'aria-label': texts.aboutFile }, element('p', {}, said.join(' ')), turn)
}
