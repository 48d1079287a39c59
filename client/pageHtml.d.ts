export interface PageFiles {
  readonly script: string
  /** What the script imports outright: fetched together with it, not after it. */
  readonly parts?: readonly string[]
  readonly style: string
  readonly nonce: string
  readonly language: string
  /** What the page says until it is filled. */
  readonly title: string
  /** True where it computes in workers of its own. */
  readonly workers?: boolean
}
/** The page's frame: nothing in it runs, and nothing is fetched, but the two files that come with the extension. */
export declare function pageHtml({ script, parts, style, nonce, language, title, workers }: PageFiles): string
/** Files beside a built script that it imports outright. */
export declare const partsOf: (script: string) => string[]
