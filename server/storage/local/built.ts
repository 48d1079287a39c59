import { existsSync } from 'node:fs'
import { EpochtreeError } from '../../errors'

/** A program that lies beside the bundle that asks for it, or where the build put it. */
export function built(name: string): URL {
  const beside = new URL(name, import.meta.url)
  if (existsSync(beside)) return beside
  for (let folder = new URL('./', import.meta.url); ; folder = new URL('../', folder)) {
    const found = new URL(`dist/${name}`, folder)
    if (existsSync(found)) return found
    if (folder.pathname === '/' || /^\/[A-Za-z]:\/$/.test(folder.pathname))
      throw new EpochtreeError('failed', `The program ${name} is missing. Run \`npm run build\`, or install Epochtree again.`)
  }
}
