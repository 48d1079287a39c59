/** What is put into a training script, and where. */
export interface Tracking {
  /** The import, with the line it goes to; undefined where the package is imported already. */
  readonly import: { readonly line: number; readonly text: string } | undefined
  /** In the editor's snippet syntax. */
  readonly snippet: string
}

/** Tracking code for a script: the package by the name that it has there, the model by the script's. */
export function trackingFor(text: string, fileName: string): Tracking {
  const lines = text.split(/\r?\n/)
  const known = importedAs(lines)
  const name = known ?? 'epochtree'
  return {
    import: known === undefined ? importAt(lines) : undefined,
    snippet: [
      `with ${name}.session("\${1:${modelName(fileName)}}", hyperparameters={\${2:"lr": 1e-3}}) as session:`,
      '\tif session.starts_from:  # a fork, or a resumed session: go on from its graph and weights',
      '\t\t${3:model = load(session.starts_from.graph, session.starts_from.weights_path)}',
      '\tfor epoch in session.epochs(${4:40}):',
      '\t\t${5:loss = train_one_epoch(model)}',
      '\t\tepoch.log({${6:"loss": loss}}, split="${7:train}")',
      '\t\tepoch.commit(graph=${8:None}, weights=${9:"model.safetensors"})',
      '$0',
    ].join('\n'),
  }
}

function importedAs(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const [, alias] = /^\s*import\s+epochtree(?:\s+as\s+(\w+))?\s*(?:#.*)?$/.exec(line) ?? []
    if (alias !== undefined) return alias
    if (/^\s*import\s+epochtree\s*(?:#.*)?$/.test(line)) return 'epochtree'
  }
  return undefined
}

const IMPORT = /^(import|from)\s+\S/

/** Behind the script's last import at its top, else behind its docstring and comments. */
function importAt(lines: readonly string[]): { line: number; text: string } {
  const start = behindDocstring(lines)
  let last = -1
  for (let i = start; i < lines.length; i++) {
    const line = lines[i]!
    if (IMPORT.test(line)) {
      last = endOfStatement(lines, i)
      i = last
    } else if (line.trim() !== '' && !line.startsWith('#')) break
  }
  if (last >= 0) return { line: last + 1, text: 'import epochtree\n' }
  const follows = lines[start]
  return { line: start, text: follows === undefined || follows.trim() === '' ? 'import epochtree\n' : 'import epochtree\n\n' }
}

/** An import may go on over lines, in brackets or behind a backslash. */
function endOfStatement(lines: readonly string[], from: number): number {
  let open = 0
  for (let i = from; i < lines.length; i++) {
    const code = lines[i]!.replace(/#.*$/, '')
    for (const char of code) open += char === '(' ? 1 : char === ')' ? -1 : 0
    if (open <= 0 && !code.trimEnd().endsWith('\\')) return i
  }
  return lines.length - 1
}

function behindDocstring(lines: readonly string[]): number {
  let i = 0
  while (i < lines.length && (lines[i]!.startsWith('#') || lines[i]!.trim() === '')) i++
  const [, quotes] = /^[rRuU]?("""|''')/.exec(lines[i] ?? '') ?? []
  if (quotes === undefined) return /^[rRuU]?(["']).*\1\s*$/.test(lines[i] ?? '') ? i + 1 : firstLine(lines)
  const rest = lines[i]!.slice(lines[i]!.indexOf(quotes) + 3)
  if (rest.includes(quotes)) return i + 1
  const end = lines.findIndex((line, at) => at > i && line.includes(quotes))
  return end < 0 ? i : end + 1
}

/** `#!` and the encoding must stay in front. */
const firstLine = (lines: readonly string[]) => {
  const after = lines.findIndex((line) => !/^#(!|.*coding[:=])/.test(line))
  return after < 0 ? lines.length : after
}

/** As a snippet's placeholder may hold it. */
function modelName(fileName: string): string {
  const base = fileName.replace(/^.*[/\\]/, '').replace(/\.\w+$/, '')
  const name = base.replaceAll(/[^\p{L}\p{N}_-]+/gu, '-').replaceAll(/^-+|-+$/g, '')
  return name === '' || /^(train|main|untitled-?\d*|run|script)$/i.test(name) ? 'model' : name
}
