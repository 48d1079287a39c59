import { setTimeout } from 'node:timers/promises'
import { EpochtreeError } from '../../errors'

export async function pause(milliseconds: number, signal?: AbortSignal) {
  try {
    await setTimeout(milliseconds, undefined, signal ? { signal } : {})
  } catch {
    throw new EpochtreeError('aborted', 'It was cancelled.')
  }
}
