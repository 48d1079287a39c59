import type { SavedAnswer, SavedComparison } from '../../server/protocol/comparison'
import { comparison as comparisonSchema, pageState, questions, savedAnswer } from '../messages/comparison'
import { comparisonTexts, type ComparisonTexts } from '../messages/comparisonTexts'
import { answerFrom } from './fileAnswers'
import { contentOf } from '../parts/contentOf'
import { fileBar } from './fileBar'
import type { Host, Listener } from './host'

const STATE = 'epochtree.comparison'

/** The file that the page was written into: it answers what was recorded, and nothing can be changed from it. */
export function fileHost(saved: SavedComparison, listener: Listener): Host {
  const { recorded, language } = saved
  const texts: ComparisonTexts = { ...comparisonTexts, ...saved.texts }
  const comparison = comparisonSchema.parse(saved.comparison)
  const answers = new Map<number, SavedAnswer>()
  const read = (place: number) => {
    const known = answers.get(place) ?? (savedAnswer.parse(contentOf(`answer-${place}`)) as SavedAnswer)
    answers.set(place, known)
    return known
  }
  document.body.prepend(fileBar(saved, texts))
  // The page is not yet there while it is given its host.
  queueMicrotask(() => listener.show({ type: 'show', comparison, changed: [], texts, language, trusted: false }))
  const state = pageState.safeParse(attempt(() => JSON.parse(sessionStorage.getItem(STATE) ?? 'null') as unknown))
  return {
    ask: async (question, asked, signal) => {
      signal?.throwIfAborted()
      const found = answerFrom(comparison, recorded, read, question, asked)
      if (found === undefined) throw new Error(texts.notInFile)
      return questions[question].answer.parse(found)
    },
    act: undefined,
    compare: undefined,
    save: (name, content, base64 = false) => {
      const bytes = base64 ? Uint8Array.from(atob(content), (char) => char.charCodeAt(0)) : content
      const address = URL.createObjectURL(new Blob([bytes]))
      const link = document.createElement('a')
      link.href = address
      link.download = name
      link.click()
      // The browser reads it after the click.
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    },
    copy: (text) => void navigator.clipboard.writeText(text).catch(() => listener.trouble(texts.notCopied)),
    kept: state.success ? state.data : undefined,
    // Where a browser keeps nothing for files, a reload begins anew.
    keep: (kept) => attempt(() => sessionStorage.setItem(STATE, JSON.stringify(kept))),
  }
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
