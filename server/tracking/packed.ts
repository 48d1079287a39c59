import { Buffer } from 'node:buffer'
import type { Floats, Integers } from '../protocol/comparison'

const base64 = ({ buffer, byteOffset, byteLength }: Float64Array | Int32Array) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64')

/** NaN where there is no number. */
export const packFloats = (values: Iterable<number | null>): Floats =>
  base64(values instanceof Float64Array ? values : Float64Array.from(values, (value) => value ?? NaN))
export const packIntegers = (values: Iterable<number>): Integers => base64(Int32Array.from(values))
