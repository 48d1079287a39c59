import type { User } from './place';
/** A server that was started here, on loopback. */
export interface Running {
    readonly url: string;
    readonly port: number;
    readonly pid: number;
    readonly dataDir: string;
    /** Ends it at once, as a power cut would (SIGKILL); its data stay. */
    kill(): Promise<void>;
    /** Lets it end; data that nobody asked to keep are removed. */
    stop(): Promise<void>;
    /** Starts it again where it was, on the same port and data, after `kill` or from running; resolves once it answers. */
    restart(): Promise<void>;
    /** What it has printed. */
    log(): string;
}
export interface Launch {
    readonly name: string;
    readonly url: (port: number) => string;
    readonly command: (port: number) => {
        readonly program: string;
        readonly args: readonly string[];
        readonly env?: NodeJS.ProcessEnv;
    };
    /** Written anew at each start. */
    readonly prepare?: (port: number) => void;
    /** Fails as long as it does not answer. */
    readonly ready: (port: number) => Promise<void>;
    readonly dataDir: string;
    readonly logFile: string;
    /** Removed with `stop`. */
    readonly temporary: string | undefined;
    readonly port?: number;
    readonly user?: User | undefined;
    /** How long a start may take at most. */
    readonly seconds: number;
}
export declare function launch(how: Launch): Promise<Running>;
/**
 * A port that is free now, below those that systems give to outgoing connections: there a client that keeps trying to reach a killed server
 * would sooner or later be given that server's port itself.
 */
export declare function freePort(): Promise<number>;
