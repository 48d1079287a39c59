import { globSync } from 'node:fs'
import { join } from 'node:path'
import Mocha from 'mocha'
import { root } from './root'

interface SuiteOptions extends Pick<Mocha.MochaOptions, 'timeout' | 'rootHooks'> {
  readonly grep?: string | undefined
  /** Which files are run, by their paths. */
  readonly chosen?: (file: string) => boolean
}

/** Runs the tests of a folder in the order of their files, and prints the closing line; returns the exit status. */
export async function runSuite(folder: string, { grep, chosen = () => true, ...options }: SuiteOptions): Promise<number> {
  // Where no one is there to look, one more try, which is told: by hand a test that fails once has failed.
  const retries = process.env['CI'] ? 1 : 0
  const mocha = new Mocha({ ...options, retries, ...(grep === undefined ? {} : { grep }) })
  // By their sources: what was built of a test that is gone may still lie there.
  for (const file of globSync(`${folder}/**/*.test.ts`, { cwd: root }).sort())
    if (chosen(file)) mocha.addFile(join(root, 'out', `${file.slice(0, -'.ts'.length)}.js`))
  await mocha.loadFilesAsync()
  const { passes, failures, pending } = await new Promise<Mocha.Stats>((done) => {
    const runner = mocha.run(() => done(runner.stats!))
    runner.on('retry', (test: Mocha.Runnable, error: Error) => console.log(`    tried again: ${test.fullTitle()} (${error.message})`))
  })
  console.log(`${passes} passed, ${failures} failed, ${pending} skipped`)
  return failures === 0 && passes > 0 ? 0 : 1
}
