import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, type Say } from '../vscode/root'
import { cache, once, tool } from './place'

const REMEDY = 'Install Go 1.24 or later (Debian: `apt-get install golang`, or the archive from the Go project), then try again.'

/** A program of ours that embeds a server, built from `scripts/services/<name>`; go.sum pins and verifies what it is made of. */
export async function goProgram(name: string, say: Say): Promise<string> {
  const source = join(root, 'scripts', 'services', name)
  const hash = createHash('sha256')
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
    await tool({
      program: 'go',
      args: ['build', '-o', join(into, program), '.'],
      cwd: copy,
      // As it is pinned, whatever is set here for other projects.
      env: { GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', CGO_ENABLED: '0' },
      remedy: REMEDY,
    })
  })
  return join(folder, program)
}
