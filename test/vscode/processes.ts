import { readdirSync, readFileSync } from 'node:fs'

/** The language servers of this folder's editor: processes whose program is ours. */
export function servers(of: number): number[] {
  const parents = new Map<number, number>()
  const ours: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('dist/server.js')) ours.push(Number(name))
    } catch {
      // Ended meanwhile.
    }
  }
  const below = (pid: number): boolean => pid === of || (pid > 1 && below(parents.get(pid) ?? 0))
  return ours.filter(below)
}
