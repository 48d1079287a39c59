import { type Say } from '../vscode/root';
import type { Certificate } from './certificates';
import { type Running } from './running';
export type ElasticVersion = '9.5.0' | '8.19.0';
export interface ElasticUser {
    readonly name: string;
    readonly password: string;
    /** `superuser`, or one of `ROLES`. */
    readonly role: 'superuser' | keyof typeof ROLES;
}
/** What a user may do who is not allowed everything. */
declare const ROLES: {
    readonly reader: {
        readonly cluster: readonly ['monitor'];
        readonly indices: readonly [{
            readonly names: readonly ['*'];
            readonly privileges: readonly ['read', 'view_index_metadata'];
        }];
    };
    readonly nothing: {
        readonly cluster: readonly [];
        readonly indices: readonly [];
    };
};
export interface ElasticOptions {
    readonly version?: ElasticVersion;
    /** Kept when it stops; without it the data go with the server. */
    readonly dataDir?: string;
    readonly port?: number;
    /** Turns security on: these may enter, with a password. The first must be a `superuser`. */
    readonly users?: readonly ElasticUser[];
    /** With it only TLS is spoken. */
    readonly tls?: Certificate;
    readonly settings?: Readonly<Record<string, string | number | boolean>>;
    readonly say?: Say;
}
/** Elasticsearch itself. As root it runs as another user, since it refuses root. */
export declare function startElastic({ version, dataDir, port, users, tls, settings, say, }?: ElasticOptions): Promise<Running>;
/** Brings it here, with a Java that it runs on. */
export declare function fetchElastic(version: ElasticVersion, say: Say): Promise<{
    readonly java: string;
    readonly home: string;
}>;
export {};
