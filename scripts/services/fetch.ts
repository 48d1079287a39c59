import type { Say } from '../vscode/root'
import { fetchElastic } from './elastic'
import { goProgram } from './go'

/** Brings all that the servers are made of here, without starting any. */
export async function fetchServers(say: Say): Promise<void> {
  // One after the other: Go's compiler takes the whole machine as it is.
  await goProgram('ferretdb', say)
  await goProgram('fakegcs', say)
  await fetchElastic('9.5.0', say)
}
