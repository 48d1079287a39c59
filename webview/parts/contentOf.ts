/** The data that stand in the page itself, in a script that is none. */
export const contentOf = (id: string) => JSON.parse(document.getElementById(id)!.textContent) as unknown
