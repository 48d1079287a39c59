import { type Say } from '../vscode/root';
interface Needed {
    /** The lowest version of Java. */
    readonly least: number;
    readonly modules: readonly string[];
}
/** A Java that a server can run on: one of this machine, else one from the Python packages where that has the modules. */
export declare function javaHome({ least, modules }: Needed, say: Say): Promise<string>;
export {};
