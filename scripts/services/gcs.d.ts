import { type Say } from '../vscode/root';
import type { Certificate } from './certificates';
import { type Running } from './running';
export interface GcsOptions {
    /** Kept when it stops; without it the data go with the server. */
    readonly dataDir?: string;
    readonly port?: number;
    /** With it only TLS is spoken. */
    readonly tls?: Certificate;
    readonly say?: Say;
}
/** Google Cloud Storage's protocol: fake-gcs-server on files. */
export declare function startGcs({ dataDir, port, tls, say }?: GcsOptions): Promise<Running>;
/** A bucket must be there before anything is put into it. */
export declare function makeBucket(endpoint: string, name: string): Promise<void>;
