import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runSuite } from '../../scripts/vscode/suite'
import { endWith } from '../../scripts/vscode/verdict'
import { bench, endBench, results } from './bench'
import { rootHooks } from './editor'

const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(1))

async function main(): Promise<number> {
  rmSync(results, { recursive: true, force: true })
  await bench()
  try {
    // A team's servers take a while to fetch, and Go and Java: only who asks for them, as `npm run test:services` does, has them.
    const wantsTeam = /\bteam\b/.test(values.grep ?? '')
    const status = await runSuite('test/vscode', {
      timeout: 120_000,
      rootHooks,
      grep: values.grep,
      chosen: (file) => wantsTeam || !/\bteam\.test\.ts$/.test(file),
    })
    if (status > 0) console.error(`Pictures and logs of the failures: ${results}`)
    return status
  } finally {
    await endBench()
  }
}

endWith(main())
