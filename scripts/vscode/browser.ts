import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import type { Say } from './root'

const ON_PATH = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
  'microsoft-edge-stable',
  'chrome',
]

/** A Chromium, Chrome or Edge of this machine; as root on Debian one is installed. `EPOCHTREE_BROWSER` names another. */
export function browser(say: Say): string {
  const named = process.env['EPOCHTREE_BROWSER']
  if (named) {
    if (runs(named)) return named
    throw new EpochtreeError('not-found', `EPOCHTREE_BROWSER names ${named}, which is no program. Name a Chromium, Chrome or Edge.`)
  }
  return places().find(runs) ?? installed(say)
}

function places(): string[] {
  const env = process.env
  if (process.platform === 'darwin')
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].flatMap((name) =>
      ['/Applications', join(env['HOME'] ?? '', 'Applications')].map((folder) => join(folder, `${name}.app`, 'Contents', 'MacOS', name)),
    )
  if (process.platform === 'win32')
    return [env['PROGRAMFILES'], env['PROGRAMFILES(X86)'], env['LOCALAPPDATA']].flatMap((folder = '') => [
      join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe'),
      join(folder, 'Chromium', 'Application', 'chrome.exe'),
      join(folder, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
    ])
  const folders = (env['PATH'] ?? '').split(delimiter)
  return ON_PATH.flatMap((name) => folders.map((folder) => join(folder, name)))
}

function installed(say: Say): string {
  const command = 'apt-get update && apt-get install -y --no-install-recommends chromium'
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing Chromium from the Debian packages, once.')
    const done = spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    const found = places().find(runs)
    if (done.status === 0 && found) return found
    throw new EpochtreeError(
      'failed',
      `Chromium could not be installed. Mend what is said below, then try again:\n${done.stderr.slice(-1000)}`,
    )
  }
  const remedy = process.platform === 'linux' ? `\`sudo sh -c '${command}'\`` : 'Install one'
  throw new EpochtreeError('not-found', `There is no Chromium, Chrome or Edge here. ${remedy}, or name one with EPOCHTREE_BROWSER.`)
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
