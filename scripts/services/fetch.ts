import type { Say } from '../vscode/root'
import { fetchElastic } from './elastic'
import { fetchGcs } from './gcs'
import { fetchMongo } from './mongo'

/** Brings here what the servers are made of, without starting any; those that are elsewhere are not needed. */
export async function fetchServers(say: Say): Promise<void> {
  const here = (name: string) => !process.env[`EPOCHTREE_TEST_${name}`]
  // One after the other: Go's compiler takes the whole machine as it is.
  if (here('MONGO')) await fetchMongo(say)
  if (here('GCS')) await fetchGcs(say)
  if (here('ELASTIC')) await fetchElastic('9.5.0', say)
}
