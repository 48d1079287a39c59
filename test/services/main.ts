import { parseArgs } from 'node:util'
import { fetchServers } from '../../scripts/services/fetch'
import { toStderr } from '../../scripts/vscode/root'
import { runSuite } from '../../scripts/vscode/suite'
import { endWith } from '../../scripts/vscode/verdict'
import { stopServers } from './servers'

const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(1))

async function main(): Promise<number> {
  // Before any test's time runs.
  await fetchServers(toStderr)
  try {
    return await runSuite('test/services', { timeout: 600_000, grep: values.grep })
  } finally {
    await stopServers()
  }
}

endWith(main())
