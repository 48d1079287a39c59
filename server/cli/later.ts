type Later<Module> = {
  readonly [Name in keyof Module]: Module[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}

/** The functions of a module that is loaded when one of them is first called: most commands need few modules. */
export const later = <Module extends object>(load: () => Promise<Module>): Later<Module> =>
  new Proxy({} as Later<Module>, {
    get:
      (_, name) =>
      async (...args: readonly unknown[]) =>
        ((await load()) as Record<string | symbol, (...args: readonly unknown[]) => unknown>)[name]!(...args),
  })
