import { basename, dirname } from 'node:path'
import * as vscode from 'vscode'
import type { QuickEdits } from '../server/protocol/editor'
import type { Json } from '../server/protocol/model'
import { bringHere } from './bringHere'
import type { Parts } from './commands'
import { settingWords } from './settingWords'
import type { Target } from './target'

const { t } = vscode.l10n

const MOST_PLANS = 50
const QUESTIONS = 3

/** A fork by three questions: the plan, the hyper-parameters, the last epoch; then what will differ is shown, and agreed to. */
export async function quickFork({ server, drafts, trainings, tree }: Parts, { dir, reference, name }: Target) {
  const called = name ?? reference
  const step = (n: number) => t('Fork {0} ({1}/{2})', called, n, QUESTIONS)
  const preview = (edits: QuickEdits) => server.request('epochtree/forkPreview', { dir, reference, edits })
  // What can't be forked is refused before anything is asked.
  const first = await preview({})

  const plan = await askPlan(step(1))
  if (plan === 'edit') return drafts.open(await server.request('epochtree/draft', { dir, kind: 'fork', reference }))
  let edits: QuickEdits = plan === 'keep' ? {} : { planFile: plan }

  const complaint = async (more: QuickEdits, about: RegExp) => {
    try {
      const { problems } = await preview({ ...edits, ...more })
      const found = problems.find(({ path, severity }) => about.test(path) && severity !== 'information')
      if (!found) return undefined
      const { Error, Warning } = vscode.InputBoxValidationSeverity
      return { message: found.message, severity: found.severity === 'error' ? Error : Warning }
    } catch (error) {
      return { message: (error as Error).message, severity: vscode.InputBoxValidationSeverity.Error }
    }
  }
  const words = await asked({
    title: step(2),
    prompt: t('Hyper-parameters to change; nothing keeps them all'),
    placeHolder: 'lr=0.01 optimizer.momentum=0.8',
    validateInput: async (text) => {
      const set = settingWords(text)
      if (set) return set.length ? complaint({ set }, /^hyperparameters/) : undefined
      return { message: t('Write words such as lr=0.01, with spaces between them.'), severity: vscode.InputBoxValidationSeverity.Error }
    },
  })
  const set = settingWords(words) ?? []
  if (set.length) edits = { ...edits, set }

  const last = await asked({
    title: step(3),
    prompt: t('Train up to the epoch of this number'),
    value: first.epochs === null ? '' : String(first.epochs),
    validateInput: async (text) => {
      if (text.trim() === '') return undefined
      if (!/^\d{1,9}$/.test(text.trim()))
        return { message: t('Write a whole number, such as 40.'), severity: vscode.InputBoxValidationSeverity.Error }
      return complaint({ epochs: Number(text) }, /^epochs/)
    },
  })
  const epochs = last.trim() === '' ? undefined : Number(last)
  if (epochs !== undefined) {
    const changed = (await preview({ ...edits, epochs })).differences.some(({ path }) => path === 'epochs')
    if (changed) edits = { ...edits, epochs }
  }

  const shown = await preview(edits)
  const error = shown.problems.find(({ severity }) => severity === 'error')
  if (error) throw new Error(error.message)
  const [train, only] = [t('Train'), t('Fork Only')]
  const answer = await vscode.window.showInformationMessage(
    t('Fork {0} as {1}?', called, shown.name),
    { modal: true, detail: [...differenceLines(shown.differences), ...shown.problems.map(({ message }) => `\n${message}`)].join('\n') },
    train,
    only,
  )
  if (!answer) return undefined
  await bringHere(server, { dir, reference }, called)
  const started = await server.request('epochtree/fork', { dir, reference, edits })
  if (answer === train) await trainings.run(started)
  return tree.reveal(dir, started.session.id)
}

async function askPlan(title: string): Promise<string> {
  const found = await vscode.workspace.findFiles('**/*.plan.json', '**/{.*,node_modules}/**', MOST_PLANS)
  const separator = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator, plan: '' })
  const picked = await vscode.window.showQuickPick(
    [
      { label: `$(pinned) ${t('Keep the pruning plan')}`, description: t('as the epoch was trained with'), plan: 'keep' },
      { label: `$(edit) ${t('Edit it in a draft...')}`, description: t('together with everything else'), plan: 'edit' },
      ...(found.length ? [separator(t('plans in this workspace'))] : []),
      ...found.map(({ fsPath }) => ({
        label: `$(json) ${basename(fsPath)}`,
        description: dirname(vscode.workspace.asRelativePath(fsPath)).replace(/^\.$/, ''),
        plan: fsPath,
      })),
      separator(t('elsewhere')),
      { label: `$(folder-opened) ${t('Choose a file...')}`, plan: 'choose' },
    ],
    { title, placeHolder: t('With which pruning plan?'), matchOnDescription: true },
  )
  if (!picked) throw new vscode.CancellationError()
  if (picked.plan !== 'choose') return picked.plan
  const [file] =
    (await vscode.window.showOpenDialog({ title: t('Choose a pruning plan'), filters: { [t('Pruning plans')]: ['json'] } })) ?? []
  if (!file) throw new vscode.CancellationError()
  return file.fsPath
}

async function asked(options: vscode.InputBoxOptions): Promise<string> {
  const text = await vscode.window.showInputBox({ ...options, ignoreFocusOut: true })
  if (text === undefined) throw new vscode.CancellationError()
  return text
}

const MOST_LINES = 20

function differenceLines(differences: readonly { readonly path: string; readonly before: Json; readonly after: Json }[]): string[] {
  if (differences.length === 0) return [t('Nothing differs: it trains on as before.')]
  const text = (value: Json) => (value === null ? t('none') : JSON.stringify(value))
  const lines = differences.slice(0, MOST_LINES).map(({ path, before, after }) => `${path}: ${text(before)} → ${text(after)}`)
  const left = differences.length - lines.length
  return left > 0 ? [...lines, t('and {0} more', left)] : lines
}
