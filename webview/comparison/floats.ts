import type { Floats } from '../../server/protocol/comparison'

export function numbers(text: Floats): Float64Array {
  const bytes = Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))
  return new Float64Array(bytes.buffer)
}
