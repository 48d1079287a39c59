/** A running mean: the sum of values so far, and of their weights, which undoes the pull towards zero at the beginning. */
export interface Mean {
  readonly sum: number
  readonly weight: number
}

/**
 * Exponential moving average without bias. A value that stands for several points weighs as much as they. What is no number is passed
 * over, and stays. A fork goes on from the mean of the past it shares.
 */
export function smooth(
  values: Float64Array,
  stride: Float64Array,
  smoothing: number,
  start: Mean = { sum: 0, weight: 0 },
): { readonly smoothed: Float64Array; readonly end: Mean } {
  const smoothed = new Float64Array(values.length)
  let { sum, weight } = start
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) {
      smoothed[i] = value
      continue
    }
    const kept = smoothing ** stride[i]!
    sum = sum * kept + value * (1 - kept)
    weight = weight * kept + (1 - kept)
    smoothed[i] = sum / weight
  }
  return { smoothed, end: { sum, weight } }
}
