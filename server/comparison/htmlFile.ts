import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve as resolvePath } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EpochtreeError, explain } from '../errors'
import type { Answer, Comparison, Curves, Question, Recorded, SavedAnswer, SavedComparison, SavedFile } from '../protocol/comparison'
import type { Context } from '../requests'
import { scriptJson } from '../protocol/scriptJson'
import type { Progress } from '../storage/ports'
import { comparison as comparisonOf } from './comparison'
import { curveQuestions, fileQuestions, sampleQuestions } from './fileQuestions'
import { answer } from './questions'

/** What a mail still takes, and a browser opens at once. */
const MOST_BYTES = 24 * 1024 * 1024
/** The rest is for the curves. */
const MOST_BYTES_BUT_CURVES = 16 * 1024 * 1024
const MOST_MS = 60_000
const MOST_MS_BUT_CURVES = 30_000
const MARK = '<meta name="generator" content="Epochtree">'

export interface HtmlFile {
  readonly references: readonly string[]
  /** Where to: a path, relative to `cwd`. */
  readonly file: string
  readonly cwd: string
  /** The folder that holds the page's script and styles. */
  readonly page: string
  /** Whether the user agreed to the loss of a file that is there, whatever it is. */
  readonly replace?: boolean
  readonly texts?: Readonly<Record<string, string>>
  readonly language?: string
  readonly progress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Writes the comparison's page with its data into one file, which a browser shows without anything else: whole or not at all. */
export async function writeComparison(context: Context, options: HtmlFile): Promise<SavedFile> {
  const { references, progress, signal, texts = {}, language = 'en' } = options
  const file = placeFor(resolvePath(options.cwd, options.file), options.replace ?? false)
  const comparison = { ...(await comparisonOf(context, { references })), dir: '' }
  const { recorded, answers, metrics } = await record(context, comparison, { progress, signal })
  const leftOut = comparison.metrics.length - metrics.size
  const saved: SavedComparison = {
    comparison: {
      ...comparison,
      metrics: comparison.metrics.filter(({ metric }) => metrics.has(metric)),
      moreMetrics: comparison.moreMetrics + leftOut,
    },
    recorded,
    texts,
    language,
    savedAt: Date.now() / 1000,
  }
  const layout = ((await import(pathToFileURL(join(options.page, WORKER)).href)) as { readonly default: string }).default
  const html = page(options.page, saved, answers, layout)
  const temporary = join(dirname(file), `.${basename(file).slice(0, 100)}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    writeFileSync(temporary, html, { flag: 'wx' })
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw explain(error)
  }
  return { file, bytes: Buffer.byteLength(html) }
}

/** The path of the file itself, where one may be written. */
function placeFor(path: string, replace: boolean): string {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there?.isDirectory())
    throw new EpochtreeError('bad-argument', `${path} is a folder. Name a file in it, such as ${join(path, 'comparison.html')}.`)
  if (!/\.html?$/i.test(path))
    throw new EpochtreeError('bad-argument', `The name of the file must end in .html, so that it opens in a browser: ${path}.html.`)
  const folder = dirname(path)
  if (!existsSync(folder)) throw new EpochtreeError('not-found', `The folder ${folder} is not there. Make it first, or name another.`)
  if (!there) return path
  const file = there.isSymbolicLink() ? realpathSync(path) : path
  if (!lstatSync(file).isFile())
    throw new EpochtreeError('bad-argument', `${path} is no ordinary file, and can't be replaced. Name another.`)
  if (!replace && !isOurs(file))
    throw new EpochtreeError(
      'bad-argument',
      `${path} is there already, and is no comparison of Epochtree. Remove it, or name another file.`,
    )
  return file
}

function isOurs(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const head = Buffer.alloc(1024)
    const length = readSync(fd, head)
    return length === 0 || head.toString('utf8', 0, length).includes(MARK)
  } finally {
    closeSync(fd)
  }
}

interface Answers {
  readonly recorded: Recorded[]
  /** As JSON, one for each of them. */
  readonly answers: string[]
  /** Those that have curves there. */
  readonly metrics: ReadonlySet<string>
}

/** Asks what the page will ask, as long as there is room and time. */
async function record(
  context: Context,
  comparison: Comparison,
  { progress, signal }: Pick<HtmlFile, 'progress' | 'signal'>,
): Promise<Answers> {
  const recorded: Recorded[] = []
  const answers: string[] = []
  const begun = Date.now()
  const references = comparison.models.map(({ reference }) => reference)
  const curves = curveQuestions(comparison)
  let bytes = 0
  let done = 0
  let planned = curves.length
  const keep = (one: Recorded, said: SavedAnswer, most: number): boolean => {
    const text = scriptJson(said)
    if (bytes + text.length > most) return false
    bytes += text.length
    recorded.push(one)
    answers.push(text)
    return true
  }
  const ask = async <Name extends Question>({ question, asked }: Recorded & { readonly question: Name }): Promise<SavedAnswer> => {
    progress?.({ what: 'Writing the comparison', done: done++, total: planned })
    try {
      return { answer: await answer(context, { references }, question, asked as never, signal) }
    } catch (error) {
      signal?.throwIfAborted()
      return { refused: explain(error).message }
    }
  }
  const askAll = async (questions: readonly Recorded[]) => {
    planned += questions.length
    for (const one of questions) {
      if (Date.now() - begun > MOST_MS_BUT_CURVES) return
      const said = await ask(one)
      keep(one, said, MOST_BYTES_BUT_CURVES)
      if (one.question === 'sampleFields' && 'answer' in said)
        await askAll(sampleQuestions(comparison, said.answer as Answer<'sampleFields'>))
    }
  }
  await askAll(fileQuestions(comparison))
  const drawn = new Set<string>()
  for (const one of curves) {
    if (Date.now() - begun > MOST_MS) break
    const said = await ask(one)
    const { metrics, ...rest } = one.asked
    const all = metrics.every((metric) => {
      const alone = 'answer' in said ? { answer: only(said.answer as Curves, metric) } : said
      const kept = keep({ question: 'curves', asked: { metrics: [metric], ...rest } }, alone, MOST_BYTES)
      if (kept) drawn.add(metric)
      return kept
    })
    if (!all) break
  }
  return { recorded, answers, metrics: drawn }
}

const only = ({ curves, ends }: Curves, metric: string): Curves => ({ curves: curves.filter((curve) => curve.metric === metric), ends })

/** A script that can stand inside a script element: in its texts and patterns a backslash changes nothing. */
const code = (text: string) =>
  text
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '')
    .replaceAll(/<(?=\/script|!--)/gi, '\\x3c')
const style = (text: string) => text.replaceAll(/\r\n?/g, '\n').replaceAll(/\/\*# sourceMappingURL=.*?\*\//g, '')
const attribute = (text: string) => text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** A module with the text of the program that lays out graphs; a page in the editor loads it with the first graph. */
const WORKER = 'layoutWorker.js'

function page(folder: string, saved: SavedComparison, answers: readonly string[], layout: string): string {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const styles = [read('file.css'), read('comparison.css')].map(style)
  const script = code(read('file.js'))
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${styles.map(hashOf).join(' ')}; worker-src blob:; base-uri 'none'; form-action 'none'`
  const title = saved.comparison.models.map(({ label }) => label).join(', ')
  return `<!DOCTYPE html>
<html lang="${attribute(saved.language)}">
<head>
<meta charset="utf-8">
${MARK}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${attribute(title)}</title>
${styles.map((one) => `<style>${one}</style>`).join('\n')}
</head>
<body>
<noscript>This page needs JavaScript to be shown.</noscript>
<p id="trouble" role="alert" hidden></p>
<main aria-busy="true"></main>
<script type="application/json" id="saved">${scriptJson(saved)}</script>
${answers.map((text, i) => `<script type="application/json" id="answer-${i}">${text}</script>`).join('\n')}
<script type="text/plain" id="layout-worker">${code(layout)}</script>
<script type="module">${script}</script>
</body>
</html>
`
}
