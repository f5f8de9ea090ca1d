export interface Project {
  readonly repository: string | null;
  readonly securityContact: string | null;
  readonly owners: readonly string[] | null;
}
export function missing(project: Project): string[];
export function filesOf(
  project: Project,
  root: string,
): { readonly path: string; readonly text: string; readonly isSo: boolean }[];
