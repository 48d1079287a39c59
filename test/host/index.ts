import { globSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Called by the extension host. The verdict goes into a file when all is over: a host that dies says nothing, or 0. */
export async function run(): Promise<void> {
  const { default: Mocha } = await import('mocha')
  const grep = process.env['EPOCHTREE_TEST_GREP']
  const mocha = new Mocha({ timeout: 60_000, color: false, ...(grep ? { grep } : {}) })
  // By their sources: what was built of a test that is gone may still lie here.
  for (const file of globSync('*.test.ts', { cwd: join(__dirname, '..', '..', '..', 'test', 'host') }).sort())
    mocha.addFile(join(__dirname, `${basename(file, '.ts')}.cjs`))
  const { passes, failures, pending } = await new Promise<Mocha.Stats>((done) => {
    const runner = mocha.run(() => done(runner.stats!))
  })
  const result = process.env['EPOCHTREE_TEST_RESULT']
  if (result) {
    writeFileSync(`${result}.new`, JSON.stringify({ passed: passes, failed: failures, skipped: pending }))
    renameSync(`${result}.new`, result)
  }
  if (failures > 0) throw new Error(`${failures} failed`)
}
