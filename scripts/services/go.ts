import { createHash } from 'node:crypto'
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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
    if (patch) {
      const patched = join(into, 'patched')
      // Verified by go.sum before it is copied.
      await go('mod', 'download', patch.module)
      cpSync((await go('list', '-m', '-f', '{{.Dir}}', patch.module)).trim(), patched, { recursive: true })
      const file = join(patched, patch.file)
      // The cache of modules is kept from being written, and so is a copy of it.
      for (const path of [dirname(file), file]) chmodSync(path, 0o755)
      writeFileSync(file, patch.texts.reduce(replaced, readFileSync(file, 'utf8')))
      await go('mod', 'edit', `-replace=${patch.module}=${patched}`)
    }
    await go('build', '-o', join(into, program), '.')
    if (patch) {
      await tool({ program: 'chmod', args: ['-R', 'u+w', join(into, 'patched')], remedy: '' })
      rmSync(join(into, 'patched'), { recursive: true })
    }
  })
  return join(folder, program)
}

function replaced(text: string, [from, to]: readonly [string, string]): string {
  if (text.split(from).length !== 2) throw new Error(`\`${from}\` is not there once, as it was when this was written.`)
  return text.replace(from, () => to)
}
