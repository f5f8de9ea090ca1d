/** A bundle of esbuild's, not minified, whose functions of some files are made on demand. @param groups a group's name to its files */
export function withGroups(bundle: string, groups: Record<string, readonly string[]>): string;
