/** Why something could not be done, as a word that programs can rely on. */
export type ErrorCode =
  | 'aborted'
  | 'bad-argument'
  | 'bad-graph'
  | 'bad-journal'
  | 'bad-name'
  | 'bad-plan'
  | 'bad-reference'
  | 'ambiguous-reference'
  | 'unknown-session'
  | 'unknown-epoch'
  | 'unknown-metric'
  | 'no-weights'
  | 'not-verified'
  | 'weights-damaged'
  | 'weights-released'
  | 'session-running'
  | 'session-not-running'
  | 'session-deleted'
  | 'no-command'
  | 'command-not-recorded-here'
  | 'demo-failed'
  | 'no-python'
  | 'store-corrupt'
  | 'store-newer'
  | 'store-busy'
  | 'read-only'
  | 'disk-full'
  | 'not-found'
  | 'not-trusted'
  | 'no-team'
  | 'server-away'
  | 'server-refused'
  | 'server-damaged'
  | 'team-busy'
  | 'failed'

/** The one kind of error that reaches people: a code, and a sentence that names the remedy. */
export class EpochtreeError extends Error {
  readonly code: ErrorCode

  /** Also one of another bundle: each has its own copy of this class. */
  static override [Symbol.hasInstance](error: unknown): error is EpochtreeError {
    return error instanceof Error && error.name === 'EpochtreeError'
  }

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EpochtreeError'
    this.code = code
  }
}

/** Ends what is no longer wanted. A thread of its own has no whole signal, only whether it is aborted. */
export function checkAborted(signal: Pick<AbortSignal, 'aborted'> | undefined) {
  if (signal?.aborted) throw new EpochtreeError('aborted', 'It was cancelled.')
}

export const onlyRead = () =>
  new EpochtreeError('read-only', 'This folder is only read here, so nothing in it can be changed. Open it in a workspace that you trust.')

/** Turns what the system says into a sentence with a remedy; leaves our own errors alone. */
export function explain(error: unknown): EpochtreeError {
  if (error instanceof EpochtreeError) return error
  const { code, message, path } = error as { code?: string; message?: string; path?: string }
  const where = path ? ` (${path})` : ''
  switch (code) {
    case 'ENOSPC':
    case 'EFBIG':
    case 'EDQUOT':
      return new EpochtreeError(
        'disk-full',
        `The disk is full${where}. Free some space, for example with \`epochtree gc\`, and try again; nothing that was committed is lost.`,
      )
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new EpochtreeError(
        'read-only',
        `The folder can't be written${where}. Give yourself the right to write it, or name another folder with --dir.`,
      )
    case 'ENOENT':
      return new EpochtreeError(
        'not-found',
        `It is not there${where}. Something may have removed it just now: try again, or check the path.`,
      )
    case 'EEXIST':
    case 'ENOTDIR':
    case 'EISDIR':
      return new EpochtreeError('bad-argument', `A file is where a folder should be, or the other way round${where}. Name another path.`)
    case 'ENAMETOOLONG':
      return new EpochtreeError('bad-argument', `That path is longer than the system allows${where}. Give a shorter one.`)
    case 'EMFILE':
    case 'ENFILE':
      return new EpochtreeError('failed', `Too many files are open${where}. Close other programs, or raise the limit (\`ulimit -n\`).`)
    default:
      return new EpochtreeError('failed', `${message ?? String(error)}. If it comes again, \`epochtree doctor\` may tell why.`, {
        cause: error,
      })
  }
}
