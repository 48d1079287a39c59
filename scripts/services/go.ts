import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, type Say } from '../vscode/root'
import { cache, once, tool } from './place'

const REMEDY = 'Install Go 1.24 or later (Debian: `apt-get install golang`, or the archive from the Go project), then try again.'

/** What is otherwise in a file of a module while it is compiled: each of these texts by another. */
export interface Patch {
  readonly module: string
  readonly file: string
  readonly texts: readonly (readonly [from: string, to: string])[]
}

/** A program of ours that embeds a server, built from `scripts/services/<name>`; go.sum pins and verifies what it is made of. */
export async function goProgram(name: string, say: Say, patch?: Patch): Promise<string> {
  const source = join(root, 'scripts', 'services', name)
  const hash = createHash('sha256').update(JSON.stringify(patch ?? null))
  for (const file of readdirSync(source).toSorted())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(source, file)))
  const program = process.platform === 'win32' ? `${name}.exe` : name
  const folder = join(cache(), `${name}-${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`)
  await once(folder, `${name} (built by Go)`, say, async (into) => {
    const copy = join(into, 'source')
    cpSync(source, copy, { recursive: true })
    const go = (...args: string[]) =>
      // As it is pinned, whatever is set here for other projects.
      tool({
        program: 'go',
        args,
        cwd: copy,
        env: { GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', CGO_ENABLED: '0' },
        remedy: REMEDY,
      })
    const overlay: string[] = []
    if (patch) {
      await go('mod', 'download', patch.module)
      const folderOfModule = (await go('list', '-m', '-f', '{{.Dir}}', patch.module)).trim()
      const [original, patched] = [join(folderOfModule, patch.file), join(into, 'patched.go')]
      writeFileSync(patched, patch.texts.reduce(replaced, readFileSync(original, 'utf8')))
      writeFileSync(join(into, 'overlay.json'), JSON.stringify({ Replace: { [original]: patched } }))
      overlay.push('-overlay', join(into, 'overlay.json'))
    }
    await go('build', ...overlay, '-o', join(into, program), '.')
  })
  return join(folder, program)
}

function replaced(text: string, [from, to]: readonly [string, string]): string {
  if (text.split(from).length !== 2) throw new Error(`\`${from}\` is not there once, as it was when this was written.`)
  return text.replace(from, () => to)
}
