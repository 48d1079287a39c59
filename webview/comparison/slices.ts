const SLICE_MS = 8

/** Lets the page breathe: resolves when it may go on. */
export const breath = () => new Promise<void>((go) => setTimeout(go))

/** Does something for each in slices, so that the page never stands still; false when it was called off in between. */
export async function inSlices<Value>(all: Iterable<Value>, act: (value: Value) => void, signal: AbortSignal): Promise<boolean> {
  let begun = performance.now()
  for (const one of all) {
    if (performance.now() - begun > SLICE_MS) {
      await breath()
      begun = performance.now()
    }
    if (signal.aborted) return false
    act(one)
  }
  return !signal.aborted
}
