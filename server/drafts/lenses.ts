import type { CheckedDraft } from '../drafts'
import type { Json } from '../protocol/model'
import { differencesOf } from './checkDraft'

export interface LensTitle {
  readonly title: string
  /** Empty for what only tells something. */
  readonly command: '' | 'epochtree.draftTrain' | 'epochtree.draftOnly' | 'epochtree.draftDiscard' | 'workbench.actions.view.problems'
}

const MOST_SHOWN = 4
/** An ordinary one is not shown behind an icon. */
const SPACE = '\u00A0'

/** What stands above a draft: what can be done with it, and what is different in it. */
export function lensTitles({ base, wanted, remarks }: Pick<CheckedDraft, 'base' | 'wanted' | 'remarks'>): LensTitle[] {
  const errors = remarks.filter(({ severity }) => severity === 'error').length
  const found = wanted ? differencesOf(wanted, base) : []
  const shown = found.slice(0, MOST_SHOWN).map(({ path, before, after }) => `${nameOf(path)} ${short(before)} → ${short(after)}`)
  const more = found.length > shown.length ? [`${found.length - shown.length} more`] : []
  return [
    { title: `$(play)${SPACE}Train`, command: 'epochtree.draftTrain' },
    {
      title: base.kind === 'fork' ? `$(git-branch)${SPACE}Fork only` : `$(add)${SPACE}Make the session only`,
      command: 'epochtree.draftOnly',
    },
    { title: `$(trash)${SPACE}Discard`, command: 'epochtree.draftDiscard' },
    errors
      ? { title: `$(error)${SPACE}${errors === 1 ? '1 thing' : `${errors} things`} to mend`, command: 'workbench.actions.view.problems' }
      : {
          title: found.length ? [...shown, ...more].join(', ') : base.kind === 'fork' ? 'Nothing is different yet' : 'As the script has it',
          command: '',
        },
  ]
}

const nameOf = (path: string) => path.replace(/^(hyperparameters|pruningPlan)\./, '')

function short(value: Json): string {
  const text = value === null ? 'none' : JSON.stringify(value)
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}
