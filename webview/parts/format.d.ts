import type { Json, JsonNumber } from '../../server/protocol/model'
export declare function fill(text: string, ...values: readonly (string | number)[]): string
/** A value as short as its reader needs it. */
export declare function short(value: JsonNumber, language: string): string
export declare const whole: (value: number | null, language: string) => string
export declare const share: (part: number, all: number, language: string) => string
/** How far a value is from an earlier one, with its sign; undefined where a difference has no meaning. */
export declare function change(
  from: JsonNumber,
  to: JsonNumber,
  language: string,
):
  | {
      by: string
      share: string
    }
  | undefined
export declare function bytes(count: number, language: string): string
export declare const shapeText: (shape: readonly number[]) => string
export declare const moment: (seconds: number, language: string) => string
export declare function valueText(value: Json | undefined): string
/** Paths and values of settings; nested ones with dots, as `--set` takes them. */
export declare function settings(
  value: {
    readonly [key: string]: Json
  },
  prefix?: string,
): (readonly [path: string, value: Json])[]
