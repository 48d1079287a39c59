import { setTimeout as pause } from 'node:timers/promises'

/** Asks again until the answer is neither false nor undefined; says what it waited for when it never is. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer> | Answer,
  within = 30_000,
): Promise<Exclude<Answer, false | undefined>> {
  const end = Date.now() + within
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== false && answer !== undefined) return answer as Exclude<Answer, false | undefined>
      last = answer
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`Waited ${within / 1000} s for ${what}; the last answer was ${String(last)}`, { cause: last })
    await pause(40)
  }
}
