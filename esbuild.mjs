// Builds the product into dist/, and the tests, benchmarks and the test bench into out/.
import { globSync, readdirSync, rmSync, watch } from 'node:fs'
import { basename, join } from 'node:path'
import * as esbuild from 'esbuild'
import { copyPython, product, shared } from './scripts/product.mjs'
import { makeWheel } from './scripts/wheel.mjs'

const watching = process.argv.includes('--watch')
const builds = [
  ...product('dist', { metafile: true }),
  {
    ...shared,
    entryPoints: [
      ...globSync('test/**/*.ts', { exclude: ['**/*.d.ts', 'test/host/**'] }),
      'scripts/services/start.ts',
      'scripts/vscode/icon.ts',
      'scripts/vscode/start.ts',
      'scripts/vscode/testDesktop.ts',
      'bench/main.ts',
      'bench/fresh.ts',
      'bench/scale.ts',
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
copyPython('.', 'dist')
makeWheel('.', 'dist')
if (watching) await watchAll()
else {
  const built = new Set()
  for (const options of builds)
    for (const path of Object.keys((await esbuild.build(options)).metafile?.outputs ?? {})) built.add(basename(path))
  // Chunks of earlier builds, whose names nobody asks for any more.
  for (const folder of ['dist', 'dist/webview'])
    for (const name of readdirSync(folder))
      if (/^(?:client|cli|team|comparison)-.*\.js(\.map)?$/.test(name) && !built.has(name)) rmSync(join(folder, name))
}

/** Builds again what changes. An editor's task waits for the two lines that it prints. */
async function watchAll() {
  let running = 0
  const told = {
    name: 'told',
    setup(build) {
      build.onStart(() => {
        if (running++ === 0) console.log('Building')
      })
      build.onEnd(() => {
        if (--running === 0) console.log('Built; watching')
      })
    },
  }
  const contexts = await Promise.all(builds.map((options) => esbuild.context({ ...options, plugins: [told] })))
  await Promise.all(contexts.map((context) => context.watch()))
  watch('python/epochtree', () => {
    copyPython('.', 'dist')
    makeWheel('.', 'dist')
  })
}
