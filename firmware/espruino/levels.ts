/**
 * What `policy.ts` says of each proof over a link that does not verify the server, which is what this engine has:
 * `,proof:rank,status`. The build writes the text in the place of this one from the policy itself.
 */
export const LEVELS: string = "";
