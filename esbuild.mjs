// Builds the product into dist/, and the tests, benchmarks and the test bench into out/.
import { globSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as esbuild from 'esbuild'
import { copyPython, product, shared } from './scripts/product.mjs'

const watch = process.argv.includes('--watch')
const builds = [
  ...product('dist', { metafile: true }),
  {
    ...shared,
    entryPoints: [
      ...globSync('test/**/*.ts', { exclude: ['**/*.d.ts', 'test/host/**'] }),
      'scripts/vscode/start.ts',
      'scripts/vscode/testDesktop.ts',
      'bench/main.ts',
      'bench/fresh.ts',
    ],
    outdir: 'out',
    outbase: '.',
    splitting: true,
    external: ['ajv', 'fast-check', 'mocha', 'typescript', 'zod', 'commander', 'playwright-core', '@vscode/test-electron'],
  },
  {
    ...shared,
    banner: {},
    // The extension host loads it with `require`.
    format: 'cjs',
    entryPoints: globSync('test/host/*.ts'),
    outdir: 'out/test/host',
    outExtension: { '.js': '.cjs' },
    external: ['vscode', 'mocha'],
  },
]
const built = new Set()
for (const options of builds) {
  if (watch) await (await esbuild.context(options)).watch()
  else for (const path of Object.keys((await esbuild.build(options)).metafile?.outputs ?? {})) built.add(basename(path))
}
copyPython('.', 'dist')
// Chunks of earlier builds, whose names nobody asks for any more.
if (!watch)
  for (const name of readdirSync('dist')) if (/^(?:client|cli)-.*\.js(\.map)?$/.test(name) && !built.has(name)) rmSync(join('dist', name))
