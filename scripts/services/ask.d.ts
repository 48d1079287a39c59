export interface Asked {
    readonly method?: string;
    readonly body?: string;
    readonly username?: string;
    readonly password?: string;
}
/** One plain request to a server that was started here; its certificate is whoever starts it's to try. */
export declare function ask(url: string, { method, body, username, password }?: Asked): Promise<{
    status: number;
    text: string;
}>;
