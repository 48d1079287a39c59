import type { Page } from '../page'
import type { Look } from './paint'

/** The theme's colours and font, as a canvas takes them. */
export class Theme implements Look {
  foreground = ''
  quiet = ''
  grid = ''
  background = ''
  font = ''
  readonly #page: Page
  readonly #colours = new Map<string, string>()

  constructor(page: Page) {
    this.#page = page
    this.renew()
  }

  /** The theme is another. */
  renew(): void {
    this.#colours.clear()
    const style = getComputedStyle(document.body)
    const of = (name: string) => style.getPropertyValue(name).trim()
    this.foreground = style.color
    this.quiet = of('--quiet') || style.color
    this.grid = of('--grid')
    this.background = of('--vscode-editor-background')
    this.font = style.fontFamily
  }

  /** Kept, because every frame asks. */
  colour(models: readonly number[]): string {
    const key = String(models)
    let colour = this.#colours.get(key)
    if (colour === undefined) this.#colours.set(key, (colour = this.#page.colour(models)))
    return colour
  }
}
