import { chmodSync, constants, copyFileSync, linkSync, rmSync } from 'node:fs'
import { EpochtreeError } from '../../errors'
import { flush } from '../../journal/runFiles'

export const noWeights = (path: string, cause?: unknown) =>
  new EpochtreeError(
    'no-weights',
    `The weights file ${path} is not here any more. Take an earlier epoch that has its weights, or bring the file back.`,
    { cause },
  )

/** Gives a content-addressed file a second name; its bytes are touched only where the file system can neither link nor clone. */
export function placeFile(from: string, to: string): 'linked' | 'cloned' | 'copied' {
  try {
    linkSync(from, to)
    return 'linked'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw noWeights(from, error)
    if (code === 'EEXIST') {
      rmSync(to)
      return placeFile(from, to)
    }
  }
  const how = copy(from, to)
  // It came read-only like its source, and Windows flushes nothing that is.
  chmodSync(to, 0o644)
  flush(to)
  chmodSync(to, 0o444)
  return how
}

function copy(from: string, to: string): 'cloned' | 'copied' {
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE)
    return 'cloned'
  } catch {
    copyFileSync(from, to)
    return 'copied'
  }
}
