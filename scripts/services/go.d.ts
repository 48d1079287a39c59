import { type Say } from '../vscode/root';
/** A program of ours that embeds a server, built from `scripts/services/<name>`; go.sum pins and verifies what it is made of. */
export declare function goProgram(name: string, say: Say): Promise<string>;
