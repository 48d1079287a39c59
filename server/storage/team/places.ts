import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../local/place'
import type { TeamPlaces } from './open'

type Environment = Readonly<Record<string, string | undefined>>

/** What a user's weights take on this machine, besides those of folders; the least recently used ones go first. */
const CACHE_BYTES = 50 * 1024 ** 3

export function teamPlaces(env: Environment): TeamPlaces {
  const bytes = Number(env['EPOCHTREE_WEIGHTS_CACHE'])
  return {
    cache: join(cacheFolder(process.platform, env, homedir()), 'weights'),
    cacheBytes: env['EPOCHTREE_WEIGHTS_CACHE'] && bytes >= 0 ? bytes : CACHE_BYTES,
  }
}

/** Where what is known of the team is kept: beside the embedded store. */
export const knownFile = (storeFile: string) => join(dirname(storeFile), 'team.sqlite')
