/** Whether a program is Python, by its name: `python`, `python3.12`, `py`, or a path to one. */
export function isPython(program: string): boolean {
  const name = program.slice(Math.max(program.lastIndexOf('/'), program.lastIndexOf('\\')) + 1).toLowerCase()
  return /^(python|pypy)\d*(\.\d+)?[dtw]?(\.exe)?$|^pyw?(\.exe)?$/.test(name)
}

/** The command with the chosen Python, where it is one of Python; any other stays as it was recorded. */
export function withPython(argv: readonly string[], chosen: string | undefined): readonly string[] {
  const [program = '', ...words] = argv
  if (chosen === undefined || !isPython(program)) return argv
  // The launcher of Windows takes the version as its first word, which no other Python understands.
  const launcher = /(^|[/\\])pyw?(\.exe)?$/i.test(program)
  const rest = launcher && /^-(\d(\.\d+)?(-\d+)?|V:.*)$/.test(words[0] ?? '') ? words.slice(1) : words
  return [chosen, ...rest]
}

type Environment = Readonly<Record<string, string | undefined>>

/** What a training needs in its environment: its session, and a Python that finds the package also where it is not installed. */
export function trainingEnvironment(
  launch: Readonly<Record<string, string>>,
  packageFolder: string,
  inherited: Environment,
  platform: NodeJS.Platform,
): Record<string, string> {
  // Windows takes the names of variables in any case.
  const name =
    platform === 'win32' ? (Object.keys(inherited).find((one) => one.toUpperCase() === 'PYTHONPATH') ?? 'PYTHONPATH') : 'PYTHONPATH'
  const before = inherited[name]
  const parts = [packageFolder, ...(before ? [before] : [])]
  return { ...launch, [name]: parts.join(platform === 'win32' ? ';' : ':') }
}
