import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Frame, Page } from 'playwright-core'

const program = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
interface Axe {
  readonly run: (on: Element) => Promise<{
    readonly violations: readonly {
      readonly id: string
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
    }[]
  }>
}

/** What keeps somebody out of a page: what each barrier is, and the first place of it. */
export async function barriersOf(page: Page | Frame): Promise<string[]> {
  // Evaluated by the browser's debugger: the page's own rules let no foreign script in.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(program)
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run(document.documentElement)
    return violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary].join(' '))
  })
}
