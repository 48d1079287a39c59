// Measures what the README promises of a team's stores, with the three servers on this machine, each figure beside a floor measured in turn with it.
// `--small` is quick, and only shows that it works.
import { parseArgs } from 'node:util'
import { toStderr } from '../scripts/vscode/root'
import { elastic, gcs, mongo, stopServers } from '../test/services/servers'
import { chosenOf, measure, type Parts } from './parts'
import { measureBulk } from './team/bulk'
import { measureComparison } from './team/comparison'
import { measureFollow } from './team/follow'
import { measureFork } from './team/fork'
import { measureLocal } from './team/local'
import { SMALL, WHOLE } from './team/sizes'
import { measureTree } from './team/tree'
import { measureWeights } from './team/weights'

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string' }, small: { type: 'boolean', default: false }, rounds: { type: 'string' } },
})
const of = options.small ? SMALL : WHOLE
const sizes = { ...of, rounds: Number(options.rounds ?? of.rounds) }

const parts: Parts = {
  bulk: () => measureBulk(sizes),
  comparison: () => measureComparison(sizes),
  tree: () => measureTree(sizes),
  weights: () => measureWeights(sizes),
  fork: () => measureFork(sizes),
  local: () => measureLocal(sizes),
  follow: () => measureFollow(sizes),
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

async function main() {
  const chosen = chosenOf(parts, options)
  if (!chosen) return
  // Parts are processes of their own, and find here what was started for all of them.
  const servers = await Promise.all([mongo(), elastic(), gcs()])
  for (const [i, name] of ['MONGO', 'ELASTIC', 'GCS'].entries()) process.env[`EPOCHTREE_TEST_${name}`] = servers[i]!.url
  await measure(parts, chosen, options, [...(options.small ? ['--small'] : []), '--rounds', String(sizes.rounds)])
}

try {
  await main()
} catch (error) {
  toStderr((error as Error).stack ?? String(error))
  process.exitCode = 1
} finally {
  await stopServers()
}
// Clients of a part that failed may still be open.
process.exit()
