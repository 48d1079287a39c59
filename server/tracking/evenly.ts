/** At most so many of the items: the first, the last, and between them as many as fit, at even distances. Of one, the last. */
export function evenly<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items
  if (most === 1) return [items.at(-1)!]
  return Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]!)
}
