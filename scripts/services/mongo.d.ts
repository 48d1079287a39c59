import { type Say } from '../vscode/root';
import type { Certificate } from './certificates';
import { type Running } from './running';
export interface MongoOptions {
    /** Kept when it stops; without it the data go with the server. */
    readonly dataDir?: string;
    readonly port?: number;
    /** With it only TLS is spoken. */
    readonly tls?: Certificate;
    readonly say?: Say;
}
/** MongoDB's protocol: FerretDB on SQLite. */
export declare function startMongo({ dataDir, port, tls, say }?: MongoOptions): Promise<Running>;
