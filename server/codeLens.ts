import { number, plural } from './cli/text/terminal'
import { sessionsOf } from './hover'
import type { Range, ScriptModel } from './script/types'
import type { TrackedFolder } from './trackedFolder'

export interface Lens extends Range {
  readonly title: string
  readonly command: string
  readonly argument: { readonly dir: string; readonly reference?: string; readonly model?: string }
}

/** Over each call of `session()`: what became of it, and what can be done from there. */
export async function lensesOf(folder: TrackedFolder, model: ScriptModel): Promise<Lens[]> {
  const { dir } = folder
  const lenses: Lens[] = []
  for (const { from, to, modelName } of model.sessions) {
    if (modelName === undefined) continue
    const sessions = await sessionsOf(folder, modelName)
    const [latest] = sessions
    if (!latest) {
      lenses.push({ from, to, title: 'No session yet: train it', command: 'epochtree.train', argument: { dir, model: modelName } })
      continue
    }
    const [row] = await folder.rows([latest])
    const { name, status, live, latest: epoch, main } = row!
    const at = status === 'running' && live ? `running epoch ${live.number}` : epoch ? `epoch ${epoch.number}` : status
    const value = main?.last ? `, ${main.metric} ${number(main.last.value)}` : ''
    const title = `${plural(sessions.length, 'session')} - latest ${name}, ${at}${value}`
    lenses.push({ from, to, title, command: 'epochtree.openEpoch', argument: { dir, reference: latest.id } })
    if (epoch) lenses.push({ from, to, title: 'Fork...', command: 'epochtree.fork', argument: { dir, reference: latest.id } })
    if (sessions.length > 1) lenses.push({ from, to, title: 'Compare', command: 'epochtree.compare', argument: { dir, model: modelName } })
  }
  return lenses
}
