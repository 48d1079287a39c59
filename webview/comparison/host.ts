import type { Answer, Asked, Question } from '../../server/protocol/comparison'
import { contentOf } from '../parts/contentOf'
import { type Action, fromPage, type FromPage, type PageState, pageState, questions, toPage, type ToPage } from '../messages/comparison'

export type Shown = Extract<ToPage, { type: 'show' }>

/** Where the page gets its answers: the editor, or the file that it was written into. */
export interface Host {
  /** Rejects with the reason in a sentence, and with an AbortError when the signal is. */
  ask<Name extends Question>(question: Name, asked: Asked<Name>, signal?: AbortSignal): Promise<Answer<Name>>
  /** Undefined where nothing can be done with epochs. */
  readonly act: ((action: Action, reference: string) => void) | undefined
  /** Shows other models in this page; undefined where there are no others. */
  readonly compare: ((references: readonly string[]) => void) | undefined
  save(name: string, content: string, base64?: boolean): void
  copy(text: string): void
  /** What was kept through a reload, as it was then. */
  readonly kept: PageState | undefined
  keep(state: PageState): void
}

export interface Listener {
  show(shown: Shown): void
  /** What is wrong, in a sentence; undefined when it is over. */
  trouble(message: string | undefined): void
}

declare function acquireVsCodeApi(): {
  postMessage(message: FromPage): void
  getState(): unknown
  setState(state: PageState): void
}

/** A question that was sent. */
interface Waiting {
  readonly question: Question
  readonly done: (answer: never) => void
  readonly refused: (error: Error) => void
  /** Nobody can call it off any more. */
  readonly settled: () => void
}

/** The extension, which asks the language server. */
export function editorHost(listener: Listener): Host {
  const editor = acquireVsCodeApi()
  const send = (message: FromPage) => editor.postMessage(fromPage.parse(message) as FromPage)
  const waiting = new Map<number, Waiting>()
  let last = 0
  const hear = (data: unknown) => {
    const parsed = toPage.safeParse(data)
    if (!parsed.success) return
    const message = parsed.data
    switch (message.type) {
      case 'show':
        listener.show(message)
        return
      case 'trouble':
        listener.trouble(message.message)
        return
      case 'mended':
        listener.trouble(undefined)
        return
      default: {
        const one = waiting.get(message.id)
        waiting.delete(message.id)
        if (!one) return
        one.settled()
        if (message.type === 'refused') return one.refused(new Error(message.message))
        const answer = questions[one.question].answer.safeParse(message.answer)
        if (answer.success) one.done(answer.data as never)
        else one.refused(new Error('The answer could not be read.'))
      }
    }
  }
  window.addEventListener('message', ({ data }: MessageEvent<unknown>) => hear(data))
  const state = pageState.safeParse(editor.getState())
  send({ type: 'ready' })
  // Kept is something only where the page was here before: what stands in it is old then, and the extension tells anew.
  if (!state.success && document.getElementById('told')) queueMicrotask(() => hear(contentOf('told')))
  return {
    ask: (question, asked, signal) =>
      new Promise((done, refused) => {
        const id = ++last
        const abort = () => {
          if (!waiting.delete(id)) return
          send({ type: 'cancel', id })
          refused(new DOMException('No longer wanted', 'AbortError'))
        }
        if (signal?.aborted) return refused(new DOMException('No longer wanted', 'AbortError'))
        // A signal may outlive its questions by far.
        signal?.addEventListener('abort', abort, { once: true })
        waiting.set(id, { question, done, refused, settled: () => signal?.removeEventListener('abort', abort) })
        send({ type: 'ask', id, question, asked } as FromPage)
      }),
    act: (action, reference) => send({ type: 'act', action, reference }),
    compare: (references) => send({ type: 'compare', references }),
    save: (name, content, base64 = false) => send({ type: 'save', name, content, base64 }),
    copy: (text) => send({ type: 'copy', text }),
    kept: state.success ? state.data : undefined,
    keep: (kept) => editor.setState(kept),
  }
}
