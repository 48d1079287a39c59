// What a user gets, built: the extension, its language server, the command line, and the Python package.
import { cpSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

export const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.13',
  sourcemap: true,
  logLevel: 'warning',
  // Its main file looks up its parts while it runs, where a bundler can't see them.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  // Bundled CommonJS packages still ask for `require`.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
}

/** The bundles, for esbuild. */
export const product = (outdir, more = {}) => [
  {
    ...shared,
    entryPoints: { server: 'server/main.ts', storeWorker: 'server/storeWorker.ts' },
    outdir,
    minifySyntax: true,
    ...more,
  },
  // Split, so that a command loads no more than it needs.
  {
    ...shared,
    entryPoints: { cli: 'server/cli.ts' },
    outdir,
    splitting: true,
    chunkNames: 'cli-[hash]',
    minifySyntax: true,
    ...more,
  },
  // What a folder with a team needs: split, so that each of the three clients is loaded with the first question to its server.
  {
    ...shared,
    entryPoints: { team: 'server/storage/team/main.ts' },
    outdir,
    splitting: true,
    chunkNames: 'team-[hash]',
    minifySyntax: true,
    ...more,
  },
  // Pages of webviews, which run in a browser.
  {
    ...shared,
    banner: {},
    platform: 'browser',
    target: 'es2023',
    entryPoints: [
      { in: 'webview/epoch/main.ts', out: 'epoch' },
      { in: 'webview/epoch/epoch.css', out: 'epoch' },
      { in: 'webview/comparison/comparison.css', out: 'comparison' },
      // All in one, for a comparison that is written into a file.
      { in: 'webview/comparison/main.ts', out: 'file' },
      { in: 'webview/comparison/file.css', out: 'file' },
    ],
    outdir: join(outdir, 'webview'),
    minify: true,
    ...more,
  },
  // Split, so that graphs are loaded when one is looked at.
  {
    ...shared,
    banner: {},
    platform: 'browser',
    target: 'es2023',
    entryPoints: { comparison: 'webview/comparison/main.ts' },
    outdir: join(outdir, 'webview'),
    splitting: true,
    chunkNames: 'comparison-[hash]',
    minify: true,
    ...more,
  },
  // What lays graphs out, as it came, and the whole program of the worker, as text: pages load it with the first graph.
  {
    bundle: true,
    format: 'esm',
    target: 'es2023',
    stdin: { contents: "export { default } from 'elkjs/lib/elk-worker.min.js'", resolveDir: import.meta.dirname },
    loader: { '.js': 'text' },
    outfile: join(outdir, 'webview', 'elk.js'),
    logLevel: 'warning',
    ...more,
  },
  {
    bundle: true,
    format: 'iife',
    target: 'es2023',
    entryPoints: { layoutWorker: 'webview/comparison/graph/worker/main.ts' },
    banner: { js: "import elk from './elk.js'\nfunction ours() {" },
    footer: { js: '}\nexport default `${elk}\\n;(${ours})()`' },
    outdir: join(outdir, 'webview'),
    minify: true,
    logLevel: 'warning',
    ...more,
  },
  // Split, so that activation reads no more than it needs: the client library comes with the first question.
  {
    ...shared,
    entryPoints: { extension: 'client/extension.ts' },
    outdir,
    splitting: true,
    chunkNames: 'client-[hash]',
    external: ['vscode'],
    minifySyntax: true,
    ...more,
  },
]

/** The Python package in a folder that holds nothing else: on PYTHONPATH it hides no one's module. */
export function copyPython(root, outdir) {
  const from = join(root, 'python', 'epochtree')
  const to = join(outdir, 'python', 'epochtree')
  rmSync(join(outdir, 'python'), { recursive: true, force: true })
  cpSync(from, to, { recursive: true, filter: (path) => !['__pycache__', '.ruff_cache'].includes(basename(path)) })
}
