import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { fetchServers } from '../../scripts/services/fetch'
import { root, toStderr } from '../../scripts/vscode/root'
import { endWith } from '../../scripts/vscode/verdict'
import { stopServers } from './servers'

const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(1))

async function main(): Promise<number> {
  const mocha = new Mocha({ timeout: 600_000, ...(values.grep === undefined ? {} : { grep: values.grep }) })
  // By their sources: what was built of a test that is gone may still lie there.
  for (const file of globSync('test/services/**/*.test.ts', { cwd: root }).sort())
    mocha.addFile(join(root, 'out', `${file.slice(0, -'.ts'.length)}.js`))
  // Before any test's time runs.
  await fetchServers(toStderr)
  try {
    await mocha.loadFilesAsync()
    const { passes, failures, pending } = await new Promise<Mocha.Stats>((done) => {
      const runner = mocha.run(() => done(runner.stats!))
    })
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`)
    return failures === 0 && passes > 0 ? 0 : 1
  } finally {
    await stopServers()
  }
}

endWith(main())
