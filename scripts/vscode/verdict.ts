import { existsSync, readFileSync } from 'node:fs'
import { explain } from '../../server/errors'

interface Verdict {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Prints the closing line of a suite that ran in an extension host, from the file it wrote at its end; returns the exit status. */
export function closeWith(file: string): number {
  const { passed, failed, skipped } = read(file)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  return passed > 0 && failed === 0 ? 0 : 1
}

function read(file: string): Verdict {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Verdict
  console.error('The extension host ended without a result: it crashed, or the suite could not be loaded.')
  return { passed: 0, failed: 1, skipped: 0 }
}

/** Ends the process with the status of a run of tests; where it broke off, with the reason and a closing line. */
export function endWith(running: Promise<number>) {
  running.then(
    (status) => process.exit(status),
    (error: unknown) => {
      console.error(explain(error).message)
      console.log('0 passed, 1 failed, 0 skipped')
      process.exit(1)
    },
  )
}
