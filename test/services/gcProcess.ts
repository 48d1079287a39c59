import { collectTeam } from '../../server/storage/team/gc'
import { openTeam } from '../../server/storage/team/open'
import type { Team, TeamConfig } from '../../server/storage/team/ports'

/** A process of its own that takes away what a team need not keep, and is killed before or after one of the steps that change something. */
export interface GcWork {
  readonly config: TeamConfig
  readonly cache: string
  readonly idleSeconds: number
  /** Counted from 1; 0: it comes to its end. */
  readonly killAt: number
  readonly when: 'before' | 'after'
}

const { config, cache, idleSeconds, killAt, when } = JSON.parse(process.argv[2]!) as GcWork
const CHANGING = new Set(['startRemoval', 'finishRemoval', 'claimWeights', 'dropWeights', 'remove', 'removeGraphs'])
let steps = 0

/** Nothing is tidied up, nothing is said good-bye. */
function die(step: string): Promise<never> {
  process.stdout.write(`killed ${when} ${step}\n`)
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}

const deadly = <Port extends object>(port: Port): Port =>
  new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function' || typeof name !== 'string' || !CHANGING.has(name)) return method
      return (...args: readonly unknown[]) => {
        const last = ++steps === killAt
        const call = () => (method as (...args: readonly unknown[]) => unknown).apply(target, [...args])
        if (!last) return call()
        if (name === 'removeGraphs')
          return (async function* () {
            if (when === 'before') await die(name)
            for await (const graph of call() as AsyncIterable<unknown>) {
              yield graph
              await die(name)
            }
          })()
        return (async () => {
          if (when === 'before') await die(name)
          await call()
          await die(name)
        })()
      }
    },
  })

const real = openTeam(config, { cache, cacheBytes: 1e9 })
const team: Team = { ...real, sessions: deadly(real.sessions), documents: deadly(real.documents), weights: deadly(real.weights) }
console.log(JSON.stringify(await collectTeam(team, { idleSeconds })))
await real.close()
