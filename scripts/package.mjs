// Makes dist/epochtree-<version>.vsix. What goes into it is listed here, and nothing else does.
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import * as vsce from '@vscode/vsce'
import * as esbuild from 'esbuild'
import { writeBundle } from './l10n.mjs'
import { notices } from './notices.mjs'
import { copyPython, product } from './product.mjs'
import { makeWheel } from './wheel.mjs'

const MIB = 1024 * 1024
/** Without the comparison's page, whose larger part is the layout of graphs, and without the clients of a team's servers: a folder alone loads none of these. */
const LARGEST = 2 * MIB
const PAGE = ['comparison*', 'elk.js', 'layoutWorker.js', 'file.js'].map((name) => `dist/webview/${name}`)
const TEAM = ['dist/team.js', 'dist/team-*.js']
const AS_THEY_ARE = ['README.md', 'CHANGELOG.md', 'LICENSE', 'media', 'schemas', 'bin', 'package.nls.json', 'examples/two-days']

/** Every file that a part of the manifest names: icons, schemas, pictures of the walkthrough. */
const filesIn = (part) =>
  typeof part === 'string'
    ? /^(\.\/)?(dist|media|schemas|l10n)\/[\w./-]+$/.test(part)
      ? [part]
      : []
    : Object.values(part ?? {}).flatMap(filesIn)

const root = dirname(import.meta.dirname)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { values } = parseArgs({ options: { out: { type: 'string' } } })
const file = resolve(values.out ?? join(root, 'dist', `epochtree-${manifest.version}.vsix`))

const stage = mkdtempSync(join(tmpdir(), 'epochtree-package-'))
try {
  const metafiles = []
  for (const options of product(join(stage, 'dist'), { minify: true, sourcemap: false, metafile: true, absWorkingDir: root }))
    metafiles.push((await esbuild.build(options)).metafile)
  copyPython(root, join(stage, 'dist'))
  makeWheel(root, join(stage, 'dist'))
  writeBundle(stage)
  for (const path of AS_THEY_ARE)
    cpSync(join(root, path), join(stage, path), {
      recursive: true,
      filter: (from) => basename(from) !== '__pycache__' && basename(from) !== '.epochtree',
    })
  writeFileSync(join(stage, 'THIRD-PARTY-NOTICES.txt'), notices(root, metafiles))
  // Everything is in the bundles: whoever installs it fetches nothing.
  const ours = new Set(['private', 'scripts', 'dependencies', 'devDependencies', 'optionalDependencies'])
  const shipped = Object.fromEntries(Object.entries(manifest).filter(([key]) => !ours.has(key)))
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify({ ...shipped, files: ['**'] }, null, 2)}\n`)
  const missing = filesIn(shipped).find((path) => !existsSync(join(stage, path)))
  if (missing) throw new Error(`package.json names ${missing}, which is not in the package. Make it, or list it in scripts/package.mjs.`)
  mkdirSync(dirname(file), { recursive: true })
  await vsce.createVSIX({ cwd: stage, packagePath: file, dependencies: false, allowMissingRepository: true, rewriteRelativeLinks: false })
  const { size } = statSync(file)
  const packed = (files) =>
    globSync(files, { cwd: stage }).reduce((sum, path) => sum + deflateRawSync(readFileSync(join(stage, path))).length, 0)
  const [page, team] = [packed(PAGE), packed(TEAM)]
  const rest = size - page - team
  if (rest > LARGEST) {
    rmSync(file)
    throw new Error(
      `Without the comparison's page and a team's clients the package would be ${(rest / MIB).toFixed(2)} MiB, and at most 2 are allowed. See above what is in it.`,
    )
  }
  const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`
  console.log(
    `${file}: ${kib(size)}, ${kib(page)} of them the comparison's page and ${kib(team)} a team's clients. Install it with \`code --install-extension ${file}\`.`,
  )
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(stage, { recursive: true, force: true })
}
