import * as vscode from 'vscode'
import { sentence } from '../sentence'

/** Thrown where somebody goes back to the step before. */
export class Back extends Error {}

export interface Step {
  readonly title: string
  readonly step: number
  readonly of: number
  /** Whether there is a step before this one. */
  readonly back: boolean
}
export interface TextStep extends Step {
  readonly prompt: string
  readonly placeholder: string
  readonly value: string
  readonly secret?: boolean
  /** What was wrong before anything is typed. */
  readonly trouble?: string | undefined
  /** What is wrong while it is typed; undefined where nothing is. */
  readonly check?: (text: string) => Promise<string | undefined>
  /** What is wrong once it is accepted, after which it is asked on. */
  readonly accept?: (text: string, token: vscode.CancellationToken) => Promise<string | undefined>
  readonly buttons?: readonly ButtonOf[]
}
interface ButtonOf extends vscode.QuickInputButton {
  /** Resolves to what the prompt says from then on; undefined: it stays. */
  readonly press: () => Promise<string | undefined>
}

/** What is typed is looked at once it rests. */
const RESTS_MS = 200

/** One text, checked while it is typed and tried when it is accepted; it stays until it is right, or somebody goes back or away. */
export async function askText(asked: TextStep): Promise<string> {
  const box = vscode.window.createInputBox()
  const left = new vscode.CancellationTokenSource()
  Object.assign(box, {
    title: asked.title,
    step: asked.step,
    totalSteps: asked.of,
    prompt: asked.prompt,
    placeholder: asked.placeholder,
    value: asked.value,
    password: asked.secret ?? false,
    ignoreFocusOut: true,
    validationMessage: asked.trouble,
    buttons: [...(asked.back ? [vscode.QuickInputButtons.Back] : []), ...(asked.buttons ?? [])],
  })
  let resting: NodeJS.Timeout | undefined
  const check = async (): Promise<boolean> => {
    clearTimeout(resting)
    const { value } = box
    const wrong = await asked.check?.(value).catch(sentence)
    if (box.value !== value) return false
    box.validationMessage = wrong
    return wrong === undefined
  }
  // While a dialog of a button's is open, the box is hidden and comes again.
  let elsewhere = false
  try {
    return await new Promise<string>((resolve, reject) => {
      const press = async (button: vscode.QuickInputButton) => {
        const own = asked.buttons?.find((one) => one === button)
        if (!own) return reject(new Back())
        elsewhere = true
        try {
          box.prompt = (await own.press()) ?? box.prompt
        } catch (error) {
          if (!(error instanceof vscode.CancellationError || error instanceof Back)) box.validationMessage = sentence(error)
        } finally {
          elsewhere = false
          box.show()
        }
      }
      const accept = async () => {
        const { value } = box
        box.enabled = false
        box.busy = true
        try {
          if (!(await check())) return
          const wrong = await asked.accept?.(value, left.token)
          if (wrong === undefined) return resolve(value)
          box.validationMessage = wrong
        } catch (error) {
          box.validationMessage = sentence(error)
        } finally {
          box.enabled = true
          box.busy = false
        }
      }
      box.onDidTriggerButton(press)
      box.onDidAccept(accept)
      box.onDidChangeValue(() => {
        box.validationMessage = undefined
        clearTimeout(resting)
        resting = setTimeout(() => void check(), RESTS_MS)
      })
      box.onDidHide(() => {
        if (!elsewhere) reject(new vscode.CancellationError())
      })
      box.show()
    })
  } finally {
    clearTimeout(resting)
    left.cancel()
    left.dispose()
    box.dispose()
  }
}

export async function askChoice<Item extends vscode.QuickPickItem>(
  asked: Step & { readonly placeholder: string },
  items: readonly Item[],
): Promise<Item> {
  const pick = vscode.window.createQuickPick<Item>()
  Object.assign(pick, {
    title: asked.title,
    step: asked.step,
    totalSteps: asked.of,
    placeholder: asked.placeholder,
    ignoreFocusOut: true,
    items,
    buttons: asked.back ? [vscode.QuickInputButtons.Back] : [],
  })
  try {
    return await new Promise<Item>((resolve, reject) => {
      pick.onDidTriggerButton(() => reject(new Back()))
      pick.onDidAccept(() => pick.selectedItems[0] && resolve(pick.selectedItems[0]))
      pick.onDidHide(() => reject(new vscode.CancellationError()))
      pick.show()
    })
  } finally {
    pick.dispose()
  }
}

/** Goes through stages one after another, and back where somebody goes back. */
export async function inTurn(stages: readonly (() => Promise<void>)[]): Promise<void> {
  for (let at = 0; at < stages.length;)
    try {
      await stages[at]!()
      at++
    } catch (error) {
      if (!(error instanceof Back) || at === 0) throw error
      at--
    }
}
