import { svg } from './element'

const DOWN = 'M8 2.5v7M5 7l3 3 3-3M3 13h10'
const PATHS = {
  fork: 'M5 5.5v5M5 8c0 0 0-1.5 2-1.5h2c2 0 2-1 2-1',
  select: 'M8 9.5V14M5 2.5h6M6 2.5v4L4.5 9.5h7L10 6.5v-4',
  float: 'M2.5 8h9M8 4l4 4-4 4',
  compare: 'M8 2v12M2.5 4.5h3.5v7H2.5zM10 4.5h3.5v7H10',
  checkout: DOWN,
  copyReference: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  openScript: 'M6 5L3 8l3 3M10 5l3 3-3 3',
  previous: 'M10 3.5L5.5 8l4.5 4.5',
  up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
  remove: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  next: 'M6 3.5L10.5 8 6 12.5',
  save: DOWN,
  pin: 'M6 2.5h4M7 2.5v4L4.5 9h7L9 6.5v-4M8 9v4.5',
  log: 'M2.5 13.5v-11M2.5 13.5h11M4.5 12C6 6 9 4.5 13.5 4',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6',
} as const

export type Icon = keyof typeof PATHS

export function icon(name: Icon): SVGSVGElement {
  const dots =
    name === 'fork'
      ? [svg('circle', { cx: 5, cy: 4, r: 1.5 }), svg('circle', { cx: 5, cy: 12, r: 1.5 }), svg('circle', { cx: 11, cy: 4, r: 1.5 })]
      : []
  return svg(
    'svg',
    { class: 'icon', viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' },
    svg('path', { d: PATHS[name] }),
    ...dots,
  )
}
