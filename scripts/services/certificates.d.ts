export interface Certificate {
    /** Of the authority that signed it. */
    readonly caFile: string;
    readonly certFile: string;
    readonly keyFile: string;
}
/** An authority of its own, and a certificate for loopback that it signed; one that is out of date where it says so. */
export declare function makeCertificate(folder: string, { expired }?: {
    expired?: boolean | undefined;
}): Promise<Certificate>;
