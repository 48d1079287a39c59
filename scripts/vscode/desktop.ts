import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Desktop {
  readonly program: string
  readonly name: string
}

const NAMES = ['code', 'code-insiders', 'codium']

/** A desktop VS Code of this machine that a window can be opened with, and why not where there is none. */
export function desktop(needed: string): Desktop | string {
  const env = process.env
  if (env['VSCODE_IPC_HOOK_CLI'] || env['SSH_CONNECTION']) return 'this is a remote machine'
  if (process.platform === 'linux' && !env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return 'there is no desktop here'
  if (process.platform === 'linux' && process.getuid?.() === 0) return 'VS Code does not start as root'
  const found = places().filter(existsSync)
  for (const program of found) {
    // A `.cmd` needs the shell, and then quotes for the spaces in its path.
    const shell = process.platform === 'win32'
    const asked = spawnSync(shell ? `"${program}"` : program, ['--version'], {
      encoding: 'utf8',
      shell,
      windowsHide: true,
      timeout: 20_000,
    })
    const version = /^\d+\.\d+\.\d+/.exec(asked.stdout ?? '')?.[0]
    if (asked.status === 0 && version !== undefined && atLeast(version, needed)) return { program, name: `VS Code ${version} (${program})` }
  }
  return found.length > 0 ? `${found.join(' and ')} is older than ${needed}` : 'no desktop VS Code was found'
}

function places(): string[] {
  const env = process.env
  const folders = (env['PATH'] ?? '').split(delimiter)
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, process.platform === 'win32' ? `${name}.cmd` : name)))
  if (process.platform === 'darwin')
    return [
      ...onPath,
      ...[
        ['Visual Studio Code', 'code'],
        ['VSCodium', 'codium'],
      ].map(([app, program]) => join('/Applications', `${app}.app`, 'Contents', 'Resources', 'app', 'bin', program!)),
    ]
  if (process.platform === 'win32')
    return [
      ...onPath,
      ...[join(env['LOCALAPPDATA'] ?? '', 'Programs'), env['PROGRAMFILES'] ?? ''].map((folder) =>
        join(folder, 'Microsoft VS Code', 'bin', 'code.cmd'),
      ),
    ]
  return onPath
}

/** By number, part by part. */
export function atLeast(version: string, needed: string): boolean {
  const [mine, theirs] = [version, needed].map((text) => text.split('.').map(Number)) as [number[], number[]]
  const different = theirs.findIndex((part, i) => part !== (mine[i] ?? 0))
  return different === -1 || (mine[different] ?? 0) > theirs[different]!
}

export function openDesktop({ program }: Desktop, extension: string, folder: string): boolean {
  const args = ['--new-window', `--extensionDevelopmentPath=${extension}`, folder]
  const shell = process.platform === 'win32'
  const done = spawnSync(shell ? `"${program}"` : program, shell ? args.map((word) => `"${word}"`) : args, {
    stdio: 'inherit',
    shell,
    windowsHide: true,
  })
  return done.status === 0
}
