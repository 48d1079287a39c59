/** The layout's program, which a worker runs. It lies beside this page's script; a page that is one file brings it in itself. */
export async function layoutProgram(): Promise<string> {
  const inlined = document.querySelector('script#layout-worker')
  if (inlined) return inlined.textContent
  const [program, engine] = ['./layoutWorker.js', './elk.js']
  // The one asks for the other; asked for here too, it need not wait for that.
  const [{ default: text }] = (await Promise.all([import(program), import(engine)])) as [{ readonly default: string }, unknown]
  return text
}
