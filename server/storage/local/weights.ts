import { constants, copyFileSync, linkSync, rmSync } from 'node:fs'
import { EpochtreeError } from '../../errors'

/** Gives a content-addressed file a second name; its bytes are touched only where the file system can neither link nor clone. */
export function placeFile(from: string, to: string): 'linked' | 'cloned' | 'copied' {
  try {
    linkSync(from, to)
    return 'linked'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new EpochtreeError(
        'no-weights',
        `The weights file ${from} is not here any more. Take an earlier epoch that has its weights, or bring the file back.`,
        { cause: error },
      )
    if (code === 'EEXIST') {
      rmSync(to)
      return placeFile(from, to)
    }
  }
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE)
    return 'cloned'
  } catch {
    copyFileSync(from, to)
    return 'copied'
  }
}
