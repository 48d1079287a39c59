import type { Range, ReferencePart, ScriptModel, SessionCall, EvaluateCall, Setting, WrittenReference } from './types'

const holds = ({ from, to }: Range, offset: number) => from <= offset && offset <= to

/** The reference that the offset lies in, or just behind. */
export function referenceAt({ references }: ScriptModel, offset: number): WrittenReference | undefined {
  return references.find((reference) => holds(reference, offset))
}

/** The hyper-parameters or plan keys that the offset lies in: several, where several calls use them. */
export function settingsAt({ settings }: { readonly settings: readonly Setting[] }, offset: number): readonly Setting[] {
  return settings.filter((setting) => holds(setting, offset))
}

/** The call whose function or first argument the offset lies in. */
export function callAt({ sessions, evaluations }: ScriptModel, offset: number): SessionCall | EvaluateCall | undefined {
  return [...sessions, ...evaluations].find(
    ({ callee, arguments: given }) => holds(callee, offset) || (given[0] && holds(given[0], offset)),
  )
}

/** Which part of a reference is being typed, given its text, without quotes, and the cursor in it. */
export function referencePartAt(text: string, cursor: number): ReferencePart {
  const at = text.indexOf('@')
  const part = (from: number, to: number) => ({ from, to, typed: text.slice(from, Math.max(from, cursor)) })
  const tilde = lastTilde(text, at + 1)
  if (at < 0 || cursor <= at) {
    const end = at < 0 ? (tilde ?? text.length) : at
    if (at < 0 && cursor > end) return { kind: 'back', session: text.slice(0, end), epoch: '', ...part(end + 1, text.length) }
    return { kind: 'session', ...part(0, end) }
  }
  const session = text.slice(0, at)
  const end = tilde ?? text.length
  if (cursor > end) return { kind: 'back', session, epoch: text.slice(at + 1, end), ...part(end + 1, text.length) }
  const [head, direction, opening] = /^(min|max)([(:])/.exec(text.slice(at + 1)) ?? []
  const from = at + 1 + (head?.length ?? 0)
  if (head === undefined || cursor < from) return { kind: 'epoch', session, ...part(at + 1, end) }
  const close = opening === '(' && text[end - 1] === ')' && end - 1 >= from ? end - 1 : end
  return cursor <= close
    ? { kind: 'metric', session, direction: direction as 'min' | 'max', ...part(from, close) }
    : { kind: 'epoch', session, ...part(at + 1, end) }
}

/** Where `~n` begins. A metric's name may hold `~` itself, as long as it is closed after it. */
function lastTilde(text: string, from: number): number | undefined {
  const found = /~\d*$/.exec(text.slice(from))
  const open = /^(?:min|max)\(/.test(text.slice(from)) && found && text[from + found.index - 1] !== ')'
  return found && !open ? from + found.index : undefined
}
