const LOOK_MS = 100

/** One signal for a piece of work: the asker's, and that of a store that is closed. */
export function following(
  signal: AbortSignal | undefined,
  closing: AbortSignal,
): { readonly signal: AbortSignal; readonly end: () => void } {
  if (!signal) return { signal: closing, end: () => undefined }
  if ('addEventListener' in signal) return { signal: AbortSignal.any([signal, closing]), end: () => undefined }
  // A thread's signal is only ever looked at, but requests need one that calls.
  const { aborted } = signal as Pick<AbortSignal, 'aborted'>
  const controller = new AbortController()
  if (aborted) controller.abort()
  const look = setInterval(() => {
    if ((signal as Pick<AbortSignal, 'aborted'>).aborted) controller.abort()
  }, LOOK_MS)
  return { signal: AbortSignal.any([controller.signal, closing]), end: () => clearInterval(look) }
}
