import { Buffer } from 'node:buffer'
import type { Floats } from '../protocol/comparison'

export const floats = (values: readonly number[]): Floats => Buffer.from(Float64Array.from(values).buffer).toString('base64')
