import type { LogOutputChannel } from 'vscode'

/** By the names that `Login` gives them, in whatever form a message is written down. */
const SECRET = /("(?:password|apiKey)"\s*:\s*)"(?:[^"\\]|\\.)*"/g

/** People paste addresses as they have them, also where none with a password is taken. */
const LOGIN = /\b((?:mongodb(?:\+srv)?|https?):\/\/)(?:[^"\\\s]|\\.)*@/gi

export const masked = (text: string): string => text.replaceAll(SECRET, '$1"***"').replaceAll(LOGIN, '$1***@')

/** The log as messages between editor and server are traced into it, where somebody asked for that: without what people keep secret. */
export const withoutSecrets = (log: LogOutputChannel): LogOutputChannel =>
  Object.create(log, { trace: { value: (text: string) => log.trace(masked(text)) } }) as LogOutputChannel
