// The licences of the packages whose code is in the bundles, as the bundler tells which those are.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Text that names each package with its licence; fails where one is not known. */
export function notices(root, metafiles) {
  const names = new Set(metafiles.flatMap(({ inputs }) => Object.keys(inputs).flatMap((path) => packageOf(path) ?? [])))
  const parts = [...names]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => {
      const folder = join(root, name)
      const { name: title, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|-|$)/i.test(entry))
      if (!license) throw new Error(`${title} ${version} does not say its licence. Find it out before it is shipped.`)
      const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim()
      return `${title} ${version} (${license})\n\n${text}`
    })
  const rule = `\n\n${'-'.repeat(80)}\n\n`
  return `Epochtree contains code of the following packages, under their own licences.${rule}${parts.join(rule)}\n`
}

/** The folder of the package that a bundled file is of: nested ones are their own. */
function packageOf(path) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
  return found !== undefined && existsSync(join(found, 'package.json')) ? found : undefined
}
