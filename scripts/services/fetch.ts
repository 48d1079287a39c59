import type { Say } from '../vscode/root'
import { fetchElastic } from './elastic'
import { fetchGcs } from './gcs'
import { fetchMongo } from './mongo'

/** Brings all that the servers are made of here, without starting any. */
export async function fetchServers(say: Say): Promise<void> {
  // One after the other: Go's compiler takes the whole machine as it is.
  await fetchMongo(say)
  await fetchGcs(say)
  await fetchElastic('9.5.0', say)
}
