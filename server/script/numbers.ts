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

/** What `float()` makes of a text. */
export function floatOf(text: string): Numeric {
  const written = text.trim().toLowerCase()
  const special = /^([-+]?)(?:inf(?:inity)?|(nan))$/.exec(written)
  if (special) return float(special[2] ? Number.NaN : special[1] === '-' ? -Infinity : Infinity)
  return { type: 'float', json: /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/.test(written) ? float(Number(written)).json : undefined }
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
  if (type === 'int' && sign === '**') return power(a.json, b.json)
  const result = calculate(sign, a.json, b.json)
  // A division by zero raises, and what is not exact in a float Python may know better.
  if (result === undefined || (type === 'int' && !Number.isSafeInteger(result))) return { type, json: undefined }
  return type === 'int' ? { type, json: result + 0 } : float(result)
}

/** Of whole numbers; a negative exponent makes a float of it. */
function power(base: number, exponent: number): Numeric {
  if (exponent < 0) return base === 0 ? UNKNOWN : float(base ** exponent)
  return exponent <= LARGEST_EXPONENT ? whole(BigInt(base) ** BigInt(exponent)) : { type: 'int', json: undefined }
}

const LARGEST_EXPONENT = 128

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
      return b === 0 ? undefined : quotient(a, b)
    case '%':
      return b === 0 ? undefined : remainder(a, b)
    case '**': {
      const power = a ** b
      return Number.isFinite(power) ? power : undefined
    }
    default:
      return undefined
  }
}

/** Has the sign of the divisor. */
function remainder(a: number, b: number): number {
  const rest = a % b
  if (rest === 0) return b < 0 ? -0 : 0
  return rest < 0 === b < 0 ? rest : rest + b
}

function quotient(a: number, b: number): number {
  // As Python does it: 1 is taken away after the division, because beyond 2^53 that rounds otherwise.
  const rest = a % b
  const exact = (a - rest) / b - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0)
  // Of nothing, only the sign of what it was.
  if (exact === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0
  const below = Math.floor(exact)
  return exact - below > 0.5 ? below + 1 : below
}

function whole(number: bigint): Numeric {
  const json = number >= -BigInt(Number.MAX_SAFE_INTEGER) && number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : String(number)
  return { type: 'int', json }
}

function float(number: number): Numeric {
  if (Number.isFinite(number)) return { type: 'float', json: number }
  return { type: 'float', json: Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity' }
}
