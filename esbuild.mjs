// Builds the command line, the store's worker, the tests and the benchmarks.
import { globSync } from 'node:fs'
import * as esbuild from 'esbuild'

const watch = process.argv.includes('--watch')
const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.13',
  sourcemap: true,
  logLevel: 'warning',
  // Bundled CommonJS packages still ask for `require`.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
}
const builds = [
  {
    ...shared,
    entryPoints: { cli: 'server/cli.ts', server: 'server/main.ts', storeWorker: 'server/storage/local/worker.ts' },
    outdir: 'dist',
    minifySyntax: true,
  },
  // Split, so that activation reads no more than it needs: the client library comes with the first question.
  {
    ...shared,
    entryPoints: { extension: 'client/extension.ts' },
    outdir: 'dist',
    splitting: true,
    chunkNames: 'client-[hash]',
    external: ['vscode'],
    minifySyntax: true,
  },
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
for (const options of builds) {
  if (watch) await (await esbuild.context(options)).watch()
  else await esbuild.build(options)
}
