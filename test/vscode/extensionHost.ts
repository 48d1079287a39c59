import { request } from 'node:http'
import type * as vscode from 'vscode'
import { type Editor, type Theme, themes } from './editor'
import { until } from './until'
import { inTheme } from './workbench'

/** Runs a function in the extension host of the newest window. It sees its arguments and `vscode`, nothing of the test. */
export async function inExtensionHost<Args extends readonly unknown[], Answer>(
  { bridge }: Editor,
  work: (api: typeof vscode, ...args: Args) => Answer,
  ...args: Args
): Promise<Awaited<Answer>> {
  await until('the extension host', () => ask(bridge, '() => true', []))
  return (await ask(bridge, String(work), args)) as Awaited<Answer>
}

/** Changes one of the user's settings. */
export const setSetting = (editor: Editor, name: string, value: unknown): Promise<void> =>
  inExtensionHost(
    editor,
    async (api, name: string, value: unknown) => {
      await api.workspace.getConfiguration().update(name, value, api.ConfigurationTarget.Global)
    },
    name,
    value,
  )

/** Changes the theme, and waits until the workbench and its pages show in it. */
export async function setTheme(editor: Editor, theme: Theme): Promise<void> {
  await setSetting(editor, 'workbench.colorTheme', themes[theme])
  await inTheme(editor.page, theme)
}

function ask(socketPath: string, source: string, args: readonly unknown[]): Promise<unknown> {
  return new Promise((answered, fail) => {
    const asked = request({ socketPath, method: 'POST', path: '/' }, (response) => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString()))
      response.on('end', () => {
        const { value, error } = JSON.parse(text) as { value?: unknown; error?: string }
        if (error === undefined) answered(value)
        else fail(new Error(error))
      })
    })
    asked.on('error', fail)
    asked.end(JSON.stringify({ source, args }))
  })
}
