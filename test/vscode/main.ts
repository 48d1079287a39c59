import { globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { root } from '../../scripts/vscode/root'
import { endWith } from '../../scripts/vscode/verdict'
import { bench, endBench, results } from './bench'
import { rootHooks } from './editor'

const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(1))

async function main(): Promise<number> {
  rmSync(results, { recursive: true, force: true })
  // Where no one is there to look, one more try, which is told: by hand a test that fails once has failed.
  const retries = process.env['CI'] ? 1 : 0
  const mocha = new Mocha({ timeout: 120_000, retries, rootHooks, ...(values.grep === undefined ? {} : { grep: values.grep }) })
  // A team's servers take a while to fetch, and Go and Java: only who asks for them, as `npm run test:services` does, has them.
  const wantsTeam = /\bteam\b/.test(values.grep ?? '')
  // By their sources: what was built of a test that is gone may still lie there.
  for (const file of globSync('test/vscode/**/*.test.ts', { cwd: root }).sort())
    if (wantsTeam || !/\bteam\.test\.ts$/.test(file)) mocha.addFile(join(root, 'out', `${file.slice(0, -'.ts'.length)}.js`))
  await bench()
  try {
    await mocha.loadFilesAsync()
    const { passes, failures, pending } = await new Promise<Mocha.Stats>((done) => {
      const runner = mocha.run(() => done(runner.stats!))
      runner.on('retry', (test: Mocha.Runnable, error: Error) => console.log(`    tried again: ${test.fullTitle()} (${error.message})`))
    })
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`)
    if (failures > 0) console.log(`Pictures and logs of the failures: ${results}`)
    return failures === 0 && passes > 0 ? 0 : 1
  } finally {
    await endBench()
  }
}

endWith(main())
