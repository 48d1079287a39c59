import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { figures } from './figures'

export type Parts = Readonly<Record<string, () => Promise<void>>>
export interface Options {
  readonly json?: string | undefined
  readonly only?: string | undefined
}

/** Those that were asked for; none where one of them is unknown, which is said. */
export function chosenOf(parts: Parts, { only }: Options): readonly string[] | undefined {
  const chosen = only === undefined ? Object.keys(parts) : only.split(',')
  const unknown = chosen.find((name) => !parts[name])
  if (unknown === undefined) return chosen
  console.error(`There is no part "${unknown}". The parts are ${Object.keys(parts).join(', ')}.`)
  process.exitCode = 2
  return undefined
}

/** Measures the chosen parts, each in a process of its own: what one leaves in memory is no weight on the next. */
export async function measure(parts: Parts, chosen: readonly string[], options: Options, args: readonly string[] = []): Promise<void> {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, Node ${process.versions.node}`
  if (chosen.length === 1) await parts[chosen[0]!]!()
  else {
    console.log(machine)
    apart(chosen, args)
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
}

function apart(names: readonly string[], args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-figures-'))
  try {
    for (const name of names) {
      const file = join(folder, `${name}.json`)
      const { status } = spawnSync(process.execPath, ['--no-warnings', process.argv[1]!, '--only', name, '--json', file, ...args], {
        stdio: 'inherit',
      })
      if (status !== 0) throw new Error(`The part ${name} ended with ${status}.`)
      figures.push(...(JSON.parse(readFileSync(file, 'utf8')) as { figures: typeof figures }).figures)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
