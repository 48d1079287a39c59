/** Longer words are compared by this much of what they don't have in common at their ends. */
const longest = 48

/** The candidates most like a word, best first. */
export function nearest(word: string, candidates: Iterable<string>, n = 3): string[] {
  const wanted = word.toLowerCase()
  const found: { readonly candidate: string; readonly distance: number }[] = []
  for (const candidate of candidates) {
    const worst = found.length < n ? Infinity : (found.at(-1)?.distance ?? -1)
    const distance = distanceOf(wanted, candidate.toLowerCase(), worst)
    if (distance >= worst) continue
    const place = found.findIndex(other => other.distance > distance)
    found.splice(place < 0 ? found.length : place, 0, { candidate, distance })
    if (found.length > n) found.pop()
  }
  return found.map(({ candidate }) => candidate)
}

function distanceOf(a: string, b: string, worst: number): number {
  if (a === b) return 0
  // Half a name typed is a better hint than any misspelling.
  if (a && b.includes(a)) return Math.min(1, b.length - a.length)
  let start = 0
  while (start < a.length && a.charCodeAt(start) === b.charCodeAt(start)) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++
  const difference = Math.abs(a.length - b.length)
  if (difference >= worst) return difference
  return Math.max(difference, editDistance(a.slice(start, Math.min(a.length - end, start + longest)), b.slice(start, Math.min(b.length - end, start + longest)), worst))
}

/** Levenshtein; given up as soon as it can't be less than `worst`. */
function editDistance(a: string, b: string, worst: number): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] ?? 0
    let least = i
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0
      const cost = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1
      const value = Math.min(above + 1, (row[j - 1] ?? 0) + 1, diagonal + cost)
      row[j] = value
      diagonal = above
      if (value < least) least = value
    }
    if (least >= worst) return least
  }
  return row[b.length] ?? 0
}
