import type { Editor } from './editor'
import { inExtensionHost } from './extensionHost'
import { until } from './until'

/** What the editor itself measured of an extension that was activated, in milliseconds. */
export interface Activation {
  readonly load: number
  readonly activate: number
}

/** Reads it in the newest window, from the table of "Developer: Startup Performance"; waits for the extension to be active. */
export const activation = (editor: Editor, extension: string): Promise<Activation> =>
  until(`the activation of ${extension}`, async () => {
    const text = await inExtensionHost(editor, async (api) => {
      await api.commands.executeCommand('perfview.show')
      return (await api.workspace.openTextDocument(api.Uri.from({ scheme: 'perf', path: 'Startup Performance' }))).getText()
    })
    const row = text.split('\n').find((line) => line.startsWith(`| ${extension} `))
    // Name, whether it was eager, time to load its code, time of the call.
    const [, , , load, activate] = row?.split('|').map(Number) ?? []
    return load === undefined || activate === undefined ? undefined : { load, activate }
  })
