import type { Say } from '../vscode/root';
/** Another user, for programs that refuse to run as root. */
export interface User {
    readonly uid: number;
    readonly gid: number;
}
/** `nobody`, who has this number on every Linux; undefined where we are no root and a program simply runs as us. */
export declare const other: () => User | undefined;
/** Where servers are kept once they were fetched, outside every checkout. */
export declare const cache: () => string;
/** As `cache`, for what another user runs: a private home above it would shut that user out. */
export declare function place(): string;
/** Whether another user could enter and read it. */
export declare function opened(folder: string): boolean;
/** A folder for the data of one server. */
export declare function freshFolder(name: string, base?: string): string;
/** Makes a folder once, whoever asks for it at the same time; what was begun and broken off is thrown away. */
export declare function once(folder: string, what: string, say: Say, make: (into: string) => Promise<void>): Promise<string>;
export interface Tool {
    readonly program: string;
    readonly args: readonly string[];
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** What mends it when the program is not there. */
    readonly remedy: string;
}
/** Runs a tool to its end; what it prints. */
export declare function tool({ program, args, cwd, env, remedy }: Tool): Promise<string>;
