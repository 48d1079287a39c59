import type { Json } from '../protocol/model'
import type { PythonType } from './types'

interface Numeric {
  readonly type: PythonType | undefined
  readonly json: Json | undefined
}
const UNKNOWN: Numeric = { type: undefined, json: undefined }

/** A number as Python writes it; whole ones beyond 2^53 become text, as in the journal. */
export function readNumber(written: string): Numeric {
  const text = written.replaceAll('_', '').toLowerCase()
  if (/^0[xob]/.test(text) || /^\d+$/.test(text)) {
    try {
      return whole(BigInt(text))
    } catch {
      return { type: 'int', json: undefined } // 0x, not finished yet
    }
  }
  return text.endsWith('j') ? { type: 'complex', json: undefined } : float(Number(text))
}

export function negated({ type, json }: Numeric): Numeric {
  if (typeof json === 'number') return type === 'bool' ? UNKNOWN : { type, json: type === 'int' && json === 0 ? 0 : -json }
  if (type === 'int' && typeof json === 'string') return { type, json: `-${json}` }
  if (type === 'float' && typeof json === 'string') return float(-Number(json))
  return { type: type === 'bool' ? 'int' : type, json: undefined }
}

/** `+ - * / // % **` of two numbers, as Python does it. */
export function arithmetic(sign: string, a: Numeric, b: Numeric): Numeric {
  const numeric = isNumeric(a) && isNumeric(b)
  if (!numeric) return UNKNOWN
  const type = sign === '/' || a.type === 'float' || b.type === 'float' ? 'float' : 'int'
  if (typeof a.json !== 'number' || typeof b.json !== 'number') return { type, json: undefined }
  const result = calculate(sign, a.json, b.json)
  // A division by zero raises, and what is not exact in a float Python may know better.
  if (result === undefined || (type === 'int' && !Number.isSafeInteger(result)))
    return { type: sign === '**' ? undefined : type, json: undefined }
  return type === 'int' ? { type, json: result } : float(result)
}

function isNumeric({ type }: Numeric): boolean {
  return type === 'int' || type === 'float'
}

function calculate(sign: string, a: number, b: number): number | undefined {
  switch (sign) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return b === 0 ? undefined : a / b
    case '//':
      return b === 0 ? undefined : Math.floor(a / b)
    case '%':
      return b === 0 ? undefined : a - b * Math.floor(a / b)
    case '**': {
      const power = a ** b
      return Number.isFinite(power) ? power : undefined
    }
    default:
      return undefined
  }
}

function whole(number: bigint): Numeric {
  const json = number >= -BigInt(Number.MAX_SAFE_INTEGER) && number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : String(number)
  return { type: 'int', json }
}

function float(number: number): Numeric {
  if (Number.isFinite(number)) return { type: 'float', json: number }
  return { type: 'float', json: Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity' }
}
