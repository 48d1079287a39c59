import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { root, type Say } from './root'

const launcher = join(root, 'bin', 'epochtree.mjs')

/** A folder with the demo's scripts and, in `.epochtree`, the sessions of both days, as really trained. */
export async function demoWorkspace(folder: string, say: Say): Promise<string> {
  if (isTrained(folder)) return folder
  say(`Training the demo, both days of it, in ${folder}:`)
  await train(folder, say)
  return folder
}

/** Whether both days are there; a training that was broken off is none. */
function isTrained(folder: string): boolean {
  const dir = join(folder, '.epochtree')
  if (!existsSync(dir)) return false
  const asked = spawnSync(process.execPath, [launcher, 'sessions', '--json', '--dir', dir], { encoding: 'utf8' })
  if (asked.status !== 0) throw new EpochtreeError('failed', `The sessions in ${dir} can't be read: ${asked.stderr.trim()}`)
  const sessions = JSON.parse(asked.stdout) as readonly { readonly status: string }[]
  return sessions.filter(({ status }) => status === 'completed').length >= 2
}

function train(folder: string, say: Say): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [launcher, 'demo', '--into', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    let days = ''
    let problem = ''
    child.stdout.on('data', (data: Buffer) => {
      const text = days + data.toString()
      const lines = text.split('\n')
      days = lines.pop()!
      for (const line of lines) if (/^Day \d/.test(line)) say(`  ${line}`)
    })
    child.stderr.on('data', (data: Buffer) => (problem = (problem + data.toString()).slice(-2000)))
    child.on('error', fail)
    child.on('close', (status) => {
      if (status === 0) done()
      else
        fail(
          new EpochtreeError(
            'demo-failed',
            `The demo could not be trained in ${folder}. ${problem.trim().replace(/^epochtree: [\w-]+: /, '')}`,
          ),
        )
    })
  })
}
