import type { Floats } from '../../server/protocol/comparison'

/** Every machine that runs a browser is little-endian, as what is sent is. */
export const floats = (text: Floats) => new Float64Array(bytes(text))

export const integers = (text: string) => new Int32Array(bytes(text))

function bytes(text: string): ArrayBuffer {
  const read = atob(text)
  const made = new Uint8Array(read.length)
  for (let i = 0; i < read.length; i++) made[i] = read.charCodeAt(i)
  return made.buffer
}
