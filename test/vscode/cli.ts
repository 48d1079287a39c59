import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../../scripts/vscode/root'

/** What somebody does in a terminal meanwhile, and what it prints. */
export function epochtree(dir: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const done = spawnSync(process.execPath, [join(root, 'bin', 'epochtree.mjs'), ...words, '--dir', dir], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  })
  assert.equal(done.status, 0, done.stderr)
  return done.stdout
}

/** What the command line says of the same sessions. */
export const cli = <Answer>(dir: string, ...words: readonly string[]): Answer => JSON.parse(epochtree(dir, [...words, '--json'])) as Answer
