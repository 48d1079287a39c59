/** What went wrong, as it is told. */
export const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))
