/** The texts of the comparison's page, in English; the extension sends them in the editor's language. Numbers in braces are filled in. */
export const comparisonTexts = {
  title: 'Comparison',
  models: 'Models',
  views: 'Views',
  overview: 'Overview',
  curves: 'Curves',
  differences: 'Differences',
  graph: 'Graph',
  tradeoff: 'Trade-off',
  samples: 'Samples',
  shared: 'shared past',
  noCommonPast: 'They have no epoch in common.',
  partedAt: '{0} and {1} part after epoch {2}',
  noChange: 'alike',
} as const
export type ComparisonTexts = Readonly<Record<keyof typeof comparisonTexts, string>>
