/** Calls back when the frame that is being made was painted: its first task after that. */
export function afterPaint(done: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', done, { once: true })
  port1.start()
  port2.postMessage(null)
}
